package forward

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// TLS says how to encrypt and whom to believe. Files are in PEM and read anew
// for each connection, so that they can be renewed.
type TLS struct {
	NoVerify bool   // believe any certificate
	CAFile   string // empty for the system's authorities
	// CertFile and KeyFile are the sender's own certificate. Both empty for none.
	CertFile, KeyFile string
	ServerName        string // in the receiver's certificate; empty for the host of the address
}

// config returns nil for nil.
func (t *TLS) config(address string) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: t.NoVerify,
		ServerName:         t.ServerName,
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(address)
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authorities: no certificate in %s", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("own certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}
