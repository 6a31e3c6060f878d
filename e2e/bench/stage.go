package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// stage is one Consul with all contenders of one size.
type stage struct {
	options    options
	size       int
	out        io.Writer
	dir        string
	cluster    *consulproc.Cluster
	server     *api.Client    // of the one server
	agents     map[string]any // what is special in the configuration of client agents
	ports      *consulproc.Ports
	contenders []*contender
	results    map[string]*contenderResult
}

// measureSize measures all contenders at one size.
func measureSize(ctx context.Context, o options, size int, out io.Writer) (result sizeResult, err error) {
	s := &stage{options: o, size: size, out: out, results: map[string]*contenderResult{}}
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.prepare(ctx); err != nil {
		return sizeResult{}, err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"cold starts", s.coldStarts},
		{"single changes", s.changes},
		{"single deletions", s.deletions},
		{"bursts", s.bursts},
		{"memory", s.memory},
		{"idle and costs", s.costs},
	} {
		begun := time.Now()
		if err := part.do(ctx); err != nil {
			return sizeResult{}, fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(out, "  %s took %s\n", part.name, time.Since(begun).Round(time.Second))
	}
	result = sizeResult{Services: size, Namespaces: namespaces(size), Date: time.Now().UTC().Format("2006-01-02")}
	for _, c := range s.contenders {
		s.results[c.name].Died = c.died
		result.Contenders = append(result.Contenders, *s.results[c.name])
	}
	return result, nil
}

// prepare starts the server and fills the trees. Nothing else runs.
func (s *stage) prepare(ctx context.Context) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	if s.cluster, err = consulproc.Start(ctx, consulproc.Options{Binary: s.options.consul, Config: measure.LateOutput()}); err != nil {
		return err
	}
	if s.server, err = newClient(s.cluster.Servers()[0].HTTPAddr()); err != nil {
		return err
	}
	var numbers []int
	for _, service := range newTree(s.server, "", s.size).services {
		numbers = append(numbers, service.Port)
	}
	if s.ports, err = consulproc.OpenPorts(s.cluster.Servers()[0].Address(), numbers); err != nil {
		return err
	}
	for _, made := range []struct {
		name string
		make func() (*contender, error)
	}{{oursName, s.ours}, {floorName, s.floor}, {carefulName, s.careful}, {templateName, s.template}, {pluginName, s.plugin}} {
		if !s.options.takesPart(made.name, s.size) {
			continue
		}
		c, err := made.make()
		if err != nil {
			return err
		}
		if err := c.tree.putAll(ctx); err != nil {
			return err
		}
		s.contenders = append(s.contenders, c)
		s.results[c.name] = &contenderResult{Name: c.name}
	}
	return nil
}

func (s *stage) ours() (*contender, error) {
	return s.newContender(oursName, s.size, func(c *contender, consul string) ([]string, error) {
		return []string{
			s.options.registrar, "agent", "--consul-address=" + consul, "--key-path=" + c.tree.keyPath, "--telemetry-listen=",
			// As the reference configuration recommends for so many.
			fmt.Sprintf("--check-interval=%ds", 10*(1+s.size/1000)),
			"--node-address=" + s.ports.Address(),
			"--guard-allow-removals", // nobody is there to approve
		}, nil
	})
}

// floor follows one key, on an agent that holds as many services as that of ours does:
// what Consul needs for a registration depends on that.
func (s *stage) floor() (*contender, error) {
	return s.newContender(floorName, 1, func(c *contender, consul string) ([]string, error) {
		return []string{s.options.self, "floor", "-consul", consul, "-prefix", c.tree.keyPath + "/", "-check", s.ports.Of(c.tree.services[0].Port)}, nil
	})
}

func (s *stage) careful() (*contender, error) {
	return s.newContender(carefulName, s.size, func(c *contender, consul string) ([]string, error) {
		return []string{
			s.options.self, "careful", "-consul", consul, "-prefix", c.tree.keyPath + "/deployments/", "-address", s.ports.Address(),
			"-interval", fmt.Sprintf("%ds", 10*(1+s.size/1000)),
		}, nil
	})
}

func (s *stage) template() (*contender, error) {
	return s.newContender(templateName, s.size, func(c *contender, consul string) ([]string, error) {
		return writeTemplate(s.options.template, c.dir, fmt.Sprintf(pureTemplate, c.tree.keyPath), consul, c.node)
	})
}

func (s *stage) plugin() (*contender, error) {
	return s.newContender(pluginName, s.size, func(c *contender, consul string) ([]string, error) {
		return writeTemplate(s.options.template, c.dir, fmt.Sprintf(pluginTemplate, c.tree.keyPath, s.options.self), consul, c.node)
	})
}

// turns returns the contenders that are still alive, in another order each time.
func (s *stage) turns() []*contender {
	var all []*contender
	for _, i := range rand.Perm(len(s.contenders)) {
		if s.contenders[i].alive() {
			all = append(all, s.contenders[i])
		}
	}
	return all
}

// clear stops everything.
func (s *stage) clear() error {
	var errs []error
	for _, c := range s.contenders {
		if c.died == "" {
			errs = append(errs, c.stop())
		}
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	return errors.Join(append(errs, s.ports.Close(), os.RemoveAll(s.dir))...)
}
