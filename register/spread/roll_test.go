package spread_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// seen makes sightings of a text such as "a b! c? d~": ! is draining, ? silent, ~ gone.
func seen(text string) []spread.Sighting {
	var all []spread.Sighting
	for name := range strings.FieldsSeq(text) {
		s := spread.Sighting{}
		for mark, state := range map[string]spread.State{"!": spread.Draining, "?": spread.Silent, "~": spread.Gone} {
			if strings.HasSuffix(name, mark) {
				s.State = state
			}
		}
		s.Name = strings.TrimRight(name, "!?~")
		all = append(all, s)
	}
	return all
}

// TestRoll has what is seen at which second, and who are members at which.
func TestRoll(t *testing.T) {
	for _, tt := range []struct {
		what string
		// Each is "second: nodes"; a question instead of nodes begins with "=".
		steps []string
	}{
		{"the first ones wait for nobody", []string{"0: a b", "0: =a b", "1: a b c", "1: =a b c"}},
		{"one that comes later waits", []string{"0: a", "100: a b", "129: =a", "130: =a b"}},
		{"and begins anew when it goes meanwhile", []string{"0: a", "100: a b", "120: a", "125: a b", "154: =a", "155: =a b"}},
		{"one that goes is held for a while", []string{"0: a b", "100: a", "104: =a b", "105: =a"}},
		{"one that is dead too", []string{"0: a b", "100: a b~", "104: =a b", "105: =a"}},
		{"and nothing moves if it is back", []string{"0: a b", "100: a", "104: a b", "105: =a b", "1000: =a b"}},
		{"one that is taken out goes at once", []string{"0: a b", "100: a b!", "100: =a"}},
		{"and waits when it is back", []string{"0: a b", "100: a b!", "200: a b", "229: =a", "230: =a b"}},
		{"a daemon may restart", []string{"0: a b", "100: a b?", "159: =a b", "160: =a"}},
		{"but not if its node dies", []string{"0: a b", "100: a b?", "103: a b~", "104: =a b", "105: =a"}},
		{"one that dies for good is forgotten", []string{"0: a b", "100: a", "200: a b", "229: =a", "230: =a b"}},
		{"one that is out at first never was in", []string{"0: a b! c? d~", "0: =a", "60: =a"}},
		{"all may go", []string{"0: a b", "100: a~ b~", "105: ="}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			roll := spread.Roll{Hold: 5 * time.Second, Settle: 30 * time.Second}
			begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, step := range tt.steps {
				second, nodes, _ := strings.Cut(step, ": ")
				after, err := time.ParseDuration(second + "s")
				if err != nil {
					t.Fatal(err)
				}
				want, asks := strings.CutPrefix(nodes, "=")
				if !asks {
					roll = roll.See(seen(nodes), begin.Add(after))
					continue
				}
				if got := strings.Join(roll.At(begin.Add(after)).Members().Names(), " "); got != want {
					t.Errorf("at %s: %q, want %q", after, got, want)
				}
			}
		})
	}
}

// TestRollChangesWhenItSays: whoever looks at the times that Next tells misses nothing.
func TestRollChangesWhenItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roll := spread.Roll{
			Hold:   time.Duration(rapid.IntRange(0, 10).Draw(t, "hold")) * time.Second,
			Settle: time.Duration(rapid.IntRange(0, 40).Draw(t, "settle")) * time.Second,
		}
		now := time.Unix(0, 0)
		for range rapid.IntRange(1, 20).Draw(t, "answers") {
			var nodes []string
			for _, name := range []string{"a", "b", "c"} {
				nodes = append(nodes, name+rapid.SampledFrom([]string{"", "", "!", "?", "~"}).Draw(t, name))
			}
			roll = roll.See(seen(strings.Join(nodes, " ")), now)
			until := now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			for ; now.Before(until); now = now.Add(time.Second) {
				before, due := roll.Members().Names(), roll.Next()
				roll = roll.At(now)
				if after := roll.Members().Names(); strings.Join(before, " ") != strings.Join(after, " ") && (due.IsZero() || now.Before(due)) {
					t.Fatalf("at %s %v became %v, which was due at %s", now, before, after, due)
				}
				if next := roll.Next(); !next.IsZero() && !next.After(now) {
					t.Fatalf("at %s it is still due at %s", now, next)
				}
			}
		}
	})
}
