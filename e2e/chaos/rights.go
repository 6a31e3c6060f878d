package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// takeACL takes the right to read the tree away for a while.
func (w *world) takeACL(ctx context.Context, rng *rand.Rand) (string, error) {
	if w.broken("acl") || w.broken("server") {
		return "", errNotNow
	}
	without := strings.Replace(w.rules, `key_prefix "kubernetes/deployments/"`, `key_prefix "elsewhere/"`, 1)
	if rng.IntN(3) == 0 { // a part of the tree stays to be seen
		without = strings.Replace(w.rules, `key_prefix "kubernetes/deployments/"`, `key_prefix "kubernetes/deployments/shop/"`, 1)
	}
	if err := w.setRules(ctx, without); err != nil {
		return "", err
	}
	undo := func(ctx context.Context) error { return w.setRules(ctx, w.rules) }
	return w.fault(&fault{what: "acl", undo: undo}, rng, 8*time.Second), nil
}

// setRules changes the registrar's policy, again and again until the server answers.
func (w *world) setRules(ctx context.Context, rules string) error {
	return w.insist(ctx, func(ctx context.Context) error {
		_, _, err := w.srv.ACL().PolicyUpdate(&api.ACLPolicy{ID: w.policy, Name: "registrar", Rules: rules}, write(ctx))
		return err
	})
}

// rotate gives the registrar a new token and later takes the old one back.
func (w *world) rotate(ctx context.Context, rng *rand.Rand) (string, error) {
	if w.broken("token") || w.broken("server") || time.Since(w.token.rotated) < repairWindow || time.Since(w.run.begun) < time.Second {
		return "", errNotNow
	}
	old := w.token.accessor
	if err := w.insist(ctx, w.newToken); err != nil {
		return "", err
	}
	if err := w.reg.SetToken(w.token.secret); err != nil {
		return "", err
	}
	w.token.rotated = time.Now()
	if rng.IntN(2) == 0 && !w.broken("registrar") {
		if err := w.reg.Hup(); err != nil {
			return "", err
		}
	}
	undo := func(ctx context.Context) error {
		return w.insist(ctx, func(ctx context.Context) error {
			_, err := w.srv.ACL().TokenDelete(old, write(ctx))
			return err
		})
	}
	return w.fault(&fault{what: "token", undo: undo}, rng, 9*time.Second), nil
}

// insist tries until the server has done it: it may just be coming back.
func (w *world) insist(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, 10*time.Second)
		err := do(once)
		stop()
		if err == nil || !rig.Sleep(ctx, 200*time.Millisecond) {
			return err
		}
		if status := (api.StatusError{}); errors.As(err, &status) && status.Code == http.StatusNotFound {
			return nil // it was done, and the answer was lost
		}
	}
}
