package measure

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A Meter forwards TCP connections and counts what passes, in bytes of the HTTP
// conversation, headers included. It costs each answer some 50 microseconds, so that
// latencies are measured without one.
type Meter struct {
	listener net.Listener
	target   string
	received atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// NewMeter forwards from a free port of this machine to target, host:port.
func NewMeter(target string) (*Meter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open port of meter: %w", err)
	}
	m := &Meter{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	go m.accept()
	return m, nil
}

// Address returns host:port, to be used in the place of the target's.
func (m *Meter) Address() string { return m.listener.Addr().String() }

// Received returns how many bytes the clients have received so far.
func (m *Meter) Received() int64 { return m.received.Load() }

// Close ends all connections.
func (m *Meter) Close() error {
	err := m.listener.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn := range m.conns {
		_ = conn.Close()
	}
	return err
}

func (m *Meter) accept() {
	for {
		client, err := m.listener.Accept()
		if err != nil {
			return // it was closed
		}
		go m.serve(client)
	}
}

func (m *Meter) serve(client net.Conn) {
	server, err := net.Dial("tcp", m.target)
	if err != nil {
		_ = client.Close()
		return
	}
	m.keep(client, server)
	defer m.drop(client, server)
	var both sync.WaitGroup
	both.Go(func() { pass(server, client) })
	both.Go(func() { pass(counting{client, &m.received}, server) })
	both.Wait()
}

// pass copies one way until either side ends, and ends both then: HTTP closes no half.
func pass(to io.WriteCloser, from io.ReadCloser) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

func (m *Meter) keep(conns ...net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, conn := range conns {
		m.conns[conn] = struct{}{}
	}
}

func (m *Meter) drop(conns ...net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, conn := range conns {
		delete(m.conns, conn)
		_ = conn.Close()
	}
}

// counting counts what is written.
type counting struct {
	io.WriteCloser
	n *atomic.Int64
}

// Write writes, then counts.
func (c counting) Write(b []byte) (int, error) {
	n, err := c.WriteCloser.Write(b)
	c.n.Add(int64(n))
	return n, err
}
