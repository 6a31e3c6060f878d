package measure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// HTTPSPort is where a Consul process with [HTTPS] listens, on its own address.
const HTTPSPort = 28501

// HTTPS returns the configuration with which Consul also speaks HTTP/2, that is many
// requests over one connection, with a certificate that is written to dir and proves nothing.
func HTTPS(dir string) (map[string]any, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: certificate}, keyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, fmt.Errorf("write certificate: %w", err)
		}
	}
	return map[string]any{
		"ports": map[string]any{"https": HTTPSPort},
		"tls":   map[string]any{"https": map[string]any{"cert_file": certFile, "key_file": keyFile}},
	}, nil
}

// HTTPSTransport returns a transport that takes any certificate.
func HTTPSTransport(dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext:        dialer.DialContext,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // it is our own child on loopback
		ForceAttemptHTTP2:  true,
		DisableCompression: true,
	}
}
