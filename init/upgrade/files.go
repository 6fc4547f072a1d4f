package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
)

const (
	// copyName is the documented name of the copy of config.yaml.
	copyName  = "config_copy.yaml"
	filesName = "files"
	indexName = "files.json"
)

// keptFile is a generated file as it was before the upgrade.
type keptFile struct {
	Path string      `json:"path"` // of the container
	Copy string      `json:"copy"` // in the folder
	Mode fs.FileMode `json:"mode"`
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
}

// keepFiles copies config.yaml and the generated files that are there beside
// the backup. The copy of config.yaml lies under its documented name, too.
func (s *Session) keepFiles(context.Context) error {
	if err := os.MkdirAll(filepath.Join(s.rec.Backup, filesName), 0o700); err != nil {
		return msg.Errorf("cannot keep a copy of the files: %w", err)
	}
	index := []keptFile{}
	for i, f := range s.Pack.Files {
		path := s.Layout.Path(f.Path)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(path)
		}
		k := keptFile{Path: f.Path, Copy: filepath.Join(filesName, strconv.Itoa(i)), UID: -1, GID: -1}
		if err == nil {
			k.Mode = info.Mode().Perm()
			if owner, ok := info.Sys().(*syscall.Stat_t); ok {
				k.UID, k.GID = int(owner.Uid), int(owner.Gid)
			}
			err = private(filepath.Join(s.rec.Backup, k.Copy), data)
		}
		if err != nil {
			return msg.Errorf("cannot keep a copy of the files: %w", err)
		}
		index = append(index, k)
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	for path, data := range map[string][]byte{filepath.Join(s.rec.Backup, indexName): text,
		filepath.Join(s.rec.Backup, copyName): s.ConfigText, filepath.Join(filepath.Dir(s.ConfigFile),
			copyName): s.ConfigText} {
		if err := private(path, data); err != nil {
			return msg.Errorf("cannot keep a copy of the files: %w", err)
		}
	}
	// The first goes with the container where config.yaml is mounted alone, the second stays in its mount.
	s.log(msg.M("%s is copied to %s, and to %s, which outlives the container", s.ConfigFile,
		filepath.Join(filepath.Dir(s.ConfigFile), copyName), filepath.Join(s.rec.Backup, copyName)))
	return nil
}

func private(path string, data []byte) error {
	return atomicfile.Write(path, data, atomicfile.Options{Mode: 0o600})
}

// returnFiles puts back what keepFiles kept, where it is another now. An
// upgrade that failed earlier kept none.
func (s *Session) returnFiles() error {
	text, err := os.ReadFile(filepath.Join(s.rec.Backup, indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var index []keptFile
	if err == nil {
		err = json.Unmarshal(text, &index)
	}
	if err != nil {
		return msg.Errorf("cannot put the files back: %w", err)
	}
	for _, k := range index {
		if err := s.returnFile(k); err != nil {
			return msg.Errorf("cannot put the files back: %w", err)
		}
	}
	return s.returnConfig()
}

func (s *Session) returnFile(k keptFile) error {
	data, err := os.ReadFile(filepath.Join(s.rec.Backup, k.Copy))
	if err != nil {
		return err
	}
	path := s.Layout.Path(k.Path)
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	o := atomicfile.Options{Mode: k.Mode}
	if os.Geteuid() == 0 && k.UID >= 0 {
		o.Owner = &atomicfile.Owner{UID: k.UID, GID: k.GID}
	}
	if err := atomicfile.Write(path, data, o); err != nil {
		return err
	}
	s.log(msg.M("written: %s", k.Path))
	return nil
}

// returnConfig puts config.yaml back in place: it is mounted on its own.
func (s *Session) returnConfig() error {
	before, err := os.ReadFile(filepath.Join(s.rec.Backup, copyName))
	if err != nil {
		return msg.Errorf("cannot put the files back: %w", err)
	}
	now, err := os.ReadFile(s.ConfigFile)
	if err == nil && !bytes.Equal(before, now) {
		kept := filepath.Join(s.rec.Backup, "config_replaced.yaml")
		if err = private(kept, now); err == nil {
			err = atomicfile.Overwrite(s.ConfigFile, before)
		}
		if err == nil {
			s.log(msg.M("%s is as before the upgrade again; what it was until now is kept in %s", s.ConfigFile, kept))
		}
	}
	if err != nil {
		return msg.Errorf("cannot put %s back: %w; make it equal %s", s.ConfigFile, err,
			filepath.Join(s.rec.Backup, copyName))
	}
	return nil
}

// forgetNode withdraws what says that this node is initialised: programs that
// start by themselves are held back until it is again. It keeps a copy for
// startAgain.
func (s *Session) forgetNode() error {
	for _, path := range []string{s.Layout.InitFlag(), s.Layout.RenderedRecord()} {
		if data, err := os.ReadFile(path); err == nil {
			if s.initialised == nil {
				s.initialised = map[string][]byte{}
			}
			s.initialised[path] = data
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return msg.Errorf("cannot remove %s: %w", path, err)
		}
	}
	return nil
}
