package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcPercent is a quarter of Go's own: a node's memory is for its pods, and a daemon that
	// has nothing to do most of the time has the processor's.
	gcPercent = 25
	// leastGarbage is how many bytes may come together all the same: with few services a
	// quarter is so little that a change would cost less than to collect what it leaves.
	leastGarbage = 4 << 20
)

// limitGarbage has garbage collected when it is gcPercent of what is in use, or leastGarbage.
// What is in use is found anew by each collection.
func limitGarbage() {
	percent := percentOf(measured("/gc/heap/live:bytes"))
	if uint64(percent) != measured("/gc/gogc:percent") { // to set it stops the program for an instant
		debug.SetGCPercent(percent)
	}
	afterCollection(limitGarbage)
}

// percentOf returns the percentage for so many bytes in use, in steps of gcPercent.
func percentOf(inUse uint64) int {
	percent := int(min(100, 100*leastGarbage/max(inUse, 1)))
	return max(gcPercent, percent/gcPercent*gcPercent)
}

func measured(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterCollection calls act once, when garbage has been collected.
func afterCollection(act func()) {
	// With a pointer in it, it has its place in memory to itself: others may be in use.
	garbage := &struct{ next *int }{}
	runtime.AddCleanup(garbage, func(act func()) { act() }, act)
}
