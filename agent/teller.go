package agent

import (
	"fmt"

	"github.com/hashicorp/go-hclog"
)

// mostTold is how many problems are logged one by one when many begin at once, as
// they do when a token loses its rights. All of them are in the status.
const mostTold = 20

// teller logs states that last, once when they begin and once when they end.
type teller struct {
	log  hclog.Logger
	told map[string]bool
}

func (t *teller) tell(pass Pass, v *verifier) {
	now := map[string]bool{}
	var news int
	begin := func(what, message string, fields ...any) {
		if now[what] = true; t.told[what] {
			return
		}
		if news++; news <= mostTold {
			t.log.Warn(message, fields...)
		}
	}
	for _, w := range pass.Waiting {
		begin("removals "+w.Hash, "problem", "what", fmt.Sprintf("%d removals wait", len(w.Keys)), "error", w.Why, "to release them", "k8s-registrar approve "+w.Hash)
	}
	for _, p := range problems(pass, v) {
		message := "problem"
		if p.warning {
			message = "announced all the same"
		}
		begin(p.state(), message, "key", p.key, "id", string(p.id), "error", p.text)
	}
	if news > mostTold {
		t.log.Warn("more problems, see the status", "count", news-mostTold)
	}
	var gone int
	for what := range t.told {
		if !now[what] {
			gone++
		}
	}
	if gone > 0 {
		t.log.Info("problems are gone", "gone", gone, "left", len(now))
	}
	t.told = now
}
