package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// status is what is looked at of the daemon's /status. It is written down here once
// more, since other programs read it too.
type status struct {
	Ready       bool     `json:"ready"`
	NotReady    []string `json:"not_ready"`
	Maintenance *struct {
		Since  time.Time `json:"since"`
		Reason string    `json:"reason"`
	} `json:"maintenance"`
	Watch struct {
		Known bool   `json:"known"`
		Error string `json:"error"`
	} `json:"watch"`
	Reconcile struct {
		LastSuccess time.Time `json:"last_success"`
		Error       string    `json:"error"`
	} `json:"reconcile"`
	Services []struct {
		ID    string `json:"id"`
		Check string `json:"check"`
	} `json:"services"`
	Problems []problem `json:"problems"`
	Waiting  []waiting `json:"waiting"`
	Token    struct {
		OldRevocable time.Time `json:"old_revocable_since"`
	} `json:"token"`
}

// waiting is a set of removals that a human has to approve.
type waiting struct {
	Hash     string   `json:"hash"`
	Why      string   `json:"why"`
	Keys     []string `json:"keys"`
	Withheld bool     `json:"withheld"`
}

type problem struct {
	Key   string `json:"key"`
	ID    string `json:"id"`
	Error string `json:"error"`
}

// get asks the daemon. It must answer at once whatever Consul does.
func (d *daemon) get(path string) (code int, body string, err error) {
	address, err := d.telemetry()
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Close = true // a connection that is kept would be under way when the daemon stops
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// status reads /status.
func (d *daemon) status() (status, error) {
	var s status
	_, body, err := d.get("/status")
	if err == nil {
		err = json.Unmarshal([]byte(body), &s)
	}
	return s, err
}

// says returns nil once the status satisfies the condition, and else what it says.
func (d *daemon) says(what string, holds func(status) bool) error {
	s, err := d.status()
	if err != nil || holds(s) {
		return err
	}
	text, _ := json.Marshal(s) // it came from JSON
	return fmt.Errorf("the status is not %s: %.4000s", what, text)
}

// isReady returns nil if the daemon is ready, in its status and for a probe.
func (d *daemon) isReady() error {
	code, body, err := d.get("/-/ready")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("/-/ready: %d %s", code, body)
	}
	if err != nil {
		return err
	}
	return d.says("ready", func(s status) bool { return s.Ready })
}

// isNotReady returns nil if the daemon is not ready and says why with these words.
func (d *daemon) isNotReady(why string) error {
	code, body, err := d.get("/-/ready")
	switch {
	case err != nil:
		return err
	case code != http.StatusServiceUnavailable || !strings.Contains(body, why):
		return fmt.Errorf("/-/ready: %d %s, want not ready: %s", code, body, why)
	}
	return d.says("not ready: "+why, func(s status) bool {
		return !s.Ready && strings.Contains(strings.Join(s.NotReady, "\n"), why)
	})
}

// metric returns the sum of all series that begin with a text.
func (d *daemon) metric(series string) (float64, error) {
	_, body, err := d.get("/metrics")
	if err != nil {
		return 0, err
	}
	var sum float64
	found := false
	for line := range strings.Lines(body) {
		cut := strings.LastIndexByte(line, ' ')
		if cut < 0 || !strings.HasPrefix(line, series) {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[cut:]), 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", line, err)
		}
		sum, found = sum+value, true
	}
	if !found {
		return 0, errors.New("there is no metric " + series)
	}
	return sum, nil
}
