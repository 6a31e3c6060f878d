package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// drillTimeout bounds one drill, far beyond what any takes.
const drillTimeout = 12 * time.Minute

// A park holds the programs, the clusters that drills share, and everything that any
// registrar wrote.
type park struct {
	consul, registrar string
	policy            string // the shipped rules

	mu      sync.Mutex
	shared  map[string]*consulproc.Cluster // by default policy
	count   atomic.Int64                   // instances
	secrets map[string]string              // tokens, by what they were for
	leaks   []string                       // where one was printed
	written int                            // bytes that were searched
}

func newPark(consul, registrar, policy string) (*park, error) {
	text, err := os.ReadFile(policy)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	p := &park{policy: string(text), shared: map[string]*consulproc.Cluster{}, secrets: map[string]string{}}
	if p.consul, err = filepath.Abs(consul); err != nil {
		return nil, err
	}
	if p.registrar, err = filepath.Abs(registrar); err != nil {
		return nil, err
	}
	for _, program := range []string{p.consul, p.registrar} {
		if _, err := os.Stat(program); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// quickACLs makes agents remember tokens and policies for a second, so that drills need
// not wait half a minute.
func quickACLs() map[string]any {
	return map[string]any{"acl": map[string]any{"token_ttl": "1s", "policy_ttl": "1s", "role_ttl": "1s"}}
}

// cluster returns one that drills share, with one server.
func (p *park) cluster(ctx context.Context, policy string) (*consulproc.Cluster, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.shared[policy]; c != nil {
		return c, nil
	}
	c, err := p.fresh(ctx, setup{policy: policy})
	if err == nil {
		p.shared[policy] = c
	}
	return c, err
}

// fresh returns a cluster of one's own, without client agents.
func (p *park) fresh(ctx context.Context, s setup) (*consulproc.Cluster, error) {
	options := consulproc.Options{Binary: p.consul, Servers: s.servers, DefaultPolicy: s.policy, Config: s.config}
	if s.policy != "" && s.config == nil {
		options.Config = quickACLs()
	}
	return consulproc.Start(ctx, options)
}

func (p *park) close() {
	for _, c := range p.shared {
		_ = c.Stop()
	}
}

// run runs one drill on a stage of its own.
func (p *park) run(ctx context.Context, d drill) row {
	ctx, cancel := context.WithTimeout(ctx, drillTimeout)
	defer cancel()
	begun := time.Now()
	s, err := p.open(ctx, d.setup)
	if err == nil {
		err = d.do(s)
	}
	r := row{name: d.name, err: err}
	if s != nil {
		r = s.result(d.name, err)
		err = s.close()
	}
	r.err = errors.Join(r.err, err)
	r.took = time.Since(begun)
	return r
}

// secret notes a token, so that it is looked for at the end.
func (p *park) secret(what, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token != "" {
		p.secrets[token] = what
	}
}

// search looks for all tokens known so far in a text.
func (p *park) search(where, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written += len(text)
	for token, what := range p.secrets {
		if strings.Contains(text, token) {
			p.leaks = append(p.leaks, where+" holds the token "+what)
		}
	}
}

const secrets = "secrets: no token in anything written"

// secretsRow is the last row: no token was printed anywhere.
func (p *park) secretsRow() row {
	r := row{name: secrets, silent: true}
	r.notes = append(r.notes, fmt.Sprintf("%d tokens looked for in %d bytes", len(p.secrets), p.written))
	if len(p.leaks) > 0 {
		r.err = fmt.Errorf("%s", strings.Join(p.leaks, "; "))
	}
	r.named = r.notes[0]
	return r
}
