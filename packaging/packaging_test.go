package packaging

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/config"
)

const (
	supervisord = "supervisord/k8s-registrar.conf"
	systemd     = "systemd/k8s-registrar.service"
	token       = "systemd/token.conf"
	policy      = "acl/k8s-registrar.hcl"
)

// TestCommandsAreReal runs what the two supervisors start, but with a configuration
// that is not there. That ends with 3 only if the subcommand and its flags exist;
// otherwise it ends with 2. Both files have to know the two codes.
func TestCommandsAreReal(t *testing.T) {
	binary := build(t)
	unit, program := read(t, systemd)["Service"], read(t, supervisord)["program:k8s-registrar"]
	for file, command := range map[string]string{
		systemd:     unit["ExecStart"],
		supervisord: strings.ReplaceAll(program["command"], "%(program_name)s", "k8s-registrar"),
	} {
		t.Run(file, func(t *testing.T) {
			words := strings.Fields(command)
			const want = "/usr/bin/k8s-registrar agent --config /etc/k8s-registrar/config.hcl"
			if command != want {
				t.Errorf("it starts %q, want %q, where the packages put it", command, want)
			}
			missing := filepath.Join(t.TempDir(), "config.hcl")
			words = slices.Replace(words, len(words)-1, len(words), missing)
			if code, output := run(t, binary, words[1:]...); code != 3 || !strings.Contains(output, missing) {
				t.Errorf("%q ended with %d, want 3:\n%s", words, code, output)
			}
		})
	}
	if code, output := run(t, binary, "agent", "--no-such-flag"); code != 2 {
		t.Errorf("an unknown flag ended with %d, want 2:\n%s", code, output)
	}
	if got := unit["RestartPreventExitStatus"]; got != "2 3" {
		t.Errorf("%s starts again unless the exit code is one of %q", systemd, got)
	}
	if got := program["exitcodes"]; got != "2,3" {
		t.Errorf("%s starts again unless the exit code is one of %q", supervisord, got)
	}
}

func TestUnit(t *testing.T) {
	unit := read(t, systemd)
	for _, row := range []struct{ section, key, want string }{
		{"Unit", "After", "network-online.target consul.service"},
		{"Unit", "Wants", "network-online.target"},
		{"Unit", "StartLimitIntervalSec", "0"}, // never give up
		{"Service", "Type", "notify"},
		{"Service", "WatchdogSec", "5min"},
		{"Service", "LimitCORE", "0"},
		{"Service", "ExecReload", "/bin/sh -c 'kill -HUP $MAINPID'"},
		{"Service", "Restart", "on-failure"},
		{"Service", "User", "k8s-registrar"},
		{"Service", "NoNewPrivileges", "yes"},
		{"Service", "ProtectSystem", "strict"},
		{"Service", "CapabilityBoundingSet", ""},
		// IPv4 and IPv6 for Consul and the NodePorts; unix for Consul's socket and
		// for the claim on the instance.
		{"Service", "RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"},
		{"Install", "WantedBy", "multi-user.target"},
	} {
		if got, ok := unit[row.section][row.key]; !ok || got != row.want {
			t.Errorf("[%s] %s is %q, want %q", row.section, row.key, got, row.want)
		}
	}
}

func TestSupervisordProgram(t *testing.T) {
	program := read(t, supervisord)["program:k8s-registrar"]
	for key, want := range map[string]string{
		"user":           "k8s-registrar",
		"autostart":      "true",
		"autorestart":    "unexpected",
		"startsecs":      "0", // else exitcodes do not count for a start that fails
		"stopsignal":     "TERM",
		"stopwaitsecs":   "10",
		"stdout_logfile": "NONE",
	} {
		if got := program[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if log := program["stderr_logfile"]; !strings.HasPrefix(log, "/var/log/%(program_name)s/") {
		t.Errorf("the log is %q", log)
	}
}

// TestVariablesExist looks up every variable of ours that is named here or in the
// documents.
func TestVariablesExist(t *testing.T) {
	known := []string{"K8S_REGISTRAR_CONFIG"}
	defaults := config.Default()
	for _, s := range defaults.Settings() {
		known = append(known, s.Env())
	}
	for _, path := range append(documents(t), systemd, token, supervisord) {
		for _, name := range regexp.MustCompile(`K8S_REGISTRAR_[A-Z_]+`).FindAllString(text(t, path), -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s: there is no variable %s", path, name)
			}
		}
	}
}

// TestPolicyFitsDefaults wants the policy to be about the default key_path.
func TestPolicyFitsDefaults(t *testing.T) {
	root := config.Default().KeyPath
	for _, rule := range []string{root + "/deployments/", root + "/registrar/approvals/"} {
		if !strings.Contains(text(t, policy), `key_prefix "`+rule+`"`) {
			t.Errorf("there is no rule for %s", rule)
		}
	}
}

// TestTokenIsHandedOver wants the variable to name the file that systemd makes.
func TestTokenIsHandedOver(t *testing.T) {
	dropIn := read(t, token)["Service"]
	name, _, _ := strings.Cut(dropIn["LoadCredential"], ":")
	if want := "K8S_REGISTRAR_CONSUL_TOKEN_FILE=/run/credentials/k8s-registrar.service/" + name; dropIn["Environment"] != want {
		t.Errorf("the environment is %q, want %q", dropIn["Environment"], want)
	}
}

// TestDocumentsNameRealFiles wants each file that a document mentions to be there.
func TestDocumentsNameRealFiles(t *testing.T) {
	for _, document := range documents(t) {
		for _, path := range regexp.MustCompile(`\b(?:packaging|config|docs)/[\w./-]*\w`).FindAllString(text(t, document), -1) {
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Errorf("%s mentions %s, which is not there", document, path)
			}
		}
	}
}

// TestDocumentsLeadSomewhere follows each link from a document to another.
func TestDocumentsLeadSomewhere(t *testing.T) {
	for _, document := range documents(t) {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)[^)]*\)`).FindAllStringSubmatch(text(t, document), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), link[1])); err != nil {
				t.Errorf("%s leads to %s, which is not there", document, link[1])
			}
		}
	}
}

// documents returns the paths of all that is written for people.
func documents(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no documents (%v)", err)
	}
	return append(paths, "../README.md")
}

// build returns the real program.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "k8s-registrar")
	if output, err := exec.Command("go", "build", "-o", binary, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// run returns the exit code and what was printed. No variable decides for the program.
func run(t *testing.T, binary string, args ...string) (code int, output string) {
	t.Helper()
	command := exec.Command(binary, args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "K8S_REGISTRAR_CONFIG="}
	printed, err := command.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(printed)
}

// read parses an ini file in which no key occurs twice in a section.
func read(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	sections := map[string]map[string]string{}
	var section map[string]string
	lines := bufio.NewScanner(strings.NewReader(text(t, path)))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		name, isSection := strings.CutPrefix(line, "[")
		key, value, isPair := strings.Cut(line, "=")
		_, twice := section[key]
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case isSection:
			section = map[string]string{}
			sections[strings.TrimSuffix(name, "]")] = section
		case isPair && twice && key == "SystemCallFilter": // systemd adds them up
			section[key] += " " + value
		case !isPair || section == nil || twice || strings.TrimSpace(line) != line:
			t.Fatalf("%s:%d: %q is not a new KEY=VALUE in a section", path, number, line)
		default:
			section[key] = value
		}
	}
	return sections
}

func text(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
