package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// ip accepts what Consul can announce and a health check can dial.
func ip(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address: write it without port, mask or name, such as \"10.0.0.7\"", text)
	}
	if addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not the address of one node: write one that the Consul agent can dial", text)
	}
	return addr, nil
}

// consulAddress accepts what Consul's client accepts, and refuses what it
// would understand as something else.
func consulAddress(text string) (string, error) {
	scheme, rest, hasScheme := strings.Cut(text, "://")
	switch {
	case text == "":
		return "", nil
	case strings.Contains(text, "@"):
		// Not repeated: what stands before the @ may be a password.
		return "", errors.New("the address has a user name in it, which Consul does not know: use consul.token_file")
	case !hasScheme:
		return hostPort(text)
	case scheme == "http", scheme == "https":
		return httpURL(text)
	case scheme == "unix" && path.IsAbs(rest):
		return plainText(text)
	}
	return "", fmt.Errorf("%q is not host:port, http://, https:// or unix:// with an absolute path", text)
}

func httpURL(text string) (string, error) {
	location, err := url.Parse(text)
	if err != nil || location.Hostname() == "" || location.RawQuery != "" || location.Fragment != "" {
		return "", fmt.Errorf("%q is not a URL such as \"https://127.0.0.1:8501\"", text)
	}
	return plainText(text)
}

// listenAddress accepts a missing host, for all of them, and port 0, for any.
func listenAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, _, err := splitPort(text); err != nil {
		return "", fmt.Errorf("%q is not host:port, such as \":28500\"", text)
	}
	return plainText(text)
}

func hostPort(text string) (string, error) {
	host, port, err := splitPort(text)
	if err != nil || host == "" || port == 0 {
		return "", fmt.Errorf("%q is not host:port, such as \"127.0.0.1:8500\"", text)
	}
	return plainText(text)
}

func splitPort(text string) (host string, port uint64, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.ParseUint(digits, 10, 16)
	return host, port, err
}
