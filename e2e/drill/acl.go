package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// hold is how long a fault lasts once it was named: enough for several tries.
const hold = 8 * time.Second

func aclDrills() []drill {
	deny := setup{policy: "deny"}
	return []drill{
		{"acl: no read on the tree at the start", deny, noReadAtStart},
		{"acl: token deleted in a blocking query", deny, tokenDeleted},
		{"acl: token expired", setup{policy: "deny", loose: true}, tokenExpired},
		{"acl: anonymous under default deny", deny, anonymous},
		{"acl: key list policy and read only", setup{own: true, policy: "deny", config: keyListPolicy()}, keyListReadOnly},
		{"acl: policy removed and restored", deny, policyRemoved},
		{"acl: default allow and no token", setup{policy: "allow", noToken: true}, defaultAllow},
	}
}

// access is what the registrar may do.
type access struct {
	policy string // ID
	token  *api.ACLToken
	secret string
}

// rules are the shipped ones for this stage's tree.
func (s *stage) rules() string {
	return strings.ReplaceAll(s.park.policy, `"kubernetes/`, `"`+"drill/"+s.instance+"/")
}

// rulesWithoutTree grant no right to read the tree.
func (s *stage) rulesWithoutTree() string {
	return strings.ReplaceAll(s.rules(), "drill/"+s.instance+"/deployments/", "elsewhere/")
}

// openToken creates the registrar's policy and token where ACLs need them.
func (s *stage) openToken() error {
	if s.setup.policy == "" || s.setup.noToken {
		return nil
	}
	policy, _, err := s.server.ACL().PolicyCreate(&api.ACLPolicy{Name: "of-" + s.instance, Rules: s.rules()}, s.write())
	if err != nil {
		return fmt.Errorf("create policy: %w", err)
	}
	s.acl.policy = policy.ID
	s.acl.token, err = s.newToken(&api.ACLToken{})
	if err == nil {
		s.acl.secret = s.acl.token.SecretID
	}
	return err
}

// newToken creates a token with the stage's policy.
func (s *stage) newToken(token *api.ACLToken) (*api.ACLToken, error) {
	token.Policies = []*api.ACLLink{{ID: s.acl.policy}}
	created, _, err := s.server.ACL().TokenCreate(token, s.write())
	if err != nil {
		return nil, fmt.Errorf("create token: %w", err)
	}
	s.park.secret("of "+s.instance, created.SecretID)
	return created, nil
}

// grant changes the rules of the stage's policy.
func (s *stage) grant(rules string) error {
	_, _, err := s.server.ACL().PolicyUpdate(&api.ACLPolicy{ID: s.acl.policy, Name: "of-" + s.instance, Rules: rules}, s.write())
	return err
}

// noTreeWords are how the watch in /status says that the tree may not be read.
func noTreeWords() []string {
	return []string{"watch: the token may not read", "watch: ACLs hide", "watch: watch drill/", "watch: list drill/", "watch: read drill/"}
}

func noReadAtStart(s *stage) error {
	if err := errors.Join(s.reg.Kill(), s.grant(s.rulesWithoutTree()), s.pass(2*time.Second), s.reg.Start(s)); err != nil {
		return err
	}
	if err := errors.Join(s.named(20*time.Second, noTreeWords()...), s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	if err := s.grant(s.rules()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

func tokenDeleted(s *stage) error {
	if _, err := s.server.ACL().TokenDelete(s.acl.token.AccessorID, s.write()); err != nil {
		return err
	}
	if err := errors.Join(s.pass(2*time.Second), s.touch()); err != nil {
		return err
	}
	if err := errors.Join(s.named(30*time.Second, "ACL not found", "403"), s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	fresh, err := s.newToken(&api.ACLToken{})
	if err != nil {
		return err
	}
	if err := errors.Join(s.reg.SetToken(fresh.SecretID), s.reg.Hup()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

func tokenExpired(s *stage) error {
	expiring, err := s.newToken(&api.ACLToken{ExpirationTTL: time.Minute + time.Second})
	if err != nil {
		return err
	}
	s.acl.secret = expiring.SecretID
	s.setup.loose = false
	if err := errors.Join(s.openRegistrar(), s.settle(settleLimit)); err != nil {
		return err
	}
	if err := s.pass(time.Until(*expiring.ExpirationTime) + 2*time.Second); err != nil {
		return err
	}
	if err := errors.Join(s.touch(), s.named(time.Minute, "ACL not found", "403"), s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	fresh, err := s.newToken(&api.ACLToken{})
	if err != nil {
		return err
	}
	if err := errors.Join(s.reg.SetToken(fresh.SecretID), s.reg.Hup()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

func anonymous(s *stage) error {
	if err := s.reg.Kill(); err != nil {
		return err
	}
	known, options := s.reg, s.options()
	options.Token = ""
	var err error
	if s.reg, err = s.start(options); err != nil {
		return err
	}
	if err := errors.Join(s.named(20*time.Second, noTreeWords()...), s.pass(hold), s.localWhole(), s.reg.Kill()); err != nil {
		return err
	}
	s.reg = known
	if err := s.reg.Start(s); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

func keyListPolicy() map[string]any {
	config := quickACLs()
	config["acl"].(map[string]any)["enable_key_list_policy"] = true
	return config
}

func keyListReadOnly(s *stage) error {
	readOnly := strings.ReplaceAll(s.rules(), `policy = "list"`, `policy = "read"`)
	if err := errors.Join(s.grant(readOnly), s.pass(2*time.Second), s.touch()); err != nil {
		return err
	}
	if err := errors.Join(s.named(30*time.Second, noTreeWords()...), s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	if err := s.grant(s.rules()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

func policyRemoved(s *stage) error {
	if _, err := s.server.ACL().PolicyDelete(s.acl.policy, s.write()); err != nil {
		return err
	}
	if err := errors.Join(s.pass(2*time.Second), s.touch()); err != nil {
		return err
	}
	// The query that waits has the rights of before: what it may see now shows when it is asked
	// again, and the time of that is up.
	if err := errors.Join(s.named(75*time.Second, noTreeWords()...), s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	policy, _, err := s.server.ACL().PolicyCreate(&api.ACLPolicy{Name: "again-" + s.instance, Rules: s.rules()}, s.write())
	if err != nil {
		return err
	}
	s.acl.token.Policies = []*api.ACLLink{{ID: policy.ID}}
	if _, _, err := s.server.ACL().TokenUpdate(s.acl.token, s.write()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

// defaultAllow needs no token: the anonymous reader is told everything.
func defaultAllow(s *stage) error {
	s.row.silent = true
	if err := errors.Join(s.reg.Kill(), s.reg.Start(s), s.pass(hold)); err != nil {
		return err
	}
	if err := s.tree.Delete(s, namespace, "s019"); err != nil {
		return err
	}
	gone := s.services[19]
	s.services = s.services[:19]
	s.obs.Allow(gone.ID(s.instance))
	s.obs.ExpectServices(s.services...)
	err := rig.Eventually(s, 20*time.Second, func() error {
		if present, _ := s.obs.Present(); present[gone.ID(s.instance)] != nil {
			return errors.New("a deleted service stays")
		}
		return nil
	})
	return errors.Join(err, s.recovered(time.Minute))
}
