package main

import (
	"errors"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"k8s-registrar": main})
}

// TestScripts runs the stories in testdata: the real main in a process of its own,
// against a small Consul on a loopback port.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			consul := consultest.New()
			server := httptest.NewServer(consul)
			env.Defer(server.Close)
			env.Setenv("CONSUL_HTTP_ADDR", server.URL)
			env.Values["consul"] = consul
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kv":       kv,
			"consul":   consul,
			"exitcode": exitcode,
		},
	})
}

// kv changes the tree: "kv put KEY FILE" or "kv rm KEY".
func kv(ts *testscript.TestScript, _ bool, args []string) {
	c := ts.Value("consul").(*consultest.Consul)
	switch {
	case len(args) == 3 && args[0] == "put":
		c.SetKV(args[1], ts.ReadFile(args[2]))
	case len(args) == 2 && args[0] == "rm":
		c.DeleteKV(args[1])
	default:
		ts.Fatalf("usage: kv put KEY FILE | kv rm KEY")
	}
}

// consul breaks Consul: "consul down", "consul noleader", "consul deny".
func consul(ts *testscript.TestScript, _ bool, args []string) {
	c := ts.Value("consul").(*consultest.Consul)
	switch strings.Join(args, " ") {
	case "down":
		c.Down()
	case "noleader":
		c.SetLeader("")
	case "deny":
		c.DenyByDefault()
	default:
		ts.Fatalf("usage: consul down|noleader|deny")
	}
}

// exitcode runs a command and checks its code: "exitcode N COMMAND ARG...".
func exitcode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	exit, _ := errors.AsType[*exec.ExitError](err)
	if exit == nil || exit.ExitCode() != want {
		ts.Fatalf("%s: %v, want exit code %d", strings.Join(args[1:], " "), err, want)
	}
}
