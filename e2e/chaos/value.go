package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// kind is what a value means to a registrar.
type kind int

const (
	good  kind = iota // a NodePort Service
	other             // a Service of another type: nothing is asked for
	bad               // nothing that can be read
)

// String is the kind's name for the journal.
func (k kind) String() string { return [...]string{"good", "other", "bad"}[k] }

// A value is what is stored under a key, as the harness means it.
type value struct {
	kind        kind
	port        int
	portName    string
	annotations map[string]string
	raw         string // of a bad value
}

const (
	firstPort = 30100
	ports     = 64 // every other one is open
)

// open tells whether somebody listens on a NodePort.
func open(port int) bool { return port%2 == 0 }

// goodValue draws a NodePort Service.
func goodValue(rng *rand.Rand) value {
	v := value{kind: good, port: firstPort + rng.IntN(ports), portName: "http", annotations: map[string]string{}}
	draw := func(key string, values ...string) {
		if rng.IntN(2) == 0 {
			v.annotations[key] = values[rng.IntN(len(values))]
		}
	}
	draw("tags", "kubernetes,k8s", " red , kubernetes,,red", "b,a", "")
	draw("tags.more", "blue", "a,z")
	draw("traefik.enable", "true", "false")
	draw("traefik.frontend.rule", "Host:a.example.com,b.example.com", "Host:c.example.com")
	draw("traefikx.no", "1")
	draw("example.com/tags", "never")
	v.annotations["tags.v"] = fmt.Sprintf("v%d", rng.IntN(1<<20)) // no two values are alike
	return v
}

// badValue draws a value that nobody can read.
func badValue(rng *rand.Rand, ns, name string) value {
	whole := string(goodValue(rng).bytes(ns, name))
	choices := []string{
		"not json", "", "{}", "[]", "null", `"x"`, "\xff\xfe", whole[:len(whole)/2],
		strings.Replace(whole, `"`+name+`"`, `"somebody-else"`, 1),
		strings.Replace(whole, `"kind":"Service"`, `"kind":"Pod"`, 1),
		strings.Replace(whole, `"type":"NodePort"`, `"type":5`, 1),
		strings.Replace(whole, `"nodePort":`, `"nodePort":1`, 1), // beyond 65535
		strings.Replace(whole, `"nodePort":`, `"nodePort":-`, 1),
		strings.Replace(whole, `"annotations":{`, `"annotations":{"tags.x":"a\nb",`, 1),
	}
	return value{kind: bad, raw: choices[rng.IntN(len(choices))]}
}

// bytes returns the value as it is stored.
func (v value) bytes(ns, name string) []byte {
	if v.kind == bad {
		return []byte(v.raw)
	}
	port := map[string]any{"protocol": "TCP", "port": 80}
	typ := "ClusterIP"
	if v.kind == good {
		typ, port["nodePort"] = "NodePort", v.port
	}
	if v.portName != "" {
		port["name"] = v.portName
	}
	text, err := json.Marshal(map[string]any{
		"kind": "Service", "apiVersion": "v1",
		"metadata": map[string]any{"name": name, "namespace": ns, "annotations": v.annotations},
		"spec":     map[string]any{"type": typ, "ports": []any{port}},
	})
	if err != nil {
		panic(err) // it is texts and numbers
	}
	return text
}

// tags is the rule for tags, written a second time.
func (v value) tags() []string {
	set := map[string]bool{}
	for key, text := range v.annotations {
		switch head, _, _ := strings.Cut(key, "."); head {
		case "traefik":
			set[key+"="+text] = true
		case "tags":
			for tag := range strings.SplitSeq(text, ",") {
				set[strings.TrimSpace(tag)] = true
			}
		}
	}
	delete(set, "")
	tags := []string{}
	for tag := range set {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags
}
