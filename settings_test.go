package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The usual file is read if it is there and nobody names another; one that is named has
// to be there.
func TestFileOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	usual, other, missing := filepath.Join(dir, "usual.hcl"), filepath.Join(dir, "other.hcl"), filepath.Join(dir, "missing.hcl")
	for file, path := range map[string]string{usual: "usual", other: "other"} {
		if err := os.WriteFile(file, []byte(`key_path = "`+path+`"`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const unset = "(unset)"
	for name, row := range map[string]struct {
		usual, variable string
		args            []string
		want            string // the key_path
		mistake         string // or what the error names
	}{
		"nothing is said":                {usual, unset, nil, "usual", ""},
		"nothing is said, nothing there": {missing, unset, nil, "kubernetes", ""},
		"a flag":                         {usual, unset, []string{"--config", other}, "other", ""},
		"a variable":                     {usual, other, nil, "other", ""},
		"a flag wins over the variable":  {missing, usual, []string{"--config", other}, "other", ""},
		"a setting wins over the file":   {usual, unset, []string{"--key-path", "flag"}, "flag", ""},
		"an empty flag is no file":       {usual, other, []string{"--config="}, "kubernetes", ""},
		"an empty variable is no file":   {usual, "", nil, "kubernetes", ""},
		"a flag that leads nowhere":      {usual, unset, []string{"--config", missing}, "", missing},
		"a variable that leads nowhere":  {usual, missing, nil, "", missing},
		"the usual one, by name":         {missing, unset, []string{"--config", missing}, "", missing},
		"the usual one cannot be read":   {dir, unset, nil, "", dir},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("K8S_REGISTRAR_CONFIG", row.variable)
			if row.variable == unset {
				os.Unsetenv("K8S_REGISTRAR_CONFIG")
			}
			got, err := keyPathBy(t, row.usual, row.args)
			switch {
			case row.mistake == "" && (err != nil || got != row.want):
				t.Errorf("key_path is %q (%v), want %q", got, err, row.want)
			case row.mistake != "" && (err == nil || !strings.Contains(err.Error(), row.mistake)):
				t.Errorf("the error is %v, want one about %s", err, row.mistake)
			}
		})
	}
}

// keyPathBy returns what a command line makes of key_path where the usual file is another.
func keyPathBy(t *testing.T, usual string, args []string) (path string, err error) {
	t.Helper()
	flags := configFlags()
	flags[0].(*cli.StringFlag).Value = usual
	app := &cli.App{Flags: flags, Writer: io.Discard, ErrWriter: io.Discard, Action: func(c *cli.Context) error {
		cfg, err := loadConfig(c)
		path = cfg.KeyPath
		return err
	}}
	err = app.RunContext(t.Context(), append([]string{"k8s-registrar"}, args...))
	return path, err
}
