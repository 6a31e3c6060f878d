package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// pollPause is the time between two looks at something that has to become so.
const pollPause = 50 * time.Millisecond

// Eventually returns when the condition returns no error, or its last error when the
// time is up or the context ends.
func Eventually(ctx context.Context, within time.Duration, condition func() error) error {
	begun := time.Now()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		if time.Since(begun) > within {
			return fmt.Errorf("not within %s: %w", within, err)
		}
		if !Sleep(ctx, pollPause) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// Sleep waits, and says whether it was to the end.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// telemetryPort is below the range of outgoing connections, and is the same on every
// address: the address makes the difference.
const telemetryPort = 28600

// freeAddress returns host:port on a loopback address of its own, which nobody listens
// on and which stays free while a process that listens there is restarted.
func freeAddress() (string, error) {
	for try := 1; ; try++ {
		host := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(telemetryPort)))
		if err == nil {
			return listener.Addr().String(), listener.Close()
		}
		if try == 20 {
			return "", fmt.Errorf("find a free loopback address: %w", err)
		}
	}
}
