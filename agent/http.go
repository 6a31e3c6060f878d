package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"
)

// maxClients is how many connections are served at once; more wait. Nobody can make
// us run out of files or memory by opening connections.
const maxClients = 128

// stopTimeout is how long answers under way may take when we stop.
const stopTimeout = 2 * time.Second

// handler serves what the board shows. Nothing in it changes anything, but for reload,
// which is nil unless the operator wants it.
func handler(board *board, gatherer prometheus.Gatherer, reload func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		if !board.living(time.Now()) {
			http.Error(w, "the reconcile loop is stuck", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "healthy") //nolint:errcheck // the client is gone
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if s := board.status(time.Now()); !s.Ready {
			http.Error(w, "not ready: "+strings.Join(s.NotReady, "; "), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready") //nolint:errcheck // the client is gone
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(board.status(time.Now())) // the client is gone
	})
	mux.HandleFunc("POST /-/reload", func(w http.ResponseWriter, r *http.Request) {
		if reload == nil {
			http.Error(w, "telemetry.reload is off", http.StatusForbidden)
			return
		}
		if err := reload(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError) // as Prometheus does
			return
		}
		fmt.Fprintln(w, "reloaded") //nolint:errcheck // the client is gone
	})
	mux.Handle("GET /{$}", newPage(board.status))
	// A page somewhere else must not make a browser that may come in here post anything.
	return http.NewCrossOriginProtection().Handler(mux)
}

// serve answers until the context ends, with TLS and passwords if the web configuration
// has any. It reads that file again for every request and every handshake.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, webConfig string, log hclog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // what is still under way is cut
		}
	}()
	err := web.Serve(listener, server, &web.FlagConfig{WebConfigFile: &webConfig}, newSlog(log))
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve telemetry: %w", err)
	}
	<-stopped
	return nil
}
