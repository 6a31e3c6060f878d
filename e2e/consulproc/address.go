package consulproc

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports of every process, each on its own address. They are Consul's own plus 20000:
// out of the way of an agent that listens on all addresses of this machine, below the
// range of NodePorts (30000) and below that of outgoing connections (32768).
const (
	serverPort = 28300
	serfPort   = 28301
	httpPort   = 28500
	httpsPort  = 28501
	claimPort  = 28299
)

// claimAttempts is how many addresses are tried; out of 16 million, even one is seldom taken.
const claimAttempts = 20

// claimAddress finds a loopback address that no other process uses. The address is the
// caller's until the closer is closed.
func claimAddress() (string, io.Closer, error) {
	var errs []error
	for range claimAttempts {
		address := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
		claim, err := net.Listen("tcp", join(address, claimPort))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := portsFree(address); err != nil {
			errs = append(errs, err, claim.Close())
			continue
		}
		return address, claim, nil
	}
	return "", nil, fmt.Errorf("claim loopback address: %w", errors.Join(errs...))
}

// portsFree says whether Consul will find its ports on address free. Somebody who listens
// on all addresses would be in the way.
func portsFree(address string) error {
	for _, port := range []int{serverPort, serfPort, httpPort, httpsPort} {
		listener, err := net.Listen("tcp", join(address, port))
		if err != nil {
			return err
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	packets, err := net.ListenPacket("udp", join(address, serfPort))
	if err != nil {
		return err
	}
	return packets.Close()
}

// join returns "address:port".
func join(address string, port int) string {
	return net.JoinHostPort(address, strconv.Itoa(port))
}
