package packages

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// files are what both packages hold, but for where the two kinds of systems differ.
var files = []string{
	"/etc/k8s-registrar/config.hcl",
	"/usr/bin/k8s-registrar",
	"/usr/share/bash-completion/completions/k8s-registrar",
	"/usr/share/doc/k8s-registrar/NEWS.md.gz",
	"/usr/share/doc/k8s-registrar/README.md",
	"/usr/share/doc/k8s-registrar/changelog.gz",
	"/usr/share/doc/k8s-registrar/copyright",
	"/usr/share/doc/k8s-registrar/install.md",
	"/usr/share/doc/k8s-registrar/runbook.md",
	"/usr/share/doc/k8s-registrar/security.md",
	"/usr/share/doc/k8s-registrar/upgrade.md",
	"/usr/share/fish/vendor_completions.d/k8s-registrar.fish",
	"/usr/share/k8s-registrar/acl/k8s-registrar.hcl",
	"/usr/share/k8s-registrar/grafana/k8s-registrar.json",
	"/usr/share/k8s-registrar/prometheus/alerts.yml",
	"/usr/share/k8s-registrar/prometheus/rules.yml",
	"/usr/share/k8s-registrar/prometheus/scrape.yml",
	"/usr/share/k8s-registrar/supervisord/k8s-registrar.conf",
	"/usr/share/k8s-registrar/systemd/token.conf",
	"/usr/share/man/man8/k8s-registrar.8.gz",
}

func TestDebHoldsWhatItShould(t *testing.T) {
	t.Parallel()
	needs.Program(t, "dpkg-deb", "dpkg")
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			content := unpack(t, deb(t, arch))
			want := append([]string{
				"/lib/systemd/system/k8s-registrar.service",
				"/usr/share/lintian/overrides/k8s-registrar",
				"/usr/share/zsh/vendor-completions/_k8s-registrar",
			}, files...)
			holds(t, want, func(yield func(string) bool) {
				for name := range content {
					if !yield(name) {
						return
					}
				}
			})
			if got := string(content["/etc/k8s-registrar/config.hcl"]); got != config.Reference {
				t.Error("the configuration is not the reference")
			}
			static(t, content["/usr/bin/k8s-registrar"], machine)
			if got := output(t, "dpkg-deb", "--info", deb(t, arch), "conffiles"); got != "/etc/k8s-registrar/config.hcl\n" {
				t.Errorf("configuration files are %q", got)
			}
			if got := output(t, "dpkg-deb", "--field", deb(t, arch), "Version", "Architecture"); got != "Version: "+version+"\nArchitecture: "+arch+"\n" {
				t.Errorf("it says of itself %q", got)
			}
		})
	}
}

// The same commit makes the same package.
func TestDebIsReproducible(t *testing.T) {
	t.Parallel()
	needs.Program(t, "dpkg-deb", "dpkg")
	again := t.TempDir()
	must(t, command(packaging+"nfpm/build.sh", again, version, host))
	name := filepath.Base(deb(t, host))
	if text(t, deb(t, host)) != text(t, filepath.Join(again, name)) {
		t.Errorf("%s is not the same when it is built once more", name)
	}
}

func TestRPMHoldsWhatItShould(t *testing.T) {
	t.Parallel()
	needs.Program(t, "rpm", "rpm")
	dir, err := shared.packages()
	must(t, err)
	for _, arch := range []string{"x86_64", "aarch64"} {
		path := filepath.Join(dir, "k8s-registrar-"+version+"-1."+arch+".rpm")
		listed := strings.Fields(output(t, "rpm", "--query", "--list", "--package", path))
		want := append([]string{
			"/usr/lib/systemd/system/k8s-registrar.service",
			"/usr/share/zsh/site-functions/_k8s-registrar",
			"/var/log/k8s-registrar",
		}, files...)
		holds(t, want, slices.Values(listed))
		if got := output(t, "rpm", "--query", "--configfiles", "--package", path); got != "/etc/k8s-registrar/config.hcl\n" {
			t.Errorf("configuration files are %q", got)
		}
	}
}

func TestLintian(t *testing.T) {
	t.Parallel()
	lintian := needs.Program(t, "lintian", "lintian")
	for _, arch := range []string{"amd64", "arm64"} {
		printed, err := exec.CommandContext(t.Context(), lintian, "--allow-root", "--fail-on", "error,warning", deb(t, arch)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", arch, err, printed)
		}
	}
}

// holds compares files with those that are wanted. Documents may be more.
func holds(t *testing.T, want []string, listed func(func(string) bool)) {
	t.Helper()
	document := regexp.MustCompile(`^/usr/share/doc/k8s-registrar/[a-z-]+\.md$`)
	var got []string
	for name := range listed {
		if slices.Contains(want, name) || !document.MatchString(name) {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// unpack returns the files of a package by name.
func unpack(t *testing.T, path string) map[string][]byte {
	t.Helper()
	archive, err := exec.CommandContext(t.Context(), "dpkg-deb", "--fsys-tarfile", path).Output()
	must(t, err)
	content := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		must(t, err)
		if header.Uid != 0 || header.Mode&0o022 != 0 {
			t.Errorf("%s is of user %d with mode %o", header.Name, header.Uid, header.Mode)
		}
		if header.Typeflag == tar.TypeReg {
			content[strings.TrimPrefix(header.Name, ".")], err = io.ReadAll(reader)
			must(t, err)
		}
	}
}

// static checks that a program needs no library and is for a machine.
func static(t *testing.T, program []byte, machine elf.Machine) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	must(t, err)
	libraries, err := file.ImportedLibraries()
	if file.Machine != machine || err != nil || len(libraries) > 0 {
		t.Error(fmt.Errorf("it is for %s and needs %v (%w)", file.Machine, libraries, err))
	}
}
