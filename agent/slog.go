package agent

import (
	"context"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// slogHandler lets a library that speaks slog write to our log. What such a library
// calls information is for debugging to us.
type slogHandler struct {
	log    hclog.Logger
	prefix string // of the keys, from groups
}

func newSlog(log hclog.Logger) *slog.Logger { return slog.New(slogHandler{log: log}) }

func hclogLevel(level slog.Level) hclog.Level {
	switch {
	case level >= slog.LevelError:
		return hclog.Error
	case level >= slog.LevelWarn:
		return hclog.Warn
	default:
		return hclog.Debug
	}
}

// Enabled implements [slog.Handler].
func (h slogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return hclogLevel(level) >= h.log.GetLevel()
}

// Handle implements [slog.Handler].
func (h slogHandler) Handle(_ context.Context, record slog.Record) error {
	var fields []any
	record.Attrs(func(a slog.Attr) bool {
		fields = append(fields, h.prefix+a.Key, a.Value.Resolve().Any())
		return true
	})
	h.log.Log(hclogLevel(record.Level), record.Message, fields...)
	return nil
}

// WithAttrs implements [slog.Handler].
func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var fields []any
	for _, a := range attrs {
		fields = append(fields, h.prefix+a.Key, a.Value.Resolve().Any())
	}
	h.log = h.log.With(fields...)
	return h
}

// WithGroup implements [slog.Handler].
func (h slogHandler) WithGroup(name string) slog.Handler {
	h.prefix += name + "."
	return h
}
