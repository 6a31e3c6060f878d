package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// A token can be replaced while everything runs. Consul keeps the token that a service
// was registered with: when the daemon says that the old one may go, nothing needs it,
// not even the result of a check.
func TestTokenIsReplaced(t *testing.T) {
	t.Parallel()
	r := onSharedACLs(t, "rotation")
	_, closePort, err := consulproc.Listen(fmt.Sprintf("%s:%d", r.node.Address(), 30000))
	must(t, err)
	policy := r.policy(r.leastPrivilege())
	old, fresh := r.token(policy, ""), r.token(policy, "")
	file := filepath.Join(r.dir, "token")
	must(t, os.WriteFile(file, []byte(old.SecretID), 0o600))
	want := r.fill(3)
	r.start(often, "--consul-token-file="+file)
	r.announces(want...)
	r.ready()
	eventually(t, func() error { return r.health(r.id("s000"), api.HealthPassing) })

	must(t, os.WriteFile(file, []byte(fresh.SecretID), 0o600))
	replaced := time.Now()
	eventually(t, func() error {
		return r.says("one that lets the old token go", func(s status) bool { return s.Token.OldRevocable.After(replaced) })
	})
	t.Logf("the old token may be revoked %v after the new one was written", time.Since(replaced))
	r.deleteToken(old)
	must(t, closePort())
	eventually(t, func() error { return r.health(r.id("s000"), api.HealthCritical) })
	r.put("new", 30100, "")
	r.announces(append(want, "new:30100")...)
	r.ready()
}
