package component

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"omsinit/internal/atomicfile"
)

// rendered remembers what the files were made from the last time, so that what
// people changed since can be told from what config.yaml changed. It holds
// digests of the values, keyed with a salt, in a file that only root reads:
// comparing is all that is needed, and passwords stay where they belong.
type rendered struct {
	Version int                 `json:"version"`
	Salt    string              `json:"salt"`
	Files   map[string]versions `json:"files"`

	path string
}

// versions are what one file was rendered to: the last time and, while a run
// is in the middle of swapping files in, this time. A run that was killed
// there leaves both, and either may be on disk.
type versions []version

type version struct {
	Whole string            `json:"whole"`
	Keys  map[string]string `json:"keys,omitempty"`

	salt string
}

const renderedVersion = 1

// loadRendered reads what is remembered. A file that cannot be understood
// counts as none: then config.yaml decides.
func (s *Step) loadRendered() (*rendered, error) {
	r := &rendered{path: filepath.Join(s.Layout.StateDir(), "baseline.json")}
	data, err := os.ReadFile(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(r.path, err)
	}
	if err == nil && (json.Unmarshal(data, r) != nil || r.Version != renderedVersion || r.Salt == "") {
		r.Files = nil
	}
	if r.Files == nil {
		r.Version, r.Salt, r.Files = renderedVersion, rand.Text(), map[string]versions{}
	}
	return r, nil
}

// adopt finds what is remembered of files under another spelling of their paths,
// such as /u01/ds for /home/ds after the pack of an image came.
func (r *rendered) adopt(n *node, files []file) {
	for _, f := range files {
		if r.Files[f.Path] != nil {
			continue
		}
		for path, v := range r.Files {
			if n.same(path, f.Path) {
				r.Files[f.Path] = v
				delete(r.Files, path)
				break
			}
		}
	}
}

// of returns what one file was rendered to.
func (r *rendered) of(path string) versions {
	out := slices.Clone(r.Files[path])
	for i := range out {
		out[i].salt = r.Salt
	}
	return out
}

// digest is what is remembered of a rendered file.
func (r *rendered) digest(data []byte, doc *document) version {
	v := version{Whole: digest(r.Salt, string(data))}
	if doc != nil {
		v.Keys = make(map[string]string, len(doc.entries))
		for _, e := range doc.entries {
			v.Keys[e.key] = digest(r.Salt, e.value)
		}
	}
	return v
}

// prepare writes the file beside its place.
func (r *rendered) prepare(second bool) (*atomicfile.Pending, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return nil, fileError(filepath.Dir(r.path), err)
	}
	p, err := atomicfile.Prepare(r.path, data, atomicfile.Options{Mode: 0o600, Second: second})
	if err != nil {
		return nil, fileError(r.path, err)
	}
	return p, nil
}

func digest(salt, text string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (v versions) exists() bool { return len(v) > 0 }

// has reports whether a key had this value in what was rendered; exists reports
// whether it has any.
func (v versions) has(key, value string, exists bool) bool {
	return slices.ContainsFunc(v, func(one version) bool {
		was, ok := one.Keys[key]
		return ok == exists && (!exists || was == digest(one.salt, value))
	})
}

// hasWhole reports whether the file was rendered to exactly this.
func (v versions) hasWhole(data []byte) bool {
	return slices.ContainsFunc(v, func(one version) bool { return one.Whole == digest(one.salt, string(data)) })
}

// is reports whether exactly this is remembered.
func (v versions) is(want version) bool {
	return len(v) == 1 && v[0].Whole == want.Whole && len(v[0].Keys) == len(want.Keys)
}
