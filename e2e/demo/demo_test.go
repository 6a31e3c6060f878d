package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

var consul, registrar string // programs

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

// testMain builds what is shown, and sees that no test leaves a file or a process.
func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "demo-test-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	temp := filepath.Join(dir, "temp")
	if err := errors.Join(prepare(dir), os.Mkdir(temp, 0o700), os.Setenv("TMPDIR", temp)); err != nil {
		fmt.Println(err)
		return 1
	}
	code := m.Run()
	if files, err := os.ReadDir(temp); err != nil || len(files) > 0 {
		fmt.Println("files are left:", files, err)
		return 1
	}
	if child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		fmt.Println("a process is left:", child, err)
		return 1
	}
	return code
}

// prepare finds Consul and builds k8s-registrar in dir.
func prepare(dir string) (err error) {
	if consul, err = consulproc.Binary(); err != nil {
		return err
	}
	registrar = filepath.Join(dir, "k8s-registrar")
	build := exec.Command("go", "build", "-o", registrar, "github.com/k8s-registrar/k8s-registrar")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build k8s-registrar: %w\n%s", err, output)
	}
	return nil
}

func TestDemo(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-consul", consul, "-registrar", registrar}, &stdout, &stderr)
	if code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit code %d\n%s\n%s", code, &stdout, &stderr)
	}
	story := stdout.String()
	for _, line := range []string{
		"default/echoserver   NodePort 3",
		"traefik.frontend.rule=Host:echoserver.example.com,echo.example.com;Method:GET,POST",
		"      + blue\n",
		"The check is critical after ",
		"connection refused",
		"The check is passing after ",
		"the value is not JSON",
		"grafana is gone from the catalog ",
		"Nothing to do: this node announces the 2 services that the tree asks for.",
		"All 10 steps did what they should",
	} {
		if _, rest, found := strings.Cut(story, line); found {
			story = rest // the next one comes later
		} else {
			t.Errorf("%q is not where it should be in\n%s", line, &stdout)
		}
	}
	if strings.Contains(stdout.String(), "\x1b") {
		t.Error("there are colours without a terminal")
	}
}

// A signal ends a kept demo in order, and any other at once.
func TestSignal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, at string
		args     []string
		code     int
		last     string // of what is printed
	}{
		{"kept", "Press Ctrl-C", []string{"-keep"}, exitOK, "All 10 steps"},
		{"early", " 1. Start", nil, exitInterrupted, "demo: interrupted"},
		{"midway", " 6. Lose", nil, exitInterrupted, "demo: interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			output := &trigger{text: test.at, do: cancel}
			code := run(ctx, append(test.args, "-consul", consul, "-registrar", registrar), output, output)
			lines := strings.Split(strings.TrimSpace(output.String()), "\n")
			if code != test.code || !strings.HasPrefix(lines[len(lines)-1], test.last) {
				t.Errorf("exit code %d, want %d\n%s", code, test.code, output)
			}
		})
	}
}

// A trigger does something when a text is written.
type trigger struct {
	bytes.Buffer
	text string
	do   func()
}

func (t *trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), t.text) {
		t.do()
	}
	return t.Buffer.Write(p)
}

// An agent that does not start ends the demo with its log.
func TestFailure(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	other := consul // it knows an agent command, and not our flags
	code := run(t.Context(), []string{"-consul", consul, "-registrar", other}, &stdout, &stderr)
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, part := range []string{"step 3, Start the agent: the agent ended by itself: exit status 1", "The end of the agent's log:\n", "telemetry-listen"} {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("%q is not in\n%s", part, &stderr)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		code int
		want string // what stdout or stderr contains
	}{
		{[]string{"-help"}, exitOK, "leave everything running"},
		{[]string{"-keeep"}, exitUsage, "-keeep"},
		{[]string{"now"}, exitUsage, `"now"`},
		{[]string{"-consul", "/nowhere", "-registrar", registrar}, exitUsage, "run make bin/consul"},
	} {
		var output bytes.Buffer
		if code := run(t.Context(), test.args, &output, &output); code != test.code || !strings.Contains(output.String(), test.want) {
			t.Errorf("%q: exit code %d, want %d and %q in\n%s", test.args, code, test.code, test.want, &output)
		}
	}
}
