package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// WireFault is what a [Proxy] does to TCP connections. The zero value lets all pass.
type WireFault struct {
	// Refuse closes the port, as if nobody listened, and Reset ends each connection with
	// RST as soon as something is sent. Both end the connections that there are.
	Refuse, Reset bool
	// Stall lets connections be made and nothing pass.
	Stall bool
	// Latency delays each piece of an answer, and Rate, in bytes per second, slows it.
	Latency time.Duration
	Rate    int
}

// wire forwards TCP connections.
type wire struct {
	address, target string

	mu       sync.Mutex
	fault    WireFault
	changed  chan struct{} // closed when the fault changes
	listener net.Listener  // nil while the port is closed
	conns    map[*net.TCPConn]struct{}
	closed   bool
}

func newWire(target string) (*wire, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	w := &wire{address: address, target: target, changed: make(chan struct{}), conns: map[*net.TCPConn]struct{}{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w, w.listenLocked()
}

// Address returns host:port that takes the place of the agent's.
func (w *wire) Address() string { return w.address }

// SetWire changes what happens to connections from now on.
func (w *wire) SetWire(fault WireFault) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
	close(w.changed)
	w.changed = make(chan struct{})
	if fault.Refuse || fault.Reset {
		w.cutLocked()
	}
	switch {
	case fault.Refuse && w.listener != nil:
		err := w.listener.Close()
		w.listener = nil
		return err
	case !fault.Refuse && w.listener == nil && !w.closed:
		return w.listenLocked()
	}
	return nil
}

// Cut resets all connections that there are.
func (w *wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cutLocked()
}

func (w *wire) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	return w.SetWire(WireFault{Refuse: true})
}

func (w *wire) listenLocked() error {
	listener, err := net.Listen("tcp", w.address)
	if err != nil {
		return fmt.Errorf("open port of proxy: %w", err)
	}
	w.listener = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			go w.serve(conn.(*net.TCPConn))
		}
	}()
	return nil
}

// cutLocked resets all connections.
func (w *wire) cutLocked() {
	for conn := range w.conns {
		_ = conn.SetLinger(0)
	}
	for conn := range w.conns {
		reset(conn)
	}
}

func (w *wire) current() (WireFault, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fault, w.changed
}

// serve forwards one connection.
func (w *wire) serve(client *net.TCPConn) {
	upstream, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = client.Close()
		return
	}
	agent := upstream.(*net.TCPConn)
	w.keep(client, agent)
	defer w.drop(client, agent)
	var both sync.WaitGroup
	both.Go(func() { w.pass(agent, client, false) })
	both.Go(func() { w.pass(client, agent, true) })
	both.Wait()
}

func (w *wire) keep(conns ...*net.TCPConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		w.conns[conn] = struct{}{}
	}
}

func (w *wire) drop(conns ...*net.TCPConn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		delete(w.conns, conn)
		_ = conn.Close()
	}
}

// reset ends connections with RST and not FIN, the client's first: an end of the agent's
// would be passed on to it as an orderly one.
func reset(conns ...*net.TCPConn) {
	for _, conn := range conns {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

var errReset = errors.New("reset by the proxy")

// pass copies one way until either side ends.
func (w *wire) pass(to, from *net.TCPConn, answer bool) {
	defer func() { _, _ = to.CloseWrite(), from.CloseRead() }()
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if w.suffer(n, answer) != nil {
				if answer {
					reset(to, from)
				} else {
					reset(from, to)
				}
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// suffer does to n bytes what the fault says.
func (w *wire) suffer(n int, answer bool) error {
	fault, changed := w.current()
	if fault.Reset {
		return errReset
	}
	for fault.Stall {
		<-changed
		fault, changed = w.current()
	}
	if !answer {
		return nil
	}
	delay := fault.Latency
	if fault.Rate > 0 {
		delay += time.Duration(n) * time.Second / time.Duration(fault.Rate)
	}
	if delay > 0 {
		pause(context.Background(), changed, delay)
	}
	return nil
}
