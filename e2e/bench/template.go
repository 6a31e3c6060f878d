package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// servicesFile is what the old stack renders, in a directory that Consul reads at a reload.
const servicesFile = "k8s-services.json"

// pureTemplate renders the services without a plugin. KEYPATH stands for the tree's.
const pureTemplate = `{"services": [
{{- range $i, $pair := tree "%s/deployments" }}
{{- with $service := $pair.Value | parseJSON }}
{{- if eq $service.spec.type "NodePort" }}
{{- if $i }},{{ end }}
{"name": {{ $service.metadata.name | toJSON }}, "port": {{ (index $service.spec.ports 0).nodePort }}, "tags": [
{{- $more := false }}
{{- range $key, $text := $service.metadata.annotations }}
{{- if $key | regexMatch "^traefik([.]|$)" }}{{ if $more }}, {{ end }}{{ printf "%%s=%%s" $key $text | toJSON }}{{ $more = true }}{{ end }}
{{- if $key | regexMatch "^tags([.]|$)" }}{{ range $text | split "," }}{{ if $more }}, {{ end }}{{ . | trimSpace | toJSON }}{{ $more = true }}{{ end }}{{ end }}
{{- end }}]}
{{- end }}
{{- end }}
{{- end }}
]}
`

// pluginTemplate hands the whole tree to the plugin as one argument.
const pluginTemplate = `{{ tree "%s/deployments" | explode | toJSON | plugin %q "plugin" }}
`

// templateConfig is the configuration of consul-template; what it does not say is as
// consul-template has it.
const templateConfig = `consul { address = %q }
template {
  source      = %q
  destination = %q
  command     = ["kill", "-HUP", %q]
}
`

// writeTemplate prepares consul-template for a node and returns its command line.
func writeTemplate(program, dir, template, consul string, node *consulproc.Process) ([]string, error) {
	source, config := filepath.Join(dir, "services.ctmpl"), filepath.Join(dir, "consul-template.hcl")
	destination := filepath.Join(node.ConfigDir(), servicesFile)
	text := fmt.Sprintf(templateConfig, consul, source, destination, strconv.Itoa(node.PID()))
	for path, text := range map[string]string{source: template, config: text} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("prepare consul-template: %w", err)
		}
	}
	return []string{program, "-config=" + config}, nil
}
