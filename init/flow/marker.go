package flow

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// inputs is what the generated files of a node are made from. The pack is
// known by its release and build: in a container it does not change.
type inputs struct {
	config         []byte // the effective values of config.yaml
	hostIP         string
	release, build string
	https          bool
}

// readInputs looks at the node as it is now. A comment, or another spelling of
// a value, does not make another configuration.
func readInputs(o Options, release string) (inputs, error) {
	cfg, _, err := config.Load(o.ConfigFile)
	if err != nil {
		return inputs{}, err
	}
	values, err := json.Marshal(revealed(cfg.Values()))
	return inputs{config: values, hostIP: o.HostIP, release: release, build: o.Build, https: o.Layout.HTTPS()}, err
}

// revealed replaces secrets, which marshal as stars, by their texts.
func revealed(v any) any {
	switch v := v.(type) {
	case config.Secret:
		return v.Reveal()
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = revealed(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = revealed(value)
		}
		return out
	}
	return v
}

// digest is keyed with a salt of the container, and kept in a file that only
// root can read: config.yaml holds passwords, and a bare hash of it would let
// others try guesses.
func (in inputs) digest(salt string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	for _, part := range []string{string(in.config), in.hostIP, in.release, in.build, fmt.Sprint(in.https)} {
		fmt.Fprintf(mac, "%d:%s;", len(part), part)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (in inputs) equal(other inputs) bool { return in.digest("") == other.digest("") }

// record says what the generated files of this container were made from. It is
// there only while all of them fit each other.
type record struct{ path string }

// matches reports whether the files were made from these inputs.
func (r record) matches(in inputs) bool {
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
	return fields["salt"] != "" && hmac.Equal([]byte(in.digest(fields["salt"])), []byte(fields["inputs"]))
}

// write promises that the files fit these inputs.
func (r record) write(in inputs) error {
	salt := rand.Text()
	return writePrivate(r.path, fmt.Sprintf("salt=%s\ninputs=%s\n", salt, in.digest(salt)))
}

// remove withdraws the promise, before the first file is changed.
func (r record) remove() error {
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return msg.Errorf("cannot remove %s: %w", r.path, err)
	}
	return nil
}

// writeInitFlag leaves the marker of a finished initialisation: non-empty, and
// new after each success, as other tools expect (oms-facts §2).
func writeInitFlag(path, release string, now time.Time) error {
	return writePrivate(path, fmt.Sprintf("release=%s\nfinished=%s\n", release, now.Format(time.RFC3339)))
}

// initialised reports whether an initialisation has finished in this container.
func initialised(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
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
