package agent

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// voiceEvery is the least time between two errors about one lasting failure.
const voiceEvery = 5 * time.Minute

// voice logs a state that may last: the first failure as a warning, the tenth and
// then one every few minutes as an error, and the recovery.
type voice struct {
	log      hclog.Logger
	what     string
	failures int
	since    time.Time
	said     time.Time // when it was last called an error
}

func newVoice(log hclog.Logger, what string) *voice { return &voice{log: log, what: what} }

func (v *voice) failed(err error, fields ...any) {
	now := time.Now()
	if v.failures == 0 {
		v.since, v.said = now, time.Time{}
	}
	v.failures++
	fields = append([]any{"error", err}, fields...)
	switch {
	case v.failures == 1:
		v.log.Warn(v.what+" failed", fields...)
	case v.failures >= 10 && now.Sub(v.said) >= voiceEvery:
		v.said = now
		v.log.Error(v.what+" still fails", append(fields, "failures", v.failures, "for", now.Sub(v.since).Round(time.Second))...)
	default:
		v.log.Debug(v.what+" failed", fields...)
	}
}

func (v *voice) recovered() {
	if v.failures > 0 {
		v.log.Info(v.what+" works again", "failures", v.failures, "for", time.Since(v.since).Round(time.Millisecond))
	}
	v.failures = 0
}
