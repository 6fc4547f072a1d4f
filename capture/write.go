package capture

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// tree is the pack as it will be written, by name.
type tree map[string][]byte

func (t tree) names() []string { return slices.Sorted(maps.Keys(t)) }

// write puts the pack into a folder beside its place, proves it there, and
// renames it: there is a whole pack or none. One that does not prove itself is
// kept, for looking at, and the report says so.
func (j *Job) write(ctx context.Context, t tree) (err error) {
	out, err := filepath.Abs(j.Out)
	if err != nil {
		return msg.Errorf("cannot write the pack to %s: %w", j.Out, err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return writeError(out, err)
	}
	cleanUp(out)
	temporary, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+".new-")
	if err != nil {
		return writeError(out, err)
	}
	defer os.RemoveAll(temporary)
	for _, name := range t.names() {
		p := filepath.Join(temporary, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return writeError(out, err)
		}
		if err := os.WriteFile(p, t[name], 0o644); err != nil {
			return writeError(out, err)
		}
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return writeError(out, err)
	}
	p, err := pack.Open(temporary)
	if err != nil {
		return msg.Errorf("the captured pack cannot be used: %w", err)
	}
	if j.report.Differences, err = j.verify(ctx, p); err != nil {
		return err
	}
	j.report.Verified = len(j.report.Differences) == 0
	if err := j.writeReport(filepath.Join(temporary, reportName)); err != nil {
		return writeError(out, err)
	}
	if err := replaceFolder(temporary, out, j.Force); err != nil {
		return writeError(out, err)
	}
	j.report.Out = out
	return nil
}

// cleanUp removes what captures that were killed have left beside the place. One
// that still runs is younger.
func cleanUp(out string) {
	// only a wrong pattern is an error
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".new-*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// reportName is the report within the pack, for whoever gets the pack later.
const reportName = "CAPTURE.md"

func (j *Job) writeReport(name string) error {
	var b bytes.Buffer
	b.WriteString("# How this pack was captured\n\n```\n")
	if err := j.report.Print(&b, msg.English); err != nil {
		return err
	}
	b.WriteString("```\n")
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// replaceFolder renames a folder onto a place where an empty one, or with
// --force a full one, may be.
func replaceFolder(from, to string, force bool) error {
	err := os.Remove(to) // an empty one
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return os.Rename(from, to)
	}
	if !force {
		return err // somebody has put something there meanwhile
	}
	old := from + ".old"
	if err := os.Rename(to, old); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Rename(old, to))
	}
	return os.RemoveAll(old)
}

func writeError(out string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return msg.Errorf("cannot write the pack to %s: %w", out, err)
}
