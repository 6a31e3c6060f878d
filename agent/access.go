package agent

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
)

// maxPEMBytes bounds what is read of one file with certificates: a system's whole
// bundle has a quarter of it.
const maxPEMBytes = 1 << 20

// Access says where to find what opens the local Consul agent. Two of them can be
// compared with ==.
type Access struct {
	// Token is the token, TokenFile the path of a file that holds it. Without both we
	// are anonymous.
	Token     config.Secret
	TokenFile string
	TLS       TLSFiles
}

// TLSFiles are the paths of TLS material, as in Consul's own client. The zero value
// trusts what the system trusts.
type TLSFiles struct {
	CAFile, CAPath string // trusted authorities: a file, or a directory of files
	CertFile       string // shown to the agent; set if and only if KeyFile is
	KeyFile        string
	ServerName     string // expected in the agent's certificate instead of the address
	Insecure       bool   // do not look at the agent's certificate
}

// secret returns the token, from its file if it is in one.
func (a Access) secret() (string, error) {
	if a.TokenFile != "" {
		return readToken(a.TokenFile)
	}
	return a.Token.Reveal(), nil
}

// check reads everything that the access names, to find mistakes before it is used.
func (a Access) check() error {
	_, badToken := a.secret()
	_, badTLS := a.TLS.read()
	return errors.Join(badToken, badTLS)
}

// material is TLS material as it was read, and a digest of it.
type material struct {
	config api.TLSConfig
	digest [sha256.Size]byte
}

// read reads the files. What it returns makes a working TLS configuration.
func (f TLSFiles) read() (material, error) {
	m := material{config: api.TLSConfig{Address: f.ServerName, InsecureSkipVerify: f.Insecure}}
	var err error
	for _, file := range []struct {
		path string
		into *[]byte
	}{{f.CAFile, &m.config.CAPem}, {f.CertFile, &m.config.CertPEM}, {f.KeyFile, &m.config.KeyPEM}} {
		if *file.into, err = readPEM(file.path); err != nil {
			return m, err
		}
	}
	if f.CAPath != "" && f.CAFile == "" {
		if m.config.CAPem, err = readDirectory(f.CAPath); err != nil {
			return m, err
		}
	}
	if _, err := api.SetupTLSConfig(&m.config); err != nil {
		return m, fmt.Errorf("use certificates of %s: %w", f, err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%q%t", f.ServerName, f.Insecure) //nolint:errcheck // a hash takes everything
	for _, part := range [][]byte{m.config.CAPem, m.config.CertPEM, m.config.KeyPEM} {
		fmt.Fprintf(hash, "%d:%s", len(part), part) //nolint:errcheck // a hash takes everything
	}
	hash.Sum(m.digest[:0])
	return m, nil
}

// String names the files.
func (f TLSFiles) String() string {
	return fmt.Sprintf("%q, %q, %q", f.CAFile+f.CAPath, f.CertFile, f.KeyFile)
}

// readPEM reads a file; without a path there is nothing to read.
func readPEM(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxPEMBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read certificates: %w", err)
	case len(text) > maxPEMBytes:
		return nil, fmt.Errorf("read certificates: %s has more than %d bytes", path, maxPEMBytes)
	case len(text) == 0: // Consul's client would take it for no file at all
		return nil, fmt.Errorf("read certificates: %s is empty", path)
	}
	return text, nil
}

// readDirectory reads every file in a directory, one after the other.
func readDirectory(path string) ([]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	var all []byte
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		text, err := readPEM(filepath.Join(path, entry.Name()))
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read certificates: there is no file in %s", path)
	}
	return all, nil
}
