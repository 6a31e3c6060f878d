package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageIsLimited(t *testing.T) {
	for _, row := range []struct {
		inUse uint64
		want  int
	}{
		{0, 100}, {1 << 20, 100}, {4 << 20, 100}, {5 << 20, 75}, {8 << 20, 50}, {14 << 20, 25}, {16 << 20, 25}, {1 << 40, 25},
	} {
		if got := percentOf(row.inUse); got != row.want {
			t.Errorf("%d bytes in use: %d %%, want %d", row.inUse, got, row.want)
		}
	}
}

// What is in use changes while the program runs, and the limit with it.
func TestGarbageLimitFollowsWhatIsInUse(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	limitGarbage()
	for _, bytes := range []int{1, 64 << 20, 1} {
		held := make([]byte, bytes)
		for tries := 0; ; tries++ {
			runtime.GC()
			time.Sleep(10 * time.Millisecond) // what follows it is another goroutine's
			want := uint64(percentOf(measured("/gc/heap/live:bytes")))
			if measured("/gc/gogc:percent") == want {
				break
			}
			if tries == 100 {
				t.Fatalf("%d bytes held: %d %%, want %d", bytes, measured("/gc/gogc:percent"), want)
			}
		}
		runtime.KeepAlive(held)
	}
}
