package kvtree_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// cart is a Service as kubectl prints it in a List, shortened.
const cart = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"type": "NodePort"}}`

func TestReader(t *testing.T) {
	tests := map[string]struct {
		input string
		want  []string // "namespace/name type", with a - in front if it is gone
	}{
		"a Service":                   {cart, []string{"shop/cart NodePort"}},
		"one after the other":         {cart + cart + "\n" + cart, []string{"shop/cart NodePort", "shop/cart NodePort", "shop/cart NodePort"}},
		"a List":                      {`{"kind": "List", "items": [` + cart + `]}`, []string{"shop/cart NodePort"}},
		"an empty List":               {`{"kind": "List", "items": []}`, nil},
		"a List without items":        {`{"kind": "List", "items": null}`, nil},
		"the API server's own":        {`{"kind": "ServiceList", "apiVersion": "v1", "items": [{"metadata": {"name": "a", "namespace": "b"}}]}`, []string{"b/a "}},
		"others in a List":            {`{"kind": "List", "items": [{"kind": "Pod", "metadata": {}},` + cart + `]}`, []string{"shop/cart NodePort"}},
		"a List of others":            {`{"kind": "PodList", "items": [{"metadata": {"name": "a"}}]}`, nil},
		"another thing":               {`{"kind": "Pod"}`, nil},
		"a Service of somebody else":  {`{"kind": "Service", "apiVersion": "serving.knative.dev/v1", "metadata": {"name": "a", "namespace": "b"}}`, nil},
		"a Service added":             {`{"type": "ADDED", "object": ` + cart + `}`, []string{"shop/cart NodePort"}},
		"a Service modified":          {`{"type": "MODIFIED", "object": ` + cart + `}`, []string{"shop/cart NodePort"}},
		"a Service deleted":           {`{"type": "DELETED", "object": ` + cart + `}`, []string{"-shop/cart NodePort"}},
		"a bookmark":                  {`{"type": "BOOKMARK", "object": {"kind": "Service", "metadata": {"resourceVersion": "1"}}}`, nil},
		"names are exact":             {`{"kind": "Service", "Metadata": {"name": "x"}, "metadata": {"name": "a", "namespace": "b", "Name": "y"}}`, []string{"b/a "}},
		"others before it in the way": {`{"kind": "Pod"}` + cart, []string{"shop/cart NodePort"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readEvents(kvtree.NewReader(strings.NewReader(test.input)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func readEvents(reader *kvtree.Reader) (all []string, err error) {
	for {
		events, err := reader.Next()
		if err != nil && err.Error() == "EOF" {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		for _, e := range events {
			text := fmt.Sprintf("%s/%s %s", e.Namespace, e.Name, e.Type)
			if e.Deleted {
				text = "-" + text
			}
			all = append(all, text)
		}
	}
}

// An input that is not whole, or is no answer, is refused as a whole.
func TestReaderRefuses(t *testing.T) {
	tests := map[string]struct {
		input string
		want  string
	}{
		"nothing":            {" \n", "the input is empty: want what kubectl get services --all-namespaces -o json prints"},
		"no JSON":            {"error: forbidden", "read document 1: invalid character 'e' looking for beginning of value"},
		"cut short":          {cart + cart[:40], "read document 2: unexpected EOF"},
		"a List cut short":   {`{"kind": "List", "items": [` + cart, "read document 1: unexpected EOF"},
		"no object":          {`[1]`, "read document 1: it is neither a Service, a List of them nor a watch event: want what kubectl get services -o json prints"},
		"no kind":            {`{"metadata": {"name": "cart"}}`, "read document 1: it is neither a Service, a List of them nor a watch event: want what kubectl get services -o json prints"},
		"a refusal":          {`{"kind": "Status", "message": "services is forbidden"}`, "read document 1: the API server says: services is forbidden"},
		"a watch that fails": {`{"type": "ERROR", "object": {"kind": "Status", "message": "too old"}}`, "read document 1: the API server says: too old"},
		"another event":      {`{"type": "GONE", "object": {}}`, `read document 1: a watch event has the type "GONE": want ADDED, MODIFIED, DELETED, BOOKMARK or ERROR`},
		"no name":            {`{"kind": "List", "items": [` + cart + `, {"kind": "Service", "metadata": {}}]}`, "read document 1: items[1]: metadata.name is missing"},
		"no namespace":       {`{"kind": "Service", "metadata": {"name": "cart"}}`, `read document 1: metadata.namespace of "cart" is missing: want Services as the API server has them`},
		"items of any kind":  {`{"kind": "List", "items": 7}`, "read document 1: items is no list: json: cannot unmarshal number into Go value of type []json.RawMessage"},
		"a List with no items": {
			`{"kind": "List"}`, "read document 1: items is no list: unexpected end of JSON input",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in, err := kvtree.ReadAll(strings.NewReader(test.input))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if in.Len() != 0 {
				t.Errorf("%d Services, want none", in.Len())
			}
		})
	}
}

// kubectl get --watch alone prints a Service that is deleted like one that is not.
func TestWatchTakesEventsOnly(t *testing.T) {
	reader := kvtree.NewReader(strings.NewReader(cart))
	reader.EventsOnly = true
	_, err := reader.Next()
	const want = "read document 1: it is a Service and no watch event: use kubectl get --watch --output-watch-events"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// What kubectl prints when it may not list Services looks like a cluster without any.
func TestAbsenceNeedsProof(t *testing.T) {
	kubernetes := strings.NewReplacer("shop", "default", `"cart"`, `"kubernetes"`).Replace(cart)
	tests := map[string]struct {
		input     string
		selection bool
		want      string // a part of the error
	}{
		"all":                    {kubernetes + cart, false, ""},
		"a selection":            {cart, true, ""},
		"a part":                 {cart, false, "no Service default/kubernetes"},
		"nothing":                {`{"kind": "List", "items": []}`, false, "no Service at all"},
		"a selection of none":    {`{"kind": "List", "items": []}`, true, "no Service at all"},
		"all, but it is gone":    {kubernetes + cart + `{"type": "DELETED", "object": ` + kubernetes + `}`, false, "no Service default/kubernetes"},
		"one of the same name":   {strings.ReplaceAll(kubernetes, "default", "shop"), false, "no Service default/kubernetes"},
		"only what it is not":    {`{"kind": "Pod"}`, false, "no Service at all"},
		"itself, as a selection": {kubernetes, true, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in, err := kvtree.ReadAll(strings.NewReader(test.input))
			if err != nil {
				t.Fatal(err)
			}
			err = in.CheckPrune(test.selection)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
