package main

import (
	"errors"
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// ports are open ones, which the checks of all services with a NodePort of that number dial,
// whatever node they are on. In this way they are passing, as in a cluster that is well.
type ports struct {
	address string
	closers []func() error
}

// open opens the ports of a tree.
func (p *ports) open(t *tree) error {
	for _, s := range t.services {
		_, closePort, err := consulproc.Listen(p.of(s.Port))
		if err != nil {
			return err
		}
		p.closers = append(p.closers, closePort)
	}
	return nil
}

// of returns where a check dials.
func (p *ports) of(port int) string { return fmt.Sprintf("%s:%d", p.address, port) }

// close closes them.
func (p *ports) close() error {
	var errs []error
	for _, closePort := range p.closers {
		errs = append(errs, closePort())
	}
	return errors.Join(errs...)
}
