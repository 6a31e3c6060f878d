package consulproc

import (
	"fmt"
	"net"
)

// Listen opens a TCP port that stands in for a NodePort: it accepts connections and closes
// them. Port 0 in addr means any free one; a port that must be free again after stop lies
// below 32768, on the [Process.Address] of the agent that checks it.
func Listen(addr string) (port int, stop func() error, err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return 0, nil, fmt.Errorf("open port: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close() // the one who connected has seen what it wanted to see
		}
	}()
	stop = func() error {
		err := listener.Close()
		<-done
		return err
	}
	return listener.Addr().(*net.TCPAddr).Port, stop, nil
}
