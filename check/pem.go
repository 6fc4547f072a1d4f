package check

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"strings"

	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// certificate is one of a file; parsed is nil when Go does not know its kind of key.
type certificate struct{ parsed *x509.Certificate }

// certificates reads the certificates that OpenSSL reads for nginx: the first may be a trusted one (openssl x509
// -trustout), later ones of that kind are passed over.
func certificates(data []byte) ([]certificate, error) {
	var chain []certificate
	for block, rest := decodePEM(data); block != nil; block, rest = pem.Decode(rest) {
		der := block.Bytes
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
		case "TRUSTED CERTIFICATE":
			if len(chain) > 0 {
				continue
			}
			var first asn1.RawValue // the trust follows it
			if _, err := asn1.Unmarshal(der, &first); err != nil {
				return nil, err
			}
			der = first.FullBytes
		default:
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil && !strings.Contains(err.Error(), "unsupported elliptic curve") {
			return nil, err
		}
		chain = append(chain, certificate{c})
	}
	return chain, nil
}

// decodePEM returns the first block of a file, whose byte order mark OpenSSL passes over.
func decodePEM(data []byte) (*pem.Block, []byte) {
	return pem.Decode(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
}

// privateKey returns the public half of the first private key of a file, which is nil when Go does not know its kind.
func (f *found) privateKey(keyFile string, data []byte) (key crypto.PublicKey, ok bool) {
	block, rest := decodePEM(data)
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		f.file(keyFile, msg.M("%s holds no private key in PEM form", keyFile),
			msg.M("write the key of the certificate there, between BEGIN PRIVATE KEY and END PRIVATE KEY lines"))
		return nil, false
	}
	if strings.Contains(block.Type, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		f.file(keyFile, msg.M("the key in %s is encrypted", keyFile),
			msg.M("write it there without a passphrase: openssl pkey -in KEY -out %s", keyFile))
		return nil, false
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if private, err := parse(block.Bytes); err == nil {
			if signer, ok := private.(crypto.Signer); ok {
				return signer.Public(), true
			}
		}
	}
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(block.Bytes, &outer); err != nil || len(rest) > 0 || outer.Tag != asn1.TagSequence {
		f.file(keyFile, msg.M("the private key in %s is damaged", keyFile),
			msg.M("copy the key of the certificate there once more"))
		return nil, false
	}
	return nil, true
}

// belongs reports whether a certificate is for a key. Keys of two kinds that cannot be compared are taken to belong.
func belongs(c *x509.Certificate, key crypto.PublicKey) bool {
	public, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return !ok || public.Equal(key)
}

// browsers warns about a kind of key that nginx takes, and browsers do not.
func (f *found) browsers(certFile string, leaf *x509.Certificate) {
	if leaf != nil {
		switch public := leaf.PublicKey.(type) {
		case *rsa.PublicKey:
			return
		case *ecdsa.PublicKey:
			if public.Curve == elliptic.P256() || public.Curve == elliptic.P384() {
				return
			}
		}
	}
	f.warning("https.key-kind",
		msg.M("browsers do not connect with the kind of key that the certificate in %s has", certFile),
		msg.M("have one made for an RSA key of 2048 bits or more, or for an elliptic curve key P-256 or P-384"),
		fact("path", certFile))
}

// weaknesses lists what OpenSSL refuses at its security level 2, the default of distributions: keys that are too short,
// and signatures with MD5 or SHA-1. Nobody relies on the signature of a certificate that signed itself.
func weaknesses(chain []certificate) []msg.Message {
	var weak []msg.Message
	for i, c := range chain {
		if c.parsed == nil {
			continue
		}
		name := c.parsed.Subject.String()
		if bits, least := keySize(c.parsed.PublicKey); bits < least {
			weak = append(weak, msg.M("the key of certificate %d (%s) has only %d bits", i+1, name, bits))
		}
		algorithm := c.parsed.SignatureAlgorithm.String()
		if !bytes.Equal(c.parsed.RawIssuer, c.parsed.RawSubject) && oldDigest().MatchString(algorithm) {
			weak = append(weak, msg.M("certificate %d (%s) is signed with %s", i+1, name, algorithm))
		}
	}
	return weak
}

var oldDigest = pattern.New("MD2|MD5|SHA1")

// keySize returns how many bits a key has, and how many it needs. OpenSSL rounds the security of an RSA key, so that
// one of 2000 bits passes for one of 2048.
func keySize(key crypto.PublicKey) (bits, least int) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen(), 2000
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize, 224
	}
	return 0, 0
}
