package kvschema_test

import (
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// rich has about all that a Service may have.
func rich(t testing.TB, tags, port string, more ...string) kvschema.Pair {
	t.Helper()
	value := annotated(t, `{"metadata": {"name": "cart", "annotations": %s}, "spec": {"type": "NodePort", "ipFamilies": ["IPv4"], "ports": [
		{"name": "http", "nodePort": 30080}, {"name": "metrics", "nodePort": `+port+`}]}}`, append(more, "tags", tags)...)
	return kvschema.Pair{Key: strings.Clone(cartKey), Value: []byte(value), CreateIndex: 1}
}

func leanReader() kvschema.Reader {
	return kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{Ports: "all"}).For(traefik.Site{Generation: traefik.Both})
}

// TestLeanIsTheSame whatever was read before, which stays as it is.
func TestLeanIsTheSame(t *testing.T) {
	draw := func(r *rapid.T) kvschema.Pair {
		var more []string
		for _, a := range [][]string{
			{"traefik.frontend.rule", "Host:a.example.com", "Host:b.example.com"},
			{"/name", "shop", "till"},
			{"/nodes", "role=edge", "role=edge,!gpu"},
			{"/meta.team", "shop", "till"},
			{"/check.type", "http", "grpc"},
			{"/check.failures_before_warning", "1", "2"},
			{"/spread", "2", "none"}, // which is wrong
			{"/new-to-us", "a warning"},
		} {
			if i := rapid.IntRange(0, len(a)-1).Draw(r, a[0]); i > 0 {
				more = append(more, a[0], a[i])
			}
		}
		pair := rich(t, rapid.SampledFrom([]string{"", "a", "a,b", "b,c"}).Draw(r, "tags"), rapid.SampledFrom([]string{"30081", "30082"}).Draw(r, "port"), more...)
		pair.CreateIndex = rapid.Uint64Range(1, 2).Draw(r, "created")
		return pair
	}
	rapid.Check(t, func(r *rapid.T) {
		reader := leanReader()
		a, b := draw(r), draw(r)
		before, _ := reader.Read(a, nil)
		wasBefore, _ := reader.Read(a, nil)
		lean, _ := reader.Read(b, before)
		fresh, _ := reader.Read(b, nil)
		diff(t, kvschema.Compose([]*kvschema.Reading{wasBefore}).Services, kvschema.Compose([]*kvschema.Reading{before}).Services)
		if fresh.Err() != nil {
			diff(t, fresh.Err().Error(), lean.Err().Error())
			return // the Service is the one before
		}
		diff(t, kvschema.Compose([]*kvschema.Reading{fresh}), kvschema.Compose([]*kvschema.Reading{lean}))
		diff(t, fresh.Claims(), lean.Claims())
	})
}

// TestWhatIsAsBeforeIsKeptOnce while something else of the key changes.
func TestWhatIsAsBeforeIsKeptOnce(t *testing.T) {
	all := []string{
		"traefik.frontend.rule", "Host:a.example.com", "/nodes", "role=edge", "/meta.team", "shop", "/check.type", "http", "/new-to-us", "a warning",
	}
	reader := leanReader()
	red, _ := reader.Read(rich(t, "kubernetes,red", "30081", all...), nil)
	blue, _ := reader.Read(rich(t, "blue,kubernetes", "30081", all...), red)
	moved, _ := reader.Read(rich(t, "blue,kubernetes", "30082"), blue)
	was, _ := red.Service()
	is, _ := blue.Service()
	last, _ := moved.Service()
	diff(t, []string{"blue", "kubernetes"}, is.Tags)
	diff(t, uint16(30082), last.Ports[1].NodePort)
	for what, once := range map[string]bool{
		"key":                              unsafe.StringData(was.Key) == unsafe.StringData(is.Key),
		"name":                             unsafe.StringData(was.Name) == unsafe.StringData(is.Name),
		"one tag":                          unsafe.StringData(was.Tags[0]) == unsafe.StringData(is.Tags[1]),
		"tags":                             &is.Tags[0] == &last.Tags[0],
		"traefik":                          &was.Traefik[0] == &is.Traefik[0],
		"ports":                            &was.Ports[0] == &is.Ports[0],
		"defines":                          &was.Defines[0] == &is.Defines[0],
		"nodes":                            &was.Nodes[0] == &is.Nodes[0],
		"warnings":                         &was.Warnings[0] == &is.Warnings[0],
		"check":                            was.Check == is.Check,
		"key of one that asks for nothing": unsafe.StringData(nothing(reader, moved).Key) == unsafe.StringData(was.Key),
	} {
		if !once {
			t.Errorf("%s: kept twice", what)
		}
	}
	was.Meta["seen"] = "" // a map has no address to compare
	diff(t, map[string]string{"team": "shop", "seen": ""}, is.Meta)
}

// nothing is read of the key when it is no NodePort any more.
func nothing(reader kvschema.Reader, before *kvschema.Reading) *kvschema.Reading {
	now, _ := reader.Read(kvschema.Pair{Key: strings.Clone(cartKey), Value: []byte(other), CreateIndex: 1, ModifyIndex: 9}, before)
	return now
}

// TestMetaOfTheConfigurationIsKeptOnce for all Services that add nothing.
func TestMetaOfTheConfigurationIsKeptOnce(t *testing.T) {
	rules := kvschema.Rules{Meta: map[string]string{"dc": "x"}}
	plain, _ := readBy(t, rules, good)
	own, _ := readBy(t, rules, annotated(t, three, "/meta.team", "shop"))
	rules.Meta["seen"] = "" // a map has no address to compare
	diff(t, map[string]string{"dc": "x", "seen": ""}, plain.Services[0].Meta)
	diff(t, map[string]string{"dc": "x", "team": "shop"}, own.Services[0].Meta)
}
