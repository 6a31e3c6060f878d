package kvschema

import "errors"

// maxCopies is more than there are nodes anywhere.
const maxCopies = 100_000

func (d *draft) readCopies(value string) error {
	if value == "all" {
		d.service.Copies = new(int)
		return nil
	}
	if err := number(&d.service.Copies, value, 1, maxCopies); err != nil {
		return errors.New(`want "all" or a whole number from 1 to 100000`)
	}
	return nil
}

// gather has a Service announced by all nodes that only some of them serve: with
// externalTrafficPolicy Local those that run a pod of it, which nobody here knows. A few
// nodes, chosen without that, might be all the wrong ones.
func (d *draft) gather(spec object) {
	if !spec.is("externalTrafficPolicy", "Local") {
		return
	}
	if d.service.Copies != nil && *d.service.Copies > 0 {
		d.service.Warnings = append(d.service.Warnings, annotationPrefix+"spread is passed over: with externalTrafficPolicy Local only the nodes with a pod of the Service serve it, so all of them announce it")
	}
	d.service.Copies = new(int)
}
