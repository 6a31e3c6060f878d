package main

import (
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k8s-registrar/k8s-registrar/e2e/pki"
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
			env.Setenv("K8S_REGISTRAR_CONFIG", "") // not that of whoever runs the tests
			env.Values["consul"] = consul
			listener, err := net.Listen("tcp", "127.0.0.1:0") // for the telemetry of a daemon
			if err != nil {
				return err
			}
			env.Setenv("TELEMETRY", listener.Addr().String())
			return listener.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kv":       kv,
			"consul":   consul,
			"exitcode": exitcode,
			"capture":  capture,
			"checks":   checks,
			"waitfor":  waitfor,
			"until":    until,
			"certify":  certify,
		},
	})
}

// kv changes the tree: "kv put KEY FILE", "kv rm KEY" or "kv has KEY TEXT".
func kv(ts *testscript.TestScript, _ bool, args []string) {
	c := ts.Value("consul").(*consultest.Consul)
	switch {
	case len(args) == 3 && args[0] == "put":
		c.SetKV(args[1], ts.ReadFile(args[2]))
	case len(args) == 2 && args[0] == "rm":
		c.DeleteKV(args[1])
	case len(args) == 3 && args[0] == "has":
		pair, _, err := c.Operator().KV().Get(args[1], nil)
		ts.Check(err)
		if pair == nil || !strings.Contains(string(pair.Value), args[2]) {
			ts.Fatalf("%s does not hold %s", args[1], args[2])
		}
	default:
		ts.Fatalf("usage: kv put KEY FILE | kv rm KEY | kv has KEY TEXT")
	}
}

// consul breaks Consul: "consul down", "consul noleader", "consul leader", "consul deny"; or does what an
// operator does: "consul maintain ID REASON".
func consul(ts *testscript.TestScript, _ bool, args []string) {
	c := ts.Value("consul").(*consultest.Consul)
	if len(args) == 3 && args[0] == "maintain" {
		ts.Check(c.Operator().Agent().EnableServiceMaintenance(args[1], args[2]))
		return
	}
	switch strings.Join(args, " ") {
	case "down":
		c.Down()
	case "noleader":
		c.SetLeader("")
	case "leader":
		c.SetLeader("10.0.0.100:8300")
	case "deny":
		c.DenyByDefault()
	default:
		ts.Fatalf("usage: consul down|noleader|leader|deny|maintain ID REASON")
	}
}

// checks looks for an expression in the agent's checks, each "STATUS NOTES" in a line.
func checks(ts *testscript.TestScript, neg bool, args []string) {
	var text strings.Builder
	for _, check := range ts.Value("consul").(*consultest.Consul).Checks() {
		fmt.Fprintln(&text, check.Status, check.Notes)
	}
	if found := regexp.MustCompile(args[0]).MatchString(text.String()); found == neg {
		ts.Fatalf("%q is found: %t in\n%s", args[0], found, &text)
	}
}

// waitfor waits until the agent holds a service: "waitfor ID".
func waitfor(ts *testscript.TestScript, _ bool, args []string) {
	c := ts.Value("consul").(*consultest.Consul)
	for range 1000 {
		if _, there := c.Services()[args[0]]; there {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("there is no %s", args[0])
}

// capture puts what a group of a regular expression finds in the last output into a
// variable: "capture VARIABLE EXPRESSION".
func capture(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s is not in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
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

// until runs a command again and again until it ends with a code and has said something:
// "until N EXPRESSION COMMAND ARG...".
func until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	said := regexp.MustCompile(args[1])
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[2], args[3:]...)
		exit, _ := errors.AsType[*exec.ExitError](err)
		ended := err == nil && want == 0 || exit != nil && exit.ExitCode() == want
		if ended && said.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: %v, want exit code %d and %q", strings.Join(args[2:], " "), err, want, args[1])
		}
	}
}

// certify makes ca.pem, cert.pem and key.pem, for a name: "certify NAME".
func certify(ts *testscript.TestScript, _ bool, args []string) {
	authority, err := pki.NewAuthority("story")
	ts.Check(err)
	pair, err := authority.Issue(args[0])
	ts.Check(err)
	ts.Check(pki.Write(ts.MkAbs("."), map[string][]byte{"ca.pem": authority.PEM, "cert.pem": pair.Certificate, "key.pem": pair.Key}))
}
