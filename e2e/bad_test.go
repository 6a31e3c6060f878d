package e2e

import (
	"slices"
	"strings"
	"testing"
)

// A value that cannot be announced harms nothing but itself: what was announced for
// its key stays, all others go on, and it is named.
func TestBadValuesHarmOnlyThemselves(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "bad")
	want := r.fill(6)
	r.start()
	r.announces(want...)
	r.ready()

	bad := map[string]string{
		"s001": "not json",
		"s002": strings.Repeat("x", 512<<10), // the largest value that Consul takes
		"s003": strings.Replace(service("shop", "s003", 30003, "\x00"), `\x00`, "\xff\xfe", 1),
		"s004": service("shop", "s004", 70000, ""),
		"s005": service("shop", "somebody-else", 30005, ""),
		"new":  "",
	}
	for name, value := range bad {
		r.putValue("shop/"+name, value)
	}
	r.putValue("other/s000", service("other", "s000", 30100, "")) // the name belongs to the older key
	r.put("s000", 31000, "")                                      // in spite of all that
	want[0] = "s000:31000"
	r.announces(want...)
	names := []string{"new", "s001", "s002", "s003", "s004", "s005"}
	eventually(t, func() error { return r.complainsAbout(names...) })
	r.ready()

	// The next run has never seen a good value, and still keeps what is there.
	r.stop()
	r.start(often)
	r.ready()
	r.settled()
	must(t, r.holds(want...))
	must(t, r.complainsAbout(names...))
	if n := r.changes(); n != 0 {
		t.Errorf("%v changes", n)
	}

	r.fill(6)
	r.remove("new")
	_, err := r.server.KV().Delete(r.keyPath+"/deployments/other/s000", r.write())
	must(t, err)
	r.announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004", "s005:30005")
	eventually(t, func() error {
		return r.says("free of problems", func(s status) bool { return len(s.Problems) == 0 })
	})
}

// complainsAbout returns nil if the status names just these keys of the namespace
// shop, and the one whose name is taken.
func (r *rig) complainsAbout(names ...string) error {
	want := []string{r.keyPath + "/deployments/other/s000"}
	for _, name := range names {
		want = append(want, r.key(name))
	}
	return r.says("one that names "+strings.Join(want, " "), func(s status) bool {
		var got []string
		for _, p := range s.Problems {
			got = append(got, p.Key)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}
