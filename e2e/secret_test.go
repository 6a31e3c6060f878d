package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever may read the log, the status or the metrics learns no token, whatever goes
// wrong at the lowest level of logging.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	for name, give := range map[string]func(r *rig, secret string) (flags, env []string){
		"by-flag": func(_ *rig, secret string) ([]string, []string) { return []string{"--consul-token=" + secret}, nil },
		"by-file": func(r *rig, secret string) ([]string, []string) {
			path := filepath.Join(r.dir, "token")
			must(r, os.WriteFile(path, []byte(secret+"\n"), 0o600))
			return []string{"--consul-token-file=" + path}, nil
		},
		"by-environment": func(_ *rig, secret string) ([]string, []string) {
			return nil, []string{"CONSUL_HTTP_TOKEN=" + secret}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := onSharedACLs(t, "secret-"+name)
			policy := r.policy(r.leastPrivilege())
			token := r.token(policy, "")
			flags, env := give(r, token.SecretID)
			r.variables = env
			want := r.fill(3)
			r.start(append(flags, often, quick, "--log-level=trace")...)
			r.announces(want...)
			r.ready()
			r.printsNo(token.SecretID, flags)

			r.change(policy, r.withoutKeys()) // refused
			r.touch("s000")
			eventually(t, func() error {
				return r.says("refused", func(s status) bool { return s.Watch.Error != "" })
			})
			r.printsNo(token.SecretID, flags)
			r.deleteToken(token) // unknown
			r.notReady("ACL not found")
			r.printsNo(token.SecretID, flags)
		})
	}
}

// printsNo fails the test if a secret is anywhere in what the program says.
func (r *rig) printsNo(secret string, flags []string) {
	r.Helper()
	said := map[string]string{"log": r.log()}
	for _, path := range []string{"/", "/status", "/metrics", "/-/ready", "/-/healthy", "/nothing"} {
		_, body, err := r.get(path)
		must(r, err)
		said["GET "+path] = body
	}
	for _, command := range []string{"plan", "apply", "validate"} {
		stdout, stderr, _ := r.once(command, flags...)
		said[command] = stdout + stderr
	}
	stdout, stderr, _ := r.once("agent", append(flags, "--consul-token="+secret, "--consul-token-file=/dev/null", "--log-level=nonsense")...)
	said["agent with a bad configuration"] = stdout + stderr
	for where, text := range said {
		if strings.Contains(text, secret) {
			r.Errorf("the token is in %s:\n%s", where, strings.ReplaceAll(text, secret, "<SECRET>"))
		}
	}
}
