package check

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// renewal is how long before its end a certificate is worth a warning.
const renewal = 30 * 24 * time.Hour

func (n *node) hasCertificate() bool {
	_, errCert := os.Lstat(n.Layout.CertFile())
	_, errKey := os.Lstat(n.Layout.KeyFile())
	return errCert == nil || errKey == nil
}

// httpsCertificate checks the two files that switch nginx to HTTPS (docs/oms-facts.md §10), as nginx judges them. What
// depends on how nginx was built, it is asked itself.
func httpsCertificate(ctx context.Context, n *node, f *found) {
	certFile, keyFile := n.Layout.CertFile(), n.Layout.KeyFile()
	certPEM, okCert := f.pemFile(certFile, keyFile)
	keyPEM, okKey := f.pemFile(keyFile, certFile)
	if !okCert || !okKey {
		return
	}
	chain, err := certificates(certPEM)
	if err != nil {
		f.file(certFile, msg.M("%s holds a certificate that cannot be read: %v", certFile, err), chainFix())
	} else if len(chain) == 0 {
		f.file(certFile, msg.M("%s holds no certificate in PEM form", certFile),
			msg.M("write the certificate of the server there, and below it those of the authorities between, each between BEGIN and END lines"))
	}
	key, ok := f.privateKey(keyFile, keyPEM)
	if err != nil || len(chain) == 0 || !ok {
		return
	}
	if leaf := chain[0].parsed; leaf != nil {
		if key != nil && !belongs(leaf, key) {
			f.pairing(certFile, keyFile, chain, key)
			return
		}
		f.fact("subject", leaf.Subject.String())
		f.fact("not_after", leaf.NotAfter.UTC().Format(time.RFC3339))
		f.order(certFile, chain)
		f.validity(certFile, leaf, n.now())
		n.names(f, certFile, leaf)
	}
	f.browsers(certFile, chain[0].parsed)
	n.strength(ctx, f, chain)
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		mode := info.Mode().Perm().String()
		f.warning("https.key-mode", msg.M("%s can be read by other users (mode %s)", keyFile, mode),
			msg.M("run chmod 600 on the key on the host"), fact("path", keyFile), fact("mode", mode))
	}
}

// pemFile reads one of the two files.
func (f *found) pemFile(path, other string) ([]byte, bool) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.error("https.incomplete", msg.M("%s exists but %s does not", other, path),
			msg.M("mount both files for HTTPS, or neither for HTTP"), fact("missing", path))
		return nil, false
	case err == nil && info.IsDir():
		f.file(path, msg.M("%s is a folder", path),
			msg.M("Docker makes a folder when the file of -v does not exist on the host: remove the container and that folder, put the file there, and start the container again"))
		return nil, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.file(path, msg.M("cannot read the file %s: %v", path, err),
			msg.M("give the user that runs omsinit the right to read it"))
		return nil, false
	}
	return data, true
}

func (f *found) file(path string, m, fix msg.Message) {
	f.error("https.file", m, fix, fact("path", path))
}

// pairing reports why certificate and key do not go together.
func (f *found) pairing(certFile, keyFile string, chain []certificate, key crypto.PublicKey) {
	for i, c := range chain[1:] {
		if c.parsed != nil && belongs(c.parsed, key) {
			f.error("https.chain",
				msg.M("in %s the certificate of the key is number %d, and it must be the first", certFile, i+2),
				chainFix(), fact("path", certFile))
			return
		}
	}
	f.error("https.pair", msg.M("%s and %s do not belong together: the public keys differ", certFile, keyFile),
		msg.M("mount the key that the certificate was made for"))
}

func chainFix() msg.Message {
	return msg.M("put the certificate of the server first, then those of the authorities, each before the one that signed it")
}

// order checks that each certificate is followed by the one that signed it.
func (f *found) order(certFile string, chain []certificate) {
	for i := range len(chain) - 1 {
		signed, by := chain[i].parsed, chain[i+1].parsed
		if signed == nil || by == nil {
			return
		}
		if !bytes.Equal(signed.RawIssuer, by.RawSubject) {
			f.warning("https.chain",
				msg.M("in %s certificate %d (%s) does not follow the one that it signed",
					certFile, i+2, by.Subject.String()),
				chainFix(), fact("path", certFile))
			return
		}
	}
}

func (f *found) validity(certFile string, leaf *x509.Certificate, now time.Time) {
	until, from := leaf.NotAfter.UTC().Format(time.RFC3339), leaf.NotBefore.UTC().Format(time.RFC3339)
	facts := []finding.Fact{fact("not_before", from), fact("not_after", until)}
	fix := msg.M("have the certificate renewed")
	switch {
	case now.After(leaf.NotAfter):
		f.error("https.expiry", msg.M("the certificate in %s expired on %s", certFile, until), fix, facts...)
	case now.Before(leaf.NotBefore):
		f.error("https.expiry", msg.M("the certificate in %s is not valid before %s", certFile, from),
			msg.M("correct the clock of this host, or have the certificate renewed"), facts...)
	case now.Add(renewal).After(leaf.NotAfter):
		f.warning("https.expiry", msg.M("the certificate in %s expires on %s", certFile, until), fix, facts...)
	}
}

// names warns when a browser would refuse the certificate at the addresses that people open: the console is behind the
// same address as the CM, or on the node itself.
func (n *node) names(f *found, certFile string, leaf *x509.Certificate) {
	opened := []string{n.cfg.NodeAddress(n.HostIP)}
	if u, err := url.Parse(n.cfg.CMURL); err == nil {
		opened = slices.Insert(opened, 0, u.Hostname())
	}
	var missing []string
	for _, name := range slices.Compact(opened) {
		if name != "" && leaf.VerifyHostname(name) != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return
	}
	names := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	f.warning("https.name",
		msg.M("the certificate in %s is for %s, and not for %s",
			certFile, msg.List(names), msg.List(missing)),
		msg.M("have a certificate made with these names (subjectAltName), or open the console by a name that it has"),
		fact("names", names), fact("missing", missing))
}
