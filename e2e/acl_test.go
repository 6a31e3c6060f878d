package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// quick makes the daemon ask Consul each second, so that it soon meets what a token may
// no longer do, and half a minute later calls itself not ready.
const quick = "--watch-wait=1s"

// The policy that is shipped suffices, to the letter.
func TestLeastPrivilegeSuffices(t *testing.T) {
	t.Parallel()
	r := onSharedACLs(t, "least")
	r.keyPath = "kubernetes" // as in the policy
	token := r.token(r.policy(r.leastPrivilege()), "")
	want := r.fill(5)
	r.start("--consul-token=" + token.SecretID)
	r.announces(want...)
	r.ready()
	r.put("s001", 31001, "")
	r.remove("s004")
	want = []string{"s000:30000", "s001:31001", "s002:30002", "s003:30003"}
	r.announces(want...)

	// To hear of this the token needs to read the node.
	must(t, r.local.Agent().ServiceDeregisterOpts(r.id("s002"), r.query()))
	r.announces(want...)
	r.ready()
	if n := r.count("[WARN]") + r.count("[ERROR]"); n != 0 {
		t.Errorf("%d warnings", n)
	}
}

// A token that may not read the tree any more is no reason to remove anything, and
// nobody has to restart the daemon when it may again.
func TestRightsAreTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		take, give func(r *rig, policy string, token *api.ACLToken)
		why        string
	}{
		"token-deleted": {
			take: func(r *rig, _ string, token *api.ACLToken) { r.deleteToken(token) },
			give: func(r *rig, policy string, token *api.ACLToken) { r.token(policy, token.SecretID) },
			why:  "ACL not found",
		},
		"no-key-rights": {
			take: func(r *rig, policy string, _ *api.ACLToken) { r.change(policy, r.withoutKeys()) },
			give: func(r *rig, policy string, _ *api.ACLToken) { r.change(policy, r.leastPrivilege()) },
			why:  "ACLs hide a part of the tree",
		},
		"no-rights": {
			take: func(r *rig, policy string, _ *api.ACLToken) { r.change(policy, "") },
			give: func(r *rig, policy string, _ *api.ACLToken) { r.change(policy, r.leastPrivilege()) },
			why:  "Permission denied",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := onSharedACLs(t, name)
			policy := r.policy(r.leastPrivilege())
			token := r.token(policy, "")
			r.runWithRights(r.fill(5), "--consul-token="+token.SecretID)
			story.take(r, policy, token)
			r.keepsAll(story.why)
			story.give(r, policy, token)
			r.recovers()
		})
	}
}

// An anonymous reader is told neither "forbidden" nor "filtered": the tree looks empty.
func TestAnonymousLosesItsRights(t *testing.T) {
	t.Parallel()
	r := onSharedACLs(t, "anonymous")
	link := func(policies ...*api.ACLLink) {
		_, _, err := r.server.ACL().TokenUpdate(&api.ACLToken{AccessorID: anonymous, Policies: policies}, r.write())
		must(t, err)
	}
	policy := &api.ACLLink{ID: r.policy(r.leastPrivilege())}
	want := r.fill(5)
	r.start(often, quick)
	r.notReady("the tree was never known")

	link(policy)
	r.announces(want...)
	r.runsWithRights()
	link()
	r.keepsAll("the token may not read the tree")
	link(policy)
	r.recovers()
}

// runWithRights starts the daemon and waits until all is well.
func (r *rig) runWithRights(want []string, flags ...string) {
	r.Helper()
	r.start(append(flags, often, quick)...)
	r.announces(want...)
	r.runsWithRights()
}

func (r *rig) runsWithRights() {
	r.Helper()
	r.ready()
	r.settled()
}

// keepsAll waits until the daemon says that it may not do its work and why. Its tree of
// five services is then as if it were empty: all must stay announced.
func (r *rig) keepsAll(why string) {
	r.Helper()
	before := r.footprints()
	r.touch("s000")
	eventually(r, func() error {
		return r.says("one that says "+why, func(s status) bool {
			return strings.Contains(s.Watch.Error+s.Reconcile.Error, why)
		})
	})
	r.remove("s004") // which it cannot see
	took := eventually(r, func() error { return r.isNotReady(why) })
	r.Logf("not ready after %v", took)
	if len(before) != 5 {
		r.Errorf("%d services before, want 5", len(before))
	}
	r.untouched(before)
	if local, err := r.localServices(); err != nil || len(local) != 5 {
		r.Errorf("%d services on the local agent, want 5: %v", len(local), err)
	}
}

// recovers waits until what happened meanwhile has been caught up with.
func (r *rig) recovers() {
	r.Helper()
	took := eventually(r, r.isReady)
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprintf("s%03d:%d", i, 30000+i))
	}
	r.announces(want...)
	r.Logf("ready %v after the rights were given back", took)
}
