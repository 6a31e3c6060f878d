package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/pki"
)

// serverName is in the certificate of a Consul agent that speaks TLS.
const serverName = "server.dc1.consul"

// keys are the files of one side of TLS.
type keys struct {
	testing.TB
	dir string
}

func newKeys(t testing.TB, trusted, own *pki.Authority, name string) keys {
	t.Helper()
	k := keys{t, t.TempDir()}
	k.trust(trusted)
	k.renew(own, name)
	return k
}

// trust makes the authorities the ones that are believed.
func (k keys) trust(authorities ...*pki.Authority) {
	k.Helper()
	var all []byte
	for _, authority := range authorities {
		all = append(all, authority.PEM...)
	}
	must(k, pki.Write(k.dir, map[string][]byte{"ca.pem": all}))
}

// renew puts a new certificate of an authority in the place of the one before.
func (k keys) renew(authority *pki.Authority, name string) {
	k.Helper()
	pair, err := authority.Issue(name)
	must(k, err)
	must(k, pki.Write(k.dir, map[string][]byte{"cert.pem": pair.Certificate, "key.pem": pair.Key}))
}

func (k keys) file(name string) string { return filepath.Join(k.dir, name) }

func authority(t testing.TB, name string) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority(name)
	must(t, err)
	return a
}

// onTLSNode returns a rig on a node of its own whose agent speaks TLS, the keys of the
// agent and those of the daemon, and the daemon's flags.
func onTLSNode(t *testing.T, name string, signer *pki.Authority) (r *rig, agent, own keys, flags []string) {
	t.Helper()
	agent, own = newKeys(t, signer, signer, serverName), newKeys(t, signer, signer, "k8s-registrar")
	r = onOwnNode(t, name, consulproc.Node{Config: consulproc.TLS(agent.file("ca.pem"), agent.file("cert.pem"), agent.file("key.pem"))})
	return r, agent, own, []string{
		"--consul-address=https://" + r.node.HTTPSAddr(), "--consul-tls-server-name=" + serverName,
		"--consul-ca-file=" + own.file("ca.pem"), "--consul-cert-file=" + own.file("cert.pem"), "--consul-key-file=" + own.file("key.pem"),
	}
}

// Consul's authority is replaced by another, step by step as an operator does it, with
// one reload of Consul's agent after each of its own steps. The daemon follows all the
// while and is never restarted.
func TestAuthorityIsReplaced(t *testing.T) {
	t.Parallel()
	one, two := authority(t, "one"), authority(t, "two")
	r, agent, own, flags := onTLSNode(t, "tls", one)
	r.put("before", 30000, "")
	r.start(append(flags, often)...)
	r.announces("before:30000")
	r.ready()

	reload := func() { must(t, r.local.Agent().Reload()) }
	followed := func(times int) {
		t.Helper()
		eventually(t, func() error {
			if n := r.count("new certificates: they are in force"); n != times {
				return fmt.Errorf("certificates were taken over %d times, want %d", n, times)
			}
			return nil
		})
		r.settled()
	}
	agent.trust(one, two)
	reload()
	own.trust(one, two)
	followed(1)
	own.renew(two, "k8s-registrar")
	followed(2)
	agent.renew(two, serverName)
	agent.trust(two)
	reload()
	r.settled()
	own.trust(two)
	followed(3)

	// Nothing is left of the old one, not even after the agent's restart.
	must(t, r.node.Restart(t.Context()))
	r.put("after", 30001, "")
	r.announces("before:30000", "after:30001")
	r.ready()
	if n := r.count("the old ones stay in force"); n > 0 {
		t.Errorf("%d certificates were refused", n)
	}
}

// Certificates that Consul's agent does not accept change nothing; they are named where
// an operator looks, and HUP has the good ones looked at at once.
func TestBadCertificateIsNotUsed(t *testing.T) {
	t.Parallel()
	one := authority(t, "one")
	r, _, own, flags := onTLSNode(t, "badtls", one)
	r.put("web", 30000, "")
	r.start(append(flags, often)...)
	r.announces("web:30000")
	own.renew(authority(t, "stranger"), "k8s-registrar")
	eventually(t, func() error {
		good, err := r.metric("k8s_registrar_tls_files_good")
		if err == nil && good != 0 {
			err = errors.New("the metric says that all is well")
		}
		return err
	})
	r.settled()
	r.ready()
	own.renew(one, "k8s-registrar")
	r.hup()
	eventually(t, func() error {
		good, err := r.metric("k8s_registrar_tls_files_good")
		if err == nil && good != 1 {
			err = errors.New("the metric says that the certificates are not in force")
		}
		return err
	})
}

// The agent is reached through its unix socket as well.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "consul.sock")
	r := onOwnNode(t, "socket", consulproc.Node{})
	// By TCP too, for the test itself.
	r.node.Configure(map[string]any{"addresses": map[string]any{"http": r.node.Address() + " unix://" + socket}})
	must(t, r.node.Restart(t.Context()))
	r.put("web", 30000, "")
	r.start(often, "--consul-address=unix://"+socket)
	r.announces("web:30000")
	r.ready()
}
