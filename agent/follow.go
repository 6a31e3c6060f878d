package agent

import (
	"context"
	"time"
)

// followPause is how often a token or the files with certificates are looked at. They are
// read whole: a change of content within the resolution of file times must not be missed.
const followPause = 5 * time.Second

// followed is something that may be renewed at any time, at a place that may move.
type followed[P any] struct {
	place *P
	moves news[P] // another place, or look now
	// look tells whether something new is in force, or why what is new is not.
	look func(context.Context) (renewed bool, err error)
	// then is what a renewal leads to.
	then  func()
	show  func(error)
	voice *voice
}

// run looks until the context ends.
func (f followed[P]) run(ctx context.Context) error {
	ticker := time.NewTicker(followPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case *f.place = <-f.moves:
		}
		renewed, err := f.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		f.show(err)
		if err != nil {
			f.voice.failed(err)
			continue
		}
		f.voice.recovered()
		if renewed {
			f.then()
		}
	}
}
