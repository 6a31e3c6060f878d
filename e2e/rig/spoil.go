package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// before does what is done before the agent is asked.
func (p *Proxy) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.note(r)
		fault, changed := p.hit(r, FaultDelay, FaultStatus, FaultHang)
		switch fault.Kind {
		case FaultDelay:
			pause(r.Context(), changed, fault.Delay)
		case FaultStatus:
			http.Error(w, fmt.Sprintf("the proxy answers %d", fault.Code), fault.Code)
			return
		case FaultHang:
			pause(r.Context(), changed, time.Hour)
			panic(http.ErrAbortHandler)
		default:
		}
		next.ServeHTTP(w, r)
	})
}

// pause waits, or less if the client goes or the fault ends.
func pause(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-timer.C:
	}
}

// spoil does what is done to the agent's answer.
func (p *Proxy) spoil(response *http.Response) error {
	fault, _ := p.hit(response.Request, FaultCut, FaultGarble, FaultEmpty)
	if fault.Kind == FaultNone {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	length := len(body)
	var sent io.Reader
	switch fault.Kind {
	case FaultCut: // the header promises all of it
		sent = io.MultiReader(bytes.NewReader(body[:length/2]), failing{})
	case FaultGarble:
		body = append([]byte("\x00\xff<html>"), body[:length/2]...)
		sent, length = bytes.NewReader(body), len(body)
	default:
		sent, length = bytes.NewReader(nil), 0
		response.Header.Del("X-Consul-Index")
	}
	response.ContentLength = int64(length)
	response.Header.Set("Content-Length", fmt.Sprint(length))
	response.Body = io.NopCloser(sent)
	return nil
}

var errCut = errors.New("cut by the proxy")

type failing struct{}

// Read fails.
func (failing) Read([]byte) (int, error) { return 0, errCut }
