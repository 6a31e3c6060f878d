package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
)

// ErrClaimed is why a claim is not granted.
var ErrClaimed = errors.New("another k8s-registrar already keeps its services on this Consul agent")

// Claim makes sure that no other process on this machine keeps the same services: two
// that do, with different configurations, would change each other's work for ever.
//
// It is an abstract unix socket, which exists as long as the process: nothing is left
// behind by kill -9, and no file needs a place or a permission. Other systems than
// Linux have none; there the claim is always granted. The claim ends with Close.
func Claim(ctx context.Context, consulNode, instance string) (io.Closer, error) {
	if runtime.GOOS != "linux" || consulNode == "" {
		return io.NopCloser(nil), nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", "@k8s-registrar/"+consulNode+"/"+instance)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("claim instance %q: %w: stop it, or give this one another instance", instance, ErrClaimed)
	case err != nil:
		return nil, fmt.Errorf("claim instance %q: %w", instance, err)
	}
	return listener, nil
}
