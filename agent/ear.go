package agent

// ear makes out of the answers to a blocking query whether what it follows has changed.
type ear struct {
	// index is what to ask for next: what comes after it, or what it is if it is 0.
	index uint64
	// shared tells that the index is that of all nodes. Then it rises unheard while others
	// change, and a query for what comes after the last one known would be answered at
	// once; so it is asked for before each query.
	shared bool
	// last is the last index that was heard of.
	last uint64
	// expired tells that the last query was answered since its time was up, and abandoned
	// that it was let go of: the server stops, or went back in time.
	expired, abandoned bool
	// back tells that the servers went back in time by the last answer: the index fell, or it
	// has risen since a query was let go of, which a write right after a restore does. The
	// index of all nodes rises all the time.
	back bool
}

// hear takes over an answer, and tells whether it means a change. An early one came before
// its time was up.
func (e *ear) hear(next uint64, early bool) bool {
	if e.index == 0 {
		return e.begin(next)
	}
	e.expired, e.abandoned = next == e.index && !early, next == e.index && early
	e.back = next < e.index
	e.last, e.index = next, next
	if e.shared || e.abandoned || e.back {
		e.index = 0
	}
	return !e.expired
}

// begin takes over where the index is. Between a query whose time was up and this nobody
// but other nodes can have changed, and between one that told of a change and this nothing
// if it is the same still.
func (e *ear) begin(next uint64) bool {
	quiet := next == e.last || next > e.last && e.expired
	e.back = next < e.last || next > e.last && e.abandoned && !e.shared
	e.last, e.index = next, next
	return !quiet
}
