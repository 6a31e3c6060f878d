package consulproc

import (
	"errors"
	"net"
	"strconv"
)

// Ports are open ones at one address, see [Listen]. The checks of all nodes may dial the same,
// and are passing, as in a cluster that is well.
type Ports struct {
	address string
	stops   []func() error
}

// OpenPorts opens the ports. After an error none is open.
func OpenPorts(address string, numbers []int) (*Ports, error) {
	p := &Ports{address: address}
	for _, number := range numbers {
		_, stop, err := Listen(p.Of(number))
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.stops = append(p.stops, stop)
	}
	return p, nil
}

// Of returns where a check of a port dials.
func (p *Ports) Of(number int) string { return net.JoinHostPort(p.address, strconv.Itoa(number)) }

// Address is that of all of them.
func (p *Ports) Address() string { return p.address }

// Close closes them. There may be none.
func (p *Ports) Close() error {
	if p == nil {
		return nil
	}
	var errs []error
	for _, stop := range p.stops {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
