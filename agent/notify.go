package agent

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
)

// pulsesPerWatchdog is how often the loop turns within the time after which the service
// manager takes it for dead: one beat may get lost.
const pulsesPerWatchdog = 3

// longestStatus bounds the sentence that `systemctl status` shows, in bytes.
const longestStatus = 500

// notifier tells the service manager how the daemon is, by systemd's protocol. Without
// NOTIFY_SOCKET in the environment nobody asked, and it is silent.
type notifier struct {
	// beats come from the reconcile loop, so a loop that is stuck is restarted. A timer
	// of the notifier's own would prove nothing.
	beats news[struct{}]
	board *board
	log   hclog.Logger
	send  func(message string) error

	// turn is held while a status is made and sent: several tasks tell one, and that which
	// comes last has to be the newest.
	turn   chan struct{}
	said   string // the last STATUS
	failed sync.Once
}

func newNotifier(board *board, log hclog.Logger) *notifier {
	return &notifier{
		beats: board.beats, board: board, log: log, turn: make(chan struct{}, 1),
		send: func(message string) error {
			_, err := daemon.SdNotify(false, message)
			return err
		},
	}
}

func (n *notifier) run(ctx context.Context) error {
	if !asked() {
		return nil
	}
	ready := false
	for {
		select {
		case <-ctx.Done():
			n.tell(daemon.SdNotifyStopping, "STATUS=stopping")
			return nil
		case <-n.beats:
		}
		message := []string{daemon.SdNotifyWatchdog}
		if !ready {
			// The listener is bound and the loop turns. Consul is not waited for: what
			// is ordered after us at boot may be what it needs.
			message, ready = []string{daemon.SdNotifyReady, daemon.SdNotifyWatchdog}, true
		}
		n.report(message...)
	}
}

// report tells these lines and, if it is another than before, how the daemon is.
func (n *notifier) report(lines ...string) {
	n.turn <- struct{}{}
	defer func() { <-n.turn }()
	if status := n.status(); status != n.said {
		lines, n.said = append(lines, status), status
	}
	n.tell(lines...)
}

func (n *notifier) status() string {
	text := strings.Join(strings.Fields(n.board.status(time.Now()).Sentence()), " ")
	if len(text) > longestStatus {
		text = strings.ToValidUTF8(text[:longestStatus], "") + "..."
	}
	return "STATUS=" + text
}

// tell sends one message. Several tasks may.
func (n *notifier) tell(lines ...string) {
	if err := n.send(strings.Join(lines, "\n")); err != nil {
		n.failed.Do(func() { n.log.Warn("the service manager cannot be told how we are", "error", err) })
	}
}

// reloading says that the configuration is being read again. The answer to it is READY.
func (n *notifier) reloading() {
	n.tell(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

// reloaded says that this is over, and what came of it.
func (n *notifier) reloaded() {
	if asked() {
		n.report(daemon.SdNotifyReady)
	}
}

// asked tells whether there is a service manager that wants to know.
func asked() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// pulse makes the loop turn often enough for the service manager's watchdog; it is nil
// if there is none.
func pulse() <-chan time.Time {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || limit == 0 {
		return nil
	}
	return time.Tick(limit / pulsesPerWatchdog)
}
