package kvschema

import (
	"errors"
	"fmt"
	"strings"
)

// Selector says on which nodes a Service is announced, by what Consul has in the meta of
// the node. All of its terms must hold; without any it holds everywhere.
type Selector []Term

// Term is one condition of a [Selector].
type Term struct {
	// Key is a key of the node's meta.
	Key string
	// Value is what it must have; with Any, whatever.
	Value string
	Any   bool
	// Not turns the term round: a node without the key has no value that it could
	// have.
	Not bool
}

// String writes it as it is read, see [parseSelector].
func (s Selector) String() string {
	var terms []string
	for _, t := range s {
		switch {
		case t.Any && t.Not:
			terms = append(terms, "!"+t.Key)
		case t.Any:
			terms = append(terms, t.Key)
		case t.Not:
			terms = append(terms, t.Key+"!="+t.Value)
		default:
			terms = append(terms, t.Key+"="+t.Value)
		}
	}
	return strings.Join(terms, ",")
}

// Matches tells whether a node with this meta is meant.
func (s Selector) Matches(meta map[string]string) bool {
	for _, term := range s {
		value, there := meta[term.Key]
		if holds := there && (term.Any || value == term.Value); holds == term.Not {
			return false
		}
	}
	return true
}

// parseSelector reads terms between commas, written as Kubernetes writes them: key=value,
// key!=value, key for a node that has it and !key for one that does not.
func parseSelector(text string) (Selector, error) {
	var selector Selector
	for part := range strings.SplitSeq(text, ",") {
		term, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		selector = append(selector, term)
	}
	return selector, nil
}

func parseTerm(text string) (Term, error) {
	var term Term
	key, value, valued := strings.Cut(text, "=")
	switch {
	case valued:
		key, term.Not = strings.CutSuffix(key, "!")
		term.Value = strings.TrimSpace(strings.TrimPrefix(value, "=")) // == is = too
	default:
		key, term.Not = strings.CutPrefix(key, "!")
		term.Any = true
	}
	term.Key = strings.TrimSpace(key)
	if !isMetaKey(term.Key) {
		return Term{}, fmt.Errorf("%s is no condition: want key=value, key!=value, key or !key, with a key of the node's meta in Consul", quote(text))
	}
	if strings.ContainsFunc(term.Value, isControl) {
		return Term{}, errors.New("it holds a control character")
	}
	return term, nil
}
