package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"aead.dev/minisign"
)

// signingKey is where the key of the signature comes from.
type signingKey struct {
	text, password string
	none           bool
}

// open returns the key, or nil when no signature is wanted. It is opened before anything is built, and what is wrong
// with it is said without a letter of it.
func (k signingKey) open(dry bool) (*minisign.PrivateKey, error) {
	text := []byte(strings.TrimSpace(k.text))
	switch {
	case k.none && len(text) == 0:
		return nil, nil
	case k.none:
		return nil, errors.New("-unsigned and OMSINIT_RELEASE_KEY contradict each other")
	case len(text) == 0 && dry:
		_, key, err := minisign.GenerateKey(rand.Reader)
		return &key, err
	case len(text) == 0:
		return nil, errors.New("OMSINIT_RELEASE_KEY is empty: it is the text of a minisign secret key (minisign -G); or -unsigned")
	case minisign.IsEncrypted(text):
		key, err := minisign.DecryptKey(k.password, text)
		if err != nil {
			return nil, errors.New("OMSINIT_RELEASE_PASSWORD does not open the key in OMSINIT_RELEASE_KEY")
		}
		return &key, nil
	}
	var key minisign.PrivateKey
	if err := key.UnmarshalText(text); err != nil {
		return nil, errors.New("OMSINIT_RELEASE_KEY is not the text of a minisign secret key, of two lines")
	}
	return &key, nil
}

const digestFile = "SHA256SUMS"

// digests writes the digest of each file, and has sha256sum check them.
func (r *release) digests() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(r.path(f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), f.Name())
	}
	if err := os.WriteFile(r.path(digestFile), []byte(sums.String()), 0o644); err != nil {
		return err
	}
	return run(r.out, "sha256sum", "--check", "--quiet", "--strict", digestFile)
}

// signature signs the digests, and verifies that as a downloader does: with minisign itself.
func (r *release) signature(key *minisign.PrivateKey) error {
	if key == nil {
		fmt.Println("no signature was made (-unsigned)")
		return nil
	}
	sums, err := os.ReadFile(r.path(digestFile))
	if err != nil {
		return err
	}
	public, err := key.Public().(minisign.PublicKey).MarshalText()
	if err != nil {
		return err
	}
	comment := fmt.Sprintf("omsinit %s, commit %s", r.version, r.commit)
	signature := minisign.SignWithComments(*key, sums, comment, "signature of "+digestFile)
	for name, data := range map[string][]byte{"minisign.pub": append(public, '\n'),
		digestFile + ".minisig": signature} {
		if err := os.WriteFile(r.path(name), data, 0o644); err != nil {
			return err
		}
	}
	if _, err := exec.LookPath("minisign"); err != nil {
		return fmt.Errorf("%w (Debian's package minisign)", err)
	}
	return run(r.out, "minisign", "-V", "-q", "-p", "minisign.pub", "-m", digestFile)
}
