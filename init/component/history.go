package component

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// historyKept is how many earlier versions are kept.
const historyKept = 10

// History is the earlier versions of generated files, and of config.yaml. They
// are in the run mount, so that they outlive the container, in a folder that
// only its owner can enter: files hold passwords.
type History struct{ layout layout.Layout }

// NewHistory is the history of a node.
func NewHistory(l layout.Layout) History { return History{l} }

// Version is the set of files that one run replaced, as they were before.
type Version struct {
	// ID is the time of the run, and a number when there were several at once.
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Files  []Earlier `json:"files"`
}

// Earlier is one file of a Version.
type Earlier struct {
	// Path is the path of the container.
	Path string      `json:"path"`
	Mode fs.FileMode `json:"mode"`
	Data []byte      `json:"-"`
}

const (
	historyFolder   = ".omsinit/history"
	historyManifest = "manifest.json"
	historyStamp    = "20060102-150405"
	historyNew      = ".new" // a version that is being written
)

// dir opens the folder. Its parent belongs to another user, who must not be
// able to lead us elsewhere with a symbolic link.
func (h History) dir(create bool) (*os.Root, error) {
	run := h.layout.RunDir()
	root, err := os.OpenRoot(run)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, name := range []string{".omsinit", historyFolder} {
		if create {
			if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return nil, err
			}
		}
		info, err := root.Lstat(name)
		if err != nil {
			return nil, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
			return nil, msg.Errorf("%s is not a folder that only you can enter; remove it", filepath.Join(run, name))
		}
	}
	return root.OpenRoot(historyFolder)
}

// List returns the versions, the latest first.
func (h History) List() ([]Version, error) {
	dir, err := h.dir(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, msg.Errorf("cannot read the history: %w", err)
	}
	defer dir.Close()
	ids, err := versionIDs(dir)
	if err != nil {
		return nil, msg.Errorf("cannot read the history: %w", err)
	}
	var out []Version
	for _, id := range ids {
		v, err := readVersion(dir, id, false)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Get returns one version with the contents of its files. "last" is the latest.
func (h History) Get(id string) (Version, error) {
	dir, err := h.dir(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Version{}, msg.Errorf("cannot read the history: %w", err)
	}
	var ids []string
	if err == nil {
		defer dir.Close()
		if ids, err = versionIDs(dir); err != nil {
			return Version{}, msg.Errorf("cannot read the history: %w", err)
		}
	}
	if id == "last" && len(ids) > 0 {
		id = ids[0]
	}
	if !slices.Contains(ids, id) {
		return Version{}, msg.Errorf("there is no version %q; see `omsinit config history`", id)
	}
	return readVersion(dir, id, true)
}

// versionIDs returns the names of the versions, the latest first. Names of runs that were killed do not
// count.
func versionIDs(dir *os.Root) ([]string, error) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && len(e.Name()) >= len(historyStamp) && e.Name()[0] != '.' {
			ids = append(ids, e.Name())
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		stampA, numberA := splitID(a)
		stampB, numberB := splitID(b)
		return cmp.Or(cmp.Compare(stampB, stampA), cmp.Compare(numberB, numberA))
	})
	return ids, nil
}

func splitID(id string) (stamp string, number int) {
	stamp, number = id[:len(historyStamp)], 1
	if rest := id[len(historyStamp):]; rest != "" {
		number, _ = strconv.Atoi(rest[1:])
	}
	return stamp, number
}

func readVersion(dir *os.Root, id string, contents bool) (Version, error) {
	data, err := dir.ReadFile(filepath.Join(id, historyManifest))
	if err != nil {
		return Version{}, msg.Errorf("cannot read the version %s of the history: %w", id, err)
	}
	var v Version
	if err := json.Unmarshal(data, &v); err != nil {
		return Version{}, msg.Errorf("cannot read the version %s of the history: %w", id, err)
	}
	v.ID = id
	for i := range v.Files {
		if !contents {
			break
		}
		if v.Files[i].Data, err = dir.ReadFile(filepath.Join(id, strconv.Itoa(i))); err != nil {
			return Version{}, msg.Errorf("cannot read the version %s of the history: %w", id, err)
		}
	}
	return v, nil
}

// Keep adds a version, drops the oldest beyond the last ten, and returns the ID of the new one. The name of
// its folder comes last, so that a run that was killed leaves no half version.
func (h History) Keep(v Version) (id string, err error) {
	dir, err := h.dir(true)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	const temp = historyNew
	if err := dir.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := dir.Mkdir(temp, 0o700); err != nil {
		return "", err
	}
	v.Time = v.Time.UTC().Truncate(time.Second)
	manifest, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{historyManifest: manifest}
	for i, f := range v.Files {
		files[strconv.Itoa(i)] = f.Data
	}
	for name, data := range files {
		if err := writeSynced(dir, filepath.Join(temp, name), data); err != nil {
			dir.RemoveAll(temp)
			return "", err
		}
	}
	ids, err := versionIDs(dir)
	if err != nil {
		return "", err
	}
	id = v.Time.Format(historyStamp)
	for _, other := range ids { // the latest of the same second is the first
		if stamp, number := splitID(other); stamp == id {
			id = fmt.Sprintf("%s-%d", stamp, number+1)
			break
		}
	}
	if err := dir.Rename(temp, id); err != nil {
		return "", err
	}
	if ids, err = versionIDs(dir); err != nil {
		return "", err
	}
	for _, old := range ids[min(historyKept, len(ids)):] {
		if err := dir.RemoveAll(old); err != nil {
			return "", err
		}
	}
	return id, nil
}

// Add adds files to a version: those that are made from the config.yaml in it belong to the same change. The manifest
// is written last, so a run that was killed leaves the version as it was, or whole.
func (h History) Add(id string, files []Earlier) error {
	dir, err := h.dir(true)
	if err != nil {
		return err
	}
	defer dir.Close()
	v, err := readVersion(dir, id, false)
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(id, strconv.Itoa(len(v.Files)))
		if err := dir.RemoveAll(name); err != nil { // of a run that was killed
			return err
		}
		if err := writeSynced(dir, name, f.Data); err != nil {
			return err
		}
		v.Files = append(v.Files, f)
	}
	manifest, err := json.Marshal(v)
	if err != nil {
		return err
	}
	next := filepath.Join(id, historyManifest+".new")
	if err := dir.RemoveAll(next); err != nil {
		return err
	}
	if err := writeSynced(dir, next, manifest); err != nil {
		return err
	}
	return dir.Rename(next, filepath.Join(id, historyManifest))
}

func writeSynced(dir *os.Root, name string, data []byte) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// keepHistory keeps what a run is about to replace. A full run mount must not
// keep a node from being repaired, so a failure is only said.
func (s *Step) keepHistory(changes []change) {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	v := Version{Time: now(), Reason: s.Reason}
	for _, c := range changes {
		if c.before != nil && c.edited() {
			v.Files = append(v.Files, Earlier{Path: c.Path, Mode: c.Mode, Data: c.before})
		}
	}
	if len(v.Files) == 0 {
		return
	}
	var err error
	if s.Version != "" {
		err = NewHistory(s.Layout).Add(s.Version, v.Files)
	} else {
		_, err = NewHistory(s.Layout).Keep(v)
	}
	if err != nil {
		s.say(msg.M("no earlier version of the changed files is kept: %v", err))
	}
}

// Sweep removes what killed runs have left of the step and of the history. The error names everything that is still
// there.
func Sweep(l layout.Layout) error {
	staging := os.RemoveAll(stagingFolder(l))
	dir, err := NewHistory(l).dir(false)
	if err != nil {
		return staging // there is no history, or none of ours
	}
	defer dir.Close()
	return errors.Join(staging, dir.RemoveAll(historyNew))
}
