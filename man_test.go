package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/config"
)

var update = flag.Bool("update", false, "write the man page instead of comparing it")

// The man page is made of the command line's own definition. If this fails, the error
// says how to write it anew.
func TestManPage(t *testing.T) {
	const page = "packaging/man/k8s-registrar.8"
	want := manPage(t, page+".md.tmpl")
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the command line is (-want +got); to write it anew: go test -run TestManPage . -update\n%s", page, diff)
	}
}

type manCommand struct {
	Name, Usage string
	Arguments   []string
	Options     []manOption
}

type manOption struct{ Name, Value, Usage, Setting, Variable, Default string }

// manPage fills the page's template.
func manPage(t *testing.T, file string) []byte {
	t.Helper()
	text, err := template.ParseFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	app := newApp(io.Discard, io.Discard)
	settings := map[string]bool{"--" + configFlag: true}
	var options []manOption
	defaults := config.Default()
	for _, s := range defaults.Settings() {
		value, usage := placeholder(s.Usage)
		option := manOption{
			Name: "--" + s.Flag(), Value: value, Usage: usage,
			Setting: s.Name, Variable: s.Env(), Default: s.String(),
		}
		settings[option.Name] = true
		options = append(options, option)
	}
	var page bytes.Buffer
	err = text.Execute(&page, map[string]any{
		"Usage":    app.Usage,
		"Commands": manCommands("", app.Commands, settings),
		"Settings": options,
	})
	if err != nil {
		t.Fatal(err)
	}
	return md2man.Render(page.Bytes())
}

// manCommands describes commands, and the commands below them, without the options
// that all have.
func manCommands(parent string, commands []*cli.Command, shared map[string]bool) []manCommand {
	var described []manCommand
	for _, c := range commands {
		if c.Hidden || c.Name == "help" {
			continue
		}
		d := manCommand{Name: strings.TrimSpace(parent + " " + c.Name), Usage: c.Usage}
		for argument := range strings.FieldsSeq(c.ArgsUsage) {
			d.Arguments = append(d.Arguments, "*"+argument+"*")
		}
		for _, f := range c.Flags {
			if o := manFlag(f.(cli.DocGenerationFlag)); !shared[o.Name] && o.Name != "--help" {
				d.Options = append(d.Options, o)
			}
		}
		described = append(described, d)
		described = append(described, manCommands(d.Name, c.Subcommands, shared)...)
	}
	return described
}

func manFlag(f cli.DocGenerationFlag) manOption {
	value, usage := placeholder(f.GetUsage())
	if value == "" && f.TakesValue() {
		value = "*VALUE*"
	}
	return manOption{Name: "--" + f.(cli.Flag).Names()[0], Value: value, Usage: usage}
}

// placeholder sets off the word between backquotes, which stands for the option's value.
func placeholder(usage string) (value, text string) {
	parts := strings.Split(usage, "`")
	if len(parts) != 3 {
		return "", usage
	}
	value = "*" + parts[1] + "*"
	return value, strings.Join(slices.Replace(parts, 1, 2, value), "")
}
