package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

func explainCommand() *cli.Command {
	cmd := command("explain", "show what becomes of a Service, from its key to Traefik's routers", nil,
		&cli.BoolFlag{Name: "file", Usage: "explain the Services in files, as kubectl get service -o json prints them"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"})
	cmd.ArgsUsage, cmd.Action = "NAMESPACE/SERVICE", explain
	return cmd
}

// explain shows each step with its reason.
func explain(c *cli.Context) error {
	if c.Args().Len() == 0 || c.Args().Len() > 1 && !c.Bool("file") {
		return codedError{exitUsage, errors.New("explain takes one argument, NAMESPACE/SERVICE, after all options; or with --file the name of a file")}
	}
	cfg, pairs, prefix, err := pairsToLook(c, c.Bool("file"))
	if err != nil {
		return err
	}
	entries := kvtree.Entries(prefix, pairs, nil)
	if !c.Bool("file") {
		name := c.Args().First()
		entries = slices.DeleteFunc(entries, func(e kvtree.Entry) bool { return e.Namespace+"/"+e.Name != name })
		if len(entries) == 0 {
			return fmt.Errorf("there is no key %s%s: k8s-registrar kv ls shows those that there are", prefix, name)
		}
	}
	found := lint(cfg, pairs)
	var views []explanation
	for _, entry := range entries {
		views = append(views, explainEntry(cfg, entry, found))
	}
	if cfg.Spread.Copies > 0 && !c.Bool("file") {
		if err := nameHolders(c.Context, cfg, entries, views); err != nil {
			return errOnce(err)
		}
	}
	if c.Bool("json") {
		return writeExplanationsJSON(c.App.Writer, views)
	}
	return writeExplanations(c.App.Writer, views)
}

// explanation is what becomes of one key.
type explanation struct {
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"`
	Key         string            `json:"key"`
	Bytes       int               `json:"bytes"`
	Type        string            `json:"type"`
	Reads       string            `json:"reads"` // "announced", "nothing" or "problem"
	Nothing     string            `json:"nothing,omitempty"`
	Nodes       string            `json:"nodes,omitempty"`
	Note        string            `json:"note,omitempty"`
	Holders     []string          `json:"holders,omitempty"`
	Ports       []portView        `json:"ports"`
	Annotations []verdictView     `json:"annotations"`
	Findings    []string          `json:"findings"`
	Traefik     []traefik.Outcome `json:"traefik"`
}

// portView is a service in Consul.
type portView struct {
	Name     string    `json:"name"`
	Label    string    `json:"port"`
	NodePort uint16    `json:"node_port"`
	Protocol string    `json:"protocol"`
	Address  string    `json:"address,omitempty"`
	Check    string    `json:"check,omitempty"`
	Tags     []tagView `json:"tags"`
}

// tagView is a tag, and what asked for it: an annotation, a setting, or nothing for what
// was made for Traefik.
type tagView struct {
	Tag  string `json:"tag"`
	From string `json:"from,omitempty"`
}

// verdictView is what became of an annotation of Traefik 1.7.
type verdictView struct {
	Annotation string       `json:"annotation"`
	Kind       traefik.Kind `json:"verdict"`
	Why        string       `json:"why,omitempty"`
}

func explainEntry(cfg config.Config, entry kvtree.Entry, found []kvschema.Problem) explanation {
	view := explanation{
		Namespace: entry.Namespace, Name: entry.Name, Key: entry.Key, Bytes: len(entry.Value), Type: entry.Type(),
		Reads: "nothing", Ports: []portView{}, Annotations: []verdictView{}, Findings: []string{}, Traefik: []traefik.Outcome{},
	}
	pair := kvschema.Pair{Key: entry.Key, Value: entry.Value, CreateIndex: entry.CreateIndex, ModifyIndex: entry.ModifyIndex}
	reader := agent.ReaderOf(cfg)
	reading, _ := reader.Read(pair, nil)
	trace := reader.Trace(pair)
	if service, asks := reading.Service(); asks {
		view.Reads, view.Note = "announced", trace.Note
		view.explainPorts(cfg, service, trace.Origins)
		view.explainTraefik(cfg, pair, service)
	} else if reading.Err() == nil {
		view.Nothing = trace.Nothing
	}
	for _, p := range found {
		if p.Key == entry.Key {
			view.Findings = append(view.Findings, severityOf(p)+": "+p.Err.Error())
			if !p.Warning {
				view.Reads = "problem"
			}
		}
	}
	return view
}

// explainPorts shows what a node registers, as if the Service were for any node.
func (view *explanation) explainPorts(cfg config.Config, service kvschema.Service, origins map[string]string) {
	view.Nodes = service.Nodes.String()
	mapping := mappingOf(cfg)
	anywhere := service
	anywhere.Nodes = nil
	desired, _ := mapping.Desired(kvschema.Tree{Services: []*kvschema.Service{&anywhere}}, someNode())
	for i, port := range service.Ports {
		shown := portView{Name: service.NameOf(i), Label: port.Label(), NodePort: port.NodePort, Protocol: port.Protocol, Tags: []tagView{}}
		registered := desired.Want[mapping.Owner.ID(service.Ref, port)]
		shown.Address = strings.ReplaceAll(registered.Address, someAddress, "NODE")
		if registered.Check != nil {
			shown.Check = strings.ReplaceAll(registered.Check.Notes(), someAddress, "NODE")
		}
		for _, tag := range service.TagsOf(i) {
			shown.Tags = append(shown.Tags, tagView{Tag: traefik.Shown(tag), From: origins[tag]})
		}
		view.Ports = append(view.Ports, shown)
	}
}

func (view *explanation) explainTraefik(cfg config.Config, pair kvschema.Pair, service kvschema.Service) {
	site := agent.SiteOf(cfg.Traefik)
	view.Traefik = traefik.Explain(service.NameOf(service.TraefikPort), service.TagsOf(service.TraefikPort), site)
	// Without a site the tags are those that were asked for.
	plain, _ := kvschema.NewReader(kvschema.Prefix(cfg.KeyPath), kvschema.Rules(cfg.Services)).Read(pair, nil)
	asked, _ := plain.Service()
	who := traefik.Ref{Namespace: service.Namespace, Name: service.Name}
	for _, v := range traefik.Translate(who, slices.Concat(asked.Tags, asked.Traefik), site).Verdicts {
		view.Annotations = append(view.Annotations, verdictView(v))
	}
}
