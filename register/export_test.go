package register

// Stamp is stamp, for registrations that no mapping makes.
func (r *Registration) Stamp() error { return r.stamp() }
