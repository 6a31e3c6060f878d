package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

var errNotNow = errors.New("not possible now")

// mostRepairs is how often a service is put wrong in repairWindow: the registrar repairs
// it three times, then it waits.
const (
	mostRepairs  = 2
	repairWindow = 75 * time.Second
)

// byHand tells whether an operator could work with the agent now.
func (w *world) byHand() bool {
	now := time.Now()
	return !w.broken("server") && !w.broken("agent") && now.Sub(w.agent.at) < 2*time.Second && now.Sub(w.catalog.at) < 2*time.Second
}

// victim draws a service of ours to put wrong, if the registrar is to repair it at once.
func (w *world) victim(rng *rand.Rand) (reg, bool) {
	e, ok := w.one(rng)
	if !ok || !w.byHand() {
		return reg{}, false
	}
	r := e.reg()
	return r, w.mayBreak(r.id)
}

// mayBreak notes that a service will have to be repaired, unless that was so too often.
func (w *world) mayBreak(id string) bool {
	w.repairs[id] = slices.DeleteFunc(w.repairs[id], func(t time.Time) bool { return time.Since(t) > repairWindow })
	if len(w.repairs[id]) >= mostRepairs {
		return false
	}
	w.repairs[id] = append(w.repairs[id], time.Now())
	return true
}

func (w *world) handRemove(ctx context.Context, rng *rand.Rand) (string, error) {
	r, ok := w.victim(rng)
	if !ok {
		return "", errNotNow
	}
	w.soil(r.id)
	delete(w.maint, r.id)
	return r.id, w.loc.Agent().ServiceDeregisterOpts(r.id, query(ctx))
}

func (w *world) handEdit(ctx context.Context, rng *rand.Rand) (string, error) {
	r, ok := w.victim(rng)
	if !ok {
		return "", errNotNow
	}
	edited := r
	edited.tags = append(slices.Clone(r.tags), "by-hand")
	if rng.IntN(2) == 0 {
		edited.port++
	}
	w.allow(r.id, edited)
	return edited.id + " " + edited.String(), w.loc.Agent().ServiceRegisterOpts(&api.AgentServiceRegistration{
		ID: r.id, Name: r.name, Port: edited.port, Tags: edited.tags, Meta: w.agent.services[r.id].Meta,
	}, api.ServiceRegisterOpts{}.WithContext(ctx))
}

func (w *world) handCheck(ctx context.Context, rng *rand.Rand) (string, error) {
	r, ok := w.victim(rng)
	if !ok || w.agent.checks[r.id+".tcp"] == nil {
		return "", errNotNow
	}
	return r.id, w.loc.Agent().CheckDeregisterOpts(r.id+".tcp", query(ctx))
}

// catalogRemove takes a service away from the servers behind the agent's back.
func (w *world) catalogRemove(ctx context.Context, rng *rand.Rand) (string, error) {
	r, ok := w.victim(rng)
	if !ok {
		return "", errNotNow
	}
	w.catalog.dirty[r.id] = true
	_, err := w.srv.Catalog().Deregister(&api.CatalogDeregistration{Node: w.node.Name(), ServiceID: r.id}, write(ctx))
	return r.id, err
}

func (w *world) toggleMaintenance(ctx context.Context, rng *rand.Rand) (string, error) {
	if !w.byHand() {
		return "", errNotNow
	}
	if rng.IntN(3) == 0 {
		for _, id := range slices.Sorted(maps.Keys(w.maint)) {
			if w.agent.services[id] != nil && !w.agent.dirty[id] {
				delete(w.maint, id)
				return "off " + id, w.loc.Agent().DisableServiceMaintenanceOpts(id, query(ctx))
			}
		}
	}
	e, ok := w.one(rng)
	if !ok || w.agent.dirty[e.reg().id] {
		return "", errNotNow
	}
	w.maint[e.reg().id] = true
	return "on " + e.reg().id, w.loc.Agent().EnableServiceMaintenanceOpts(e.reg().id, "chaos", query(ctx))
}

func (w *world) toggleNode(_ context.Context, _ *rand.Rand) (string, error) {
	if !w.byHand() {
		return "", errNotNow
	}
	w.nodeOut = !w.nodeOut
	if w.nodeOut {
		return "on", w.loc.Agent().EnableNodeMaintenance("chaos")
	}
	return "off", w.loc.Agent().DisableNodeMaintenance()
}

// addForeign registers a service of somebody else that looks like ours.
func (w *world) addForeign(ctx context.Context, rng *rand.Rand) (string, error) {
	name := fmt.Sprintf("s%02d", rng.IntN(24))
	id := pick(rng, []string{
		name, "k8s-registrar-other.shop." + name + ".http", "k8s-registrar-default-shop-" + name, "k8s-registrar." + name, "copy-" + name,
	})
	meta := map[string]string{"owner": fmt.Sprint(rng.IntN(100))}
	if rng.IntN(2) == 0 { // all of ours, but for the ID
		meta["managed-by"], meta["k8s-registrar-instance"] = "k8s-registrar", pick(rng, []string{"default", "other"})
		meta["k8s-registrar-key"] = tree + "shop/" + name
	}
	if !w.byHand() || len(w.foreign) > 12 {
		return "", errNotNow
	}
	return w.registerForeign(ctx, id, name, firstPort+rng.IntN(ports), meta)
}

// takeID registers a service of somebody else under an ID that is ours.
func (w *world) takeID(ctx context.Context, rng *rand.Rand) (string, error) {
	id, name := idPrefix+"shop.free.http", "free"
	if e, ok := w.one(rng); ok && rng.IntN(3) > 0 {
		id, name = e.reg().id, e.name
	}
	if !w.byHand() || w.maint[id] || !w.mayBreak(id) {
		return "", errNotNow
	}
	w.soil(id)
	return w.registerForeign(ctx, id, name, firstPort+rng.IntN(ports), map[string]string{"owner": "thief"})
}

func (w *world) registerForeign(ctx context.Context, id, name string, port int, meta map[string]string) (string, error) {
	r := &api.AgentServiceRegistration{
		ID: id, Name: name, Port: port, Tags: []string{"theirs", "a"}, Meta: meta,
		Check: &api.AgentServiceCheck{CheckID: "theirs:" + id, TTL: "1h", Status: "passing"},
	}
	w.foreign[id] = r
	return fmt.Sprintf("%s name %s port %d meta %v", id, name, port, meta), w.loc.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx))
}

func (w *world) removeForeign(ctx context.Context, rng *rand.Rand) (string, error) {
	if len(w.foreign) == 0 || !w.byHand() {
		return "", errNotNow
	}
	id := pick(rng, slices.Sorted(maps.Keys(w.foreign)))
	return id, w.dropForeign(ctx, id)
}

func (w *world) dropForeign(ctx context.Context, id string) error {
	delete(w.foreign, id)
	return w.loc.Agent().ServiceDeregisterOpts(id, query(ctx))
}
