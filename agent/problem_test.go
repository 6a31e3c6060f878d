package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// annotated is a Service with annotations that this version does not know.
func annotated(name string, unknown ...string) (key, value string) {
	key, value = service("shop", name, 30080, "")
	for _, annotation := range unknown {
		value = strings.Replace(value, `"tags"`, fmt.Sprintf(`"k8s-registrar/%s": "x", "tags"`, annotation), 1)
	}
	return key, value
}

// TestEveryWarningIsSaid: what is wrong with one key for a second reason is said too, each
// once, and that the key is announced all the same.
func TestEveryWarningIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(annotated("cart", "future-one", "future-two"))
		r := start(t, c)
		r.after(5 * time.Second).announces("cart:30080")
		said := func(name string, want int) {
			t.Helper()
			if got := r.log.count("announced all the same: key=kubernetes/deployments/shop/cart id=\"\" error=\"metadata.annotations.k8s-registrar/" + name); got != want {
				t.Errorf("%s is said %d times, want %d:\n%s", name, got, want, r.log)
			}
		}
		said("future-one", 1)
		said("future-two", 1)

		c.SetKV(annotated("cart", "future-one", "future-two", "future-three"))
		r.after(time.Hour)
		said("future-one", 1)
		said("future-two", 1)
		said("future-three", 1)

		c.SetKV(annotated("cart"))
		r.after(5 * time.Second)
		if n := r.log.count("problems are gone: gone=3 left=0"); n != 1 {
			t.Errorf("that it is mended is said %d times:\n%s", n, r.log)
		}
	})
}

// TestWarningsAreCountedApart: they are no reason for an alarm about bad values.
func TestWarningsAreCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(annotated("cart", "future-one", "future-two"))
		c.SetKV(annotated("web", "future-one"))
		c.SetKV("kubernetes/deployments/shop/zz", "not json")
		r := start(t, c)
		r.after(5 * time.Second)
		err := testutil.GatherAndCompare(r.agent.registry, strings.NewReader(`
# HELP k8s_registrar_quarantined_services Keys whose value cannot be announced.
# TYPE k8s_registrar_quarantined_services gauge
k8s_registrar_quarantined_services 1
# HELP k8s_registrar_warned_services Keys that are announced, though something about them may not be meant.
# TYPE k8s_registrar_warned_services gauge
k8s_registrar_warned_services 2
`), "k8s_registrar_quarantined_services", "k8s_registrar_warned_services")
		if err != nil {
			t.Error(err)
		}
	})
}

// TestWarningsCrowdOutNoProblem where a list is cut short.
func TestWarningsCrowdOutNoProblem(t *testing.T) {
	pass := Pass{Problems: []kvschema.Problem{
		{Ref: kvschema.Ref{Key: "a"}, Err: errors.New("odd"), Warning: true},
		{Ref: kvschema.Ref{Key: "b"}, Err: errors.New("bad")},
	}}
	all := problems(pass, &verifier{})
	if len(all) != 2 || all[0].key != "b" || all[0].warning || !all[1].warning {
		t.Errorf("problems come first: %+v", all)
	}
}

// TestABlockedServiceIsSaid: what was only late at first gets a name in the log when it
// turns out that somebody keeps it from the catalog. The number of tries is no news.
func TestABlockedServiceIsSaid(t *testing.T) {
	log := &logBuffer{}
	told := teller{log: newLogger(log)}
	for resends := range 9 {
		late := &divergence{what: "it is missing", resends: resends}
		told.tell(Pass{}, &verifier{diverging: map[register.ID]*divergence{"id": late}})
	}
	if log.count("[WARN]") != 2 || log.count("not synced yet") != 1 || log.count("blocked or overwritten") != 1 {
		t.Errorf("want it said once that it is late, and once that it is blocked:\n%s", log)
	}
}

// TestStatusMarksWarnings, and each has a time of its own.
func TestStatusMarksWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(annotated("cart", "future-one"))
		r := start(t, c)
		r.after(time.Hour)
		key, value := annotated("cart", "future-one", "future-two")
		c.SetKV(key, value)
		c.SetKV("kubernetes/deployments/shop/zz", "not json")
		r.after(time.Hour)
		s := r.status()
		problems, warnings := s.Parted()
		if len(problems) != 1 || len(warnings) != 2 {
			t.Fatalf("problems = %+v", s.Problems)
		}
		if before := warnings[1].Since.Sub(warnings[0].Since); before != time.Hour && before != -time.Hour {
			t.Errorf("the second began %s after the first", before)
		}
	})
}
