package kvtree

import (
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Input is what is known of the Services in Kubernetes. The zero Input says nothing.
type Input struct {
	// latest is the last word on each Service, by "namespace/name".
	latest map[string]Event
}

// Add takes in events, of which later ones count.
func (in *Input) Add(events ...Event) {
	if in.latest == nil {
		in.latest = map[string]Event{}
	}
	for _, e := range events {
		in.latest[e.Namespace+"/"+e.Name] = e
	}
}

// ReadAll reads a whole input. On an error nothing of it is to be used: it may have been
// cut short.
func ReadAll(r io.Reader) (Input, error) {
	var in Input
	reader := NewReader(r)
	for {
		events, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF) && reader.document == 0:
			return in, errors.New("the input is empty: want what kubectl get services --all-namespaces -o json prints")
		case errors.Is(err, io.EOF):
			return in, nil
		case err != nil:
			return Input{}, err
		}
		in.Add(events...)
	}
}

// Len is how many Services it speaks of.
func (in Input) Len() int { return len(in.latest) }

// Pairs returns the Services as the keys of a tree below the prefix, each as old as its
// Service. The keys of a real tree may be of another age.
func (in Input) Pairs(prefix string) []kvschema.Pair {
	var pairs []kvschema.Pair
	for _, e := range in.events() {
		if !e.Deleted {
			age := e.created()
			pairs = append(pairs, kvschema.Pair{Key: prefix + e.Namespace + "/" + e.Name, Value: e.JSON, CreateIndex: age, ModifyIndex: age})
		}
	}
	return pairs
}

// events returns the last word on each Service, sorted.
func (in Input) events() []Event {
	var all []Event
	for _, name := range slices.Sorted(maps.Keys(in.latest)) {
		all = append(all, in.latest[name])
	}
	return all
}

// wholeCluster tells whether it lists the Service that every cluster has: the API server
// creates default/kubernetes again when it is deleted. Where it is missing, others are
// missing too.
func (in Input) wholeCluster() bool {
	e, listed := in.latest["default/kubernetes"]
	return listed && !e.Deleted
}

// CheckPrune says why what is absent from the input must not be taken for gone: kubectl
// prints an empty List when it is forbidden to list. A selection, of namespaces or by
// label, need not be the whole cluster, but has to be something.
func (in Input) CheckPrune(selection bool) error {
	switch {
	case in.Len() == 0:
		return errors.New("the input has no Service at all: that is what kubectl prints when it may not list them, so nothing is taken for gone")
	case !selection && !in.wholeCluster():
		return errors.New("the input has no Service default/kubernetes, which every cluster has: it is not all there is, so nothing is taken for gone")
	}
	return nil
}
