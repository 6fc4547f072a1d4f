package flow

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/atomicfile"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
)

// record is the file that keeps what the generated files of this container were made from, as the node's digest with
// a salt. It is there only while all of them fit each other.
type record struct{ path string }

func recordOf(l layout.Layout) record { return record{l.RenderedRecord()} }

// matches reports whether the files were made from what the node is now.
func (r record) matches(n *node.Node) bool {
	data, err := os.ReadFile(r.path)
	if err != nil {
		return false
	}
	fields := map[string]string{}
	for scan := bufio.NewScanner(bytes.NewReader(data)); scan.Scan(); {
		if key, value, ok := strings.Cut(scan.Text(), "="); ok {
			fields[key] = value
		}
	}
	digest, err := n.Digest(fields["salt"])
	return err == nil && fields["salt"] != "" && hmac.Equal([]byte(digest), []byte(fields["inputs"]))
}

// write promises that the files fit the node.
func (r record) write(n *node.Node) error {
	salt := rand.Text()
	digest, err := n.Digest(salt)
	if err != nil {
		return err
	}
	return writePrivate(r.path, fmt.Sprintf("salt=%s\ninputs=%s\n", salt, digest))
}

// remove withdraws the promise, before the first file is changed.
func (r record) remove() error {
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return msg.Errorf("cannot remove %s: %w", r.path, err)
	}
	return nil
}

// finished reports whether the initialisation has finished in this container, with what the node is now.
func finished(n *node.Node) bool { return initialised(n.Layout) && recordOf(n.Layout).matches(n) }

// initialised reports whether an initialisation has finished in this container.
func initialised(l layout.Layout) bool {
	info, err := os.Stat(l.InitFlag())
	return err == nil && info.Size() > 0
}

// lastRelease returns the release of the initialisation that has finished in this container, "" where none has.
func lastRelease(l layout.Layout) string {
	data, _ := os.ReadFile(l.InitFlag())
	line, _, _ := strings.Cut(string(data), "\n")
	text, found := strings.CutPrefix(line, "release=")
	if !found {
		return ""
	}
	return text
}

// writeInitFlag leaves the marker of a finished initialisation: non-empty, and new after each success, as other tools
// expect (docs/oms-facts.md §2).
func writeInitFlag(path, release string, now time.Time) error {
	return writePrivate(path, fmt.Sprintf("release=%s\nfinished=%s\n", release, now.Format(time.RFC3339)))
}

func writePrivate(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return msg.Errorf("cannot create %s: %w", filepath.Dir(path), err)
	}
	if err := atomicfile.Write(path, []byte(text), atomicfile.Options{Mode: 0o600}); err != nil {
		return msg.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}
