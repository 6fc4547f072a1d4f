package check

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"omsinit/internal/layout"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T, name string, by *authority) *authority {
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true,
		NotBefore:             time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign}
	parent, signer := template, a.key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	a.cert = sign(t, template, parent, &a.key.PublicKey, signer)
	return a
}

func sign(t *testing.T, template, parent *x509.Certificate, public any, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// server makes a certificate of a server, valid from and until so long from now.
func (a *authority) server(from, until time.Duration, names ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "oms"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := newKey(a.t)
	return sign(a.t, template, a.cert, &key.PublicKey, a.key), key
}

func chain(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestHTTPS(t *testing.T) {
	const day = 24 * time.Hour
	root := newAuthority(t, "root", nil)
	middle := newAuthority(t, "middle", root)
	other := newAuthority(t, "other", nil)
	leaf, key := middle.server(-day, 90*day, "10.0.0.1")
	soon, soonKey := middle.server(-day, 20*day, "10.0.0.1")
	over, overKey := middle.server(-9*day, -day, "10.0.0.1")
	early, earlyKey := middle.server(day, 90*day, "10.0.0.1")
	named, namedKey := middle.server(-day, 90*day, "oms.example.com", "10.0.0.1")
	elsewhere, elsewhereKey := middle.server(-day, 90*day, "elsewhere.example.com")
	const folder = "\x00"
	for _, tc := range []struct {
		name, crt, key string
		mode           os.FileMode
		want           string
	}{
		{"neither", "", "", 0, ""},
		{"good", chain(leaf, middle.cert), keyPEM(t, key), 0o600, ""},
		{"the root as well", chain(leaf, middle.cert, root.cert), keyPEM(t, key), 0o600, ""},
		{"another name as well", chain(named), keyPEM(t, namedKey), 0o600, ""},
		{"no key", chain(leaf), "", 0o600, "error https.incomplete"},
		{"no certificate", "", keyPEM(t, key), 0o600, "error https.incomplete"},
		{"folders", folder, folder, 0, "error https.file, error https.file"},
		{"one folder", chain(leaf), folder, 0, "error https.file"},
		{"not PEM", "hello", keyPEM(t, key), 0o600, "error https.file"},
		{"a broken certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", keyPEM(t, key),
			0o600, "error https.file"},
		{"another key", chain(leaf), keyPEM(t, overKey), 0o600, "error https.pair"},
		{"an encrypted key", chain(
			leaf), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", 0o600,
			"error https.file"},
		{"the leaf last", chain(middle.cert, leaf), keyPEM(t, key), 0o600, "error https.chain"},
		{"a stranger between", chain(leaf, other.cert), keyPEM(t, key), 0o600, "warning https.chain"},
		{"expires soon", chain(soon), keyPEM(t, soonKey), 0o600, "warning https.expiry"},
		{"expired", chain(over), keyPEM(t, overKey), 0o600, "error https.expiry"},
		{"not valid yet", chain(early), keyPEM(t, earlyKey), 0o600, "error https.expiry"},
		{"for another name", chain(elsewhere), keyPEM(t, elsewhereKey), 0o600, "warning https.name"},
		{"a key for all to read", chain(leaf), keyPEM(t, key), 0o644, "warning https.key-mode"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := layout.New(t.TempDir())
			for path, text := range map[string]string{l.CertFile(): tc.crt, l.KeyFile(): tc.key} {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				var err error
				switch text {
				case "":
				case folder:
					err = os.Mkdir(path, 0o755)
				default:
					err = os.WriteFile(path, []byte(text), tc.mode)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			in := Input{Layout: l, HostIP: "10.0.0.1"}
			if n := (&node{Input: in}); n.hasCertificate() != (tc.crt != "" || tc.key != "") {
				t.Errorf("hasCertificate is %v", n.hasCertificate())
			}
			if tc.crt == "" && tc.key == "" {
				return
			}
			got := outcome(t, in, load(t, valid), httpsCertificate)
			if ids(got) != tc.want {
				t.Errorf("got %s, want %s: %+v", ids(got), tc.want, got.Findings)
			}
			for _, f := range got.Findings {
				if strings.Contains(f.Message.String(), "PRIVATE") {
					t.Errorf("the key is shown: %s", f.Message)
				}
			}
		})
	}
}
