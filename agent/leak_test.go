package agent

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// Ten thousand changes leave nothing behind: no memory and no goroutine.
func TestManyChangesLeaveNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 20)
		r := run(t, c, newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, io.Discard, func(cfg *config.Config) {
			cfg.Guard.AllowRemovals = true
		}))
		r.after(time.Minute).holds(20)
		changes := func(from, to int) { // each name is there for a while, and never again
			for i := from; i < to; i += 2 {
				c.SetKV(service("shop", fmt.Sprintf("n%05d", i), 20000+i, ""))
				c.DeleteKV(fmt.Sprintf("kubernetes/deployments/shop/n%05d", i-20))
				if i%12 == 0 { // as many as a narrow pass takes
					r.after(2 * time.Second)
				}
			}
			c.Deltree("kubernetes/deployments/shop/n")
		}
		rest := func() (bytes uint64, goroutines int) {
			r.after(11 * time.Minute).holds(20) // the guard forgets after ten
			c.ReapTombstones()
			c.Forget()
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine()
		}
		changes(0, 2000)
		bytes, goroutines := rest()
		changes(2000, 12_000)
		bytesNow, goroutinesNow := rest()
		if goroutinesNow > goroutines {
			t.Errorf("%d goroutines, %d before", goroutinesNow, goroutines)
		}
		if bytesNow > bytes+512<<10 { // 51 bytes a change
			t.Errorf("%d KB of memory, %d KB before", bytesNow>>10, bytes>>10)
		}
		t.Logf("%d goroutines, %d before; %d KB of memory, %d KB before", goroutinesNow, goroutines, bytesNow>>10, bytes>>10)
	})
}
