package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// Each shell, with the completion that is shipped, completes a command and an option.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	for shell, script := range map[string]string{
		"bash": `source "$0"/k8s-registrar.bash
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _k8s_registrar; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `_describe() { print -rl -- ${(P)2} }; _files() { print files }
words=("$@"); CURRENT=$#; complete() { source ${1}/_k8s-registrar }; complete "$0"`,
		"fish": `source $argv[1]/k8s-registrar.fish; complete -C (string join -- ' ' $argv[2..-1])`,
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			program := needs.Program(t, shell, shell)
			scripts, err := filepath.Abs(packaging + "completions")
			must(t, err)
			for want, line := range map[string][]string{
				"plan":        {"k8s-registrar", "pl"},
				"--exit-code": {"k8s-registrar", "plan", "--exit"},
			} {
				cmd := exec.CommandContext(t.Context(), program, append([]string{"-c", script, scripts}, line...)...)
				cmd.Env = []string{"PATH=" + filepath.Dir(binary(t)) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
				printed, err := cmd.CombinedOutput()
				first := func(line string) string {
					word, _, _ := strings.Cut(line, "\t")
					word, _, _ = strings.Cut(word, ":")
					return word
				}
				var words []string
				for line := range strings.Lines(string(printed)) {
					words = append(words, first(strings.TrimSpace(line)))
				}
				if err != nil || !slices.Contains(words, want) {
					t.Errorf("%v completes to %q (%v), want %s", line, words, err, want)
				}
			}
		})
	}
}
