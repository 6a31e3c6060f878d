package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

func writeExplanationsJSON(w io.Writer, views []explanation) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(views)
}

// writeExplanations prints for people, one step after the other.
func writeExplanations(w io.Writer, views []explanation) error {
	var b strings.Builder
	for i, view := range views {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeExplanation(&b, view)
	}
	_, err := io.WriteString(w, strings.Map(harmless, b.String()))
	return err
}

func writeExplanation(b *strings.Builder, view explanation) {
	fmt.Fprintf(b, "%s/%s\n", view.Namespace, view.Name)
	fmt.Fprintf(b, "  key    %s\n", view.Key)
	fmt.Fprintf(b, "  value  %d bytes, type %s\n", view.Bytes, orDash(view.Type))
	fmt.Fprintf(b, "  reads  %s\n", readsWords(view))
	for _, finding := range view.Findings {
		fmt.Fprintf(b, "  ! %s\n", finding)
	}
	writePlace(b, view)
	for _, port := range view.Ports {
		writePort(b, port)
	}
	writeTranslation(b, view)
	for _, outcome := range view.Traefik {
		writeOutcome(b, outcome)
	}
}

// writeTranslation prints what becomes of the annotations for Traefik 1.7.
func writeTranslation(b *strings.Builder, view explanation) {
	if len(view.Annotations) > 0 {
		b.WriteString("\nFor Traefik 2 and 3:\n")
	}
	for _, v := range view.Annotations {
		fmt.Fprintf(b, "  %-6s  %s\n", v.Kind, v.Annotation)
		if v.Why != "" {
			fmt.Fprintf(b, "            %s\n", v.Why)
		}
	}
}

func readsWords(view explanation) string {
	switch view.Reads {
	case "nothing":
		return "asks for nothing: " + view.Nothing
	case "problem":
		return "is not announced as it is, see below"
	default:
		return "is announced"
	}
}

// writePlace writes where the service is announced, if that is not simply everywhere.
func writePlace(b *strings.Builder, view explanation) {
	if view.Nodes != "" {
		fmt.Fprintf(b, "  nodes  only those with %s\n", view.Nodes)
	}
	if view.Note != "" {
		fmt.Fprintf(b, "  note   %s\n", view.Note)
	}
	if len(view.Holders) > 0 {
		fmt.Fprintf(b, "  share  of %s\n", strings.Join(view.Holders, ", "))
	}
}

// writePort prints tags by what asked for them.
func writePort(b *strings.Builder, port portView) {
	fmt.Fprintf(b, "\nIn Consul: %s, port %d/%s (port %s of the Service)\n", port.Name, port.NodePort, port.Protocol, port.Label)
	if port.Address != "" {
		fmt.Fprintf(b, "  at     %s\n", port.Address)
	}
	fmt.Fprintf(b, "  check  %s\n", cmp.Or(port.Check, "none"))
	var asked, made []string
	width := 0
	for _, tag := range port.Tags {
		if tag.From != "" {
			width = max(width, len(tag.From))
		}
	}
	for _, tag := range port.Tags {
		if tag.From == "" {
			made = append(made, "    "+tag.Tag+"\n")
		} else {
			asked = append(asked, fmt.Sprintf("    %-*s  %s\n", width, tag.From, tag.Tag))
		}
	}
	writeTags(b, "  tags, and the annotation or setting that asks for them\n", asked)
	writeTags(b, "  tags that are made for Traefik\n", made)
}

func writeTags(b *strings.Builder, title string, lines []string) {
	if len(lines) > 0 {
		b.WriteString(title + strings.Join(lines, ""))
	}
}

func writeOutcome(b *strings.Builder, outcome traefik.Outcome) {
	verb := "routes it"
	if !outcome.Routed {
		verb = "does not route it"
	}
	fmt.Fprintf(b, "\nTraefik %s %s\n", outcome.Traefik, verb)
	if outcome.Why != "" {
		fmt.Fprintf(b, "  %s\n", outcome.Why)
	}
	for _, r := range outcome.Routers {
		fmt.Fprintf(b, "  %s: %s\n", r.Name, r.Rule)
		if len(r.EntryPoints) > 0 {
			fmt.Fprintf(b, "    at %s%s\n", strings.Join(r.EntryPoints, ", "), map[bool]string{true: ", with TLS"}[r.TLS])
		}
		if len(r.Middlewares) > 0 {
			fmt.Fprintf(b, "    through %s\n", strings.Join(r.Middlewares, ", "))
		}
		fmt.Fprintf(b, "    to %s\n", r.Service)
		if r.Problem != "" {
			fmt.Fprintf(b, "    ! %s\n", r.Problem)
		}
	}
	if outcome.Servers != "" {
		fmt.Fprintf(b, "  at %s\n", outcome.Servers)
	}
}
