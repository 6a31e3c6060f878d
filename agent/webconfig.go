package agent

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"

	"github.com/k8s-registrar/k8s-registrar/config"
)

// WebConfig is what readers of the telemetry listener need to know of the exporters' web
// configuration.
type WebConfig struct {
	// TLS tells that the listener speaks nothing else, and Certificate is what it shows.
	TLS         bool
	Certificate *x509.Certificate
	// Guarded tells that it wants a password, or a certificate of its readers.
	Guarded bool
}

// CheckWebConfig reads the exporters' web configuration, if there is one, and all files
// that it names.
func CheckWebConfig(t config.Telemetry) error {
	if err := web.Validate(t.WebConfigFile); err != nil {
		return fmt.Errorf("telemetry.web_config_file: read %s: %w", t.WebConfigFile, err)
	}
	return nil
}

// ReadWebConfig returns what the web configuration says at this moment.
func ReadWebConfig(t config.Telemetry) (WebConfig, error) {
	if t.WebConfigFile == "" {
		return WebConfig{}, nil
	}
	text, err := os.ReadFile(t.WebConfigFile)
	if err != nil {
		return WebConfig{}, fmt.Errorf("read web configuration: %w", err)
	}
	var settings web.Config
	if err := yaml.UnmarshalStrict(text, &settings); err != nil {
		return WebConfig{}, fmt.Errorf("read web configuration: %w", err)
	}
	tls := &settings.TLSConfig
	tls.SetDirectory(filepath.Dir(t.WebConfigFile))
	c := WebConfig{TLS: tls.IsEnabled(), Guarded: len(settings.Users) > 0 || tls.ClientAuth != "" && tls.ClientAuth != "NoClientCert"}
	if c.TLS {
		c.Certificate, err = firstCertificate(tls)
	}
	return c, err
}

func firstCertificate(t *web.TLSConfig) (*x509.Certificate, error) {
	text := []byte(t.TLSCert)
	if t.TLSCertPath != "" {
		var err error
		if text, err = os.ReadFile(t.TLSCertPath); err != nil {
			return nil, fmt.Errorf("read web configuration: %w", err)
		}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read web configuration: there is no certificate in %s", t.TLSCertPath)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read web configuration: %w", err)
	}
	return certificate, nil
}
