package takeover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const (
	readTimeout = 10 * time.Second
	// reloadTimeout bounds a reload, which takes seconds with thousands of services.
	reloadTimeout = time.Minute
	dialTimeout   = time.Second
	dialsAtOnce   = 32
)

// Site is where a takeover happens. All fields are needed.
type Site struct {
	// File is the path of consul-template's file.
	File   string
	Client *api.Client
	// HasToken tells whether the client's requests carry a token.
	HasToken bool
	Local    *register.Local
	// Node is the node as Consul knows it: its address is where others find services.
	Node register.Node
}

// ReadOld returns the old set, wherever the file is.
func (s Site) ReadOld() ([]Old, error) {
	old, _, err := s.read()
	return old.Old, err
}

// read is the part of the scene that is on disk, and the text of the file.
func (s Site) read() (Scene, []byte, error) {
	text, inPlace, retired, err := file{s.File}.read()
	if err != nil {
		return Scene{}, nil, err
	}
	old, err := Parse(text)
	if err != nil {
		return Scene{}, nil, fmt.Errorf("read old services: %s: %w", s.File, err)
	}
	return Scene{Old: old, InPlace: inPlace, Retired: retired}, text, nil
}

// look returns the scene, and the text of the file that it is about.
func (s Site) look(ctx context.Context, behind int) (Scene, []byte, error) {
	scene, text, err := s.read()
	if err != nil {
		return scene, text, err
	}
	scene.Behind = behind
	local, err := s.Local.Actual(ctx, register.Desired{})
	if err != nil {
		return scene, text, err
	}
	scene.Ours = len(local.Ours)
	catalog, err := s.Local.Cataloged(ctx, s.Node, register.Desired{}, s.HasToken)
	if err != nil {
		return scene, text, err
	}
	if err := s.find(ctx, &scene); err != nil {
		return scene, text, err
	}
	scene.Lacking = lacking(scene.Old, catalog)
	s.knock(ctx, scene.Lacking)
	return scene, text, nil
}

// find looks for the old set on the agent and in the catalog.
func (s Site) find(ctx context.Context, scene *Scene) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(ctx)
	here, err := s.Client.Agent().ServicesWithFilterOpts("", options)
	if err != nil {
		return fmt.Errorf("read services from agent: %w", err)
	}
	there, _, err := s.Client.Catalog().NodeServiceList(s.Node.Name, options)
	if err != nil {
		return fmt.Errorf("read services from catalog: %w", err)
	}
	for _, o := range scene.Old {
		if held := here[o.ID]; held != nil && held.Service == o.Name {
			scene.Loaded = append(scene.Loaded, o.ID)
		}
		if slices.ContainsFunc(there.Services, func(a *api.AgentService) bool { return a.ID == o.ID && a.Service == o.Name }) {
			scene.Shown = append(scene.Shown, o.ID)
		}
	}
	return nil
}

// lacking returns the services of the old set that have no passing one of ours in the
// catalog.
func lacking(old []Old, catalog register.Actual) []Lack {
	found := map[string]*register.Registered{} // by name:port, a passing one if there is any
	for _, have := range catalog.Ours {
		at := Old{Name: have.Name, Port: have.Port}.String()
		if before, there := found[at]; !there || before.Status() != api.HealthPassing {
			found[at] = have
		}
	}
	var all []Lack
	for _, o := range old {
		have, there := found[o.String()]
		if why := wanting(have, there); why != "" {
			all = append(all, Lack{Old: o, Why: why})
		}
	}
	return all
}

// wanting says what keeps requests from a service of ours; nothing if they reach it.
func wanting(have *register.Registered, there bool) string {
	mark, maintained := have.Maintenance()
	switch {
	case !there:
		return "the catalog has none of ours"
	case maintained:
		return "ours is in maintenance mode: " + string(mark)
	case have.Status() == api.HealthPassing:
		return ""
	}
	for _, check := range have.Checks.All() {
		if check.Status != api.HealthPassing && check.Output != "" {
			return fmt.Sprintf("ours is %s: %s", check.Status, check.Output)
		}
	}
	return "ours is " + have.Status()
}

// knock dials the ports where others find the old services, to see which are dead.
func (s Site) knock(ctx context.Context, lacks []Lack) {
	var dials errgroup.Group
	dials.SetLimit(dialsAtOnce)
	for i := range lacks {
		dials.Go(func() error {
			lacks[i].Dead = !s.answers(ctx, lacks[i].Old)
			return nil
		})
	}
	_ = dials.Wait() // none fails
}

func (s Site) answers(ctx context.Context, o Old) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	host := o.Address
	if host == "" {
		host = s.Node.Address.String()
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(o.Port)))
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was sent
	return true
}

// reload makes the agent read its configuration again. It keeps what was registered by
// its API, and the status of every check.
func (s Site) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	// Agent().Reload takes no context.
	_, err := s.Client.Raw().Write("/v1/agent/reload", nil, nil, (&api.WriteOptions{}).WithContext(ctx))
	if status, answered := errors.AsType[api.StatusError](err); answered && status.Code == http.StatusForbidden {
		return fmt.Errorf("reload Consul: %w (the token needs agent write; or run consul reload yourself, and then this once more)", err)
	}
	if err != nil {
		return fmt.Errorf("reload Consul: %w", err)
	}
	return nil
}
