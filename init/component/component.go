// Package component is step 3: the config files of the components, made from
// config.yaml and the templates of the pack.
//
// Everything is rendered and checked before anything is touched; then the
// files that differ are swapped in together. A run that changes nothing writes
// nothing.
package component

import (
	"context"
	"slices"
	"time"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Step is step 3 with everything it touches.
type Step struct {
	// Config may be nil when no template of Files uses it.
	Config *config.Config
	Pack   *pack.Pack
	Layout layout.Layout
	// HostIP is this node's own address (OMS_HOST_IP).
	HostIP string
	// Files are the files to make; nil means those of the pack. Trial mode makes
	// some before the others.
	Files []pack.File
	// Values are what the templates of Files use beyond config.yaml
	// (pack.File.Values).
	Values map[string]any
	// Prefer decides where a person and config.yaml have both changed a key.
	Prefer Side
	// Reason is what history records about the versions that a run replaces.
	Reason string
	// Version is that of history which the replaced files belong to, because config.yaml was changed with them; ""
	// makes one of their own.
	Version string
	// Now is the clock of history; nil is the system's.
	Now func() time.Time
	// Log takes what a person should know beyond the result; nil drops it.
	Log func(msg.Message)
}

// Result is what a run changed, or would change.
type Result struct {
	// Changed are the files written, as paths of the container, in the order
	// of the pack.
	Changed []string
	// Readers are the programs that read one of them.
	Readers []string
	// Files are the same files with what changes in each.
	Files []FileChange
	// Kept is what people wrote into files, and what stays.
	Kept []Kept
	// Saved are edited files that were replaced; a copy of each is beside it,
	// under its name and SavedSuffix.
	Saved []string
}

// FileChange is one file that a run changes.
type FileChange struct {
	Path    string
	Created bool
	// Diff is what changes, without secrets. It is empty when the file is new,
	// when only its mode or owner change, and when it cannot be shown.
	Diff    string
	Readers []string
}

// SavedSuffix is added to the name of a file that people edited and that had to
// be replaced.
const SavedSuffix = ".edited"

// Apply makes the files. On an error that concerns what is to be written,
// nothing has changed; when the file system fails in the middle of the swap,
// some files are new, and the next run replaces the others.
//
// What people wrote into files stays; a *ConflictError lists the keys that
// they and config.yaml have both changed.
func (s *Step) Apply(ctx context.Context) (Result, error) {
	n := s.node()
	if err := n.mayWrite(); err != nil {
		return Result{}, err
	}
	c, last, err := s.look(n)
	if err != nil {
		return Result{}, err
	}
	// Before the validators: nginx -t opens its logs.
	if err := s.makeFolders(n, s.Pack.Folders); err != nil {
		return Result{}, err
	}
	if len(c.changes) == 0 && len(c.digests) == 0 {
		return s.result(c), ctx.Err()
	}
	if err := s.validate(ctx, c.changes); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := s.swapIn(n, c, last); err != nil {
		return Result{}, err
	}
	return s.result(c), nil
}

// Plan returns what Apply would do, and touches nothing.
func (s *Step) Plan() (Result, error) {
	n := s.node()
	c, _, err := s.look(n)
	if err != nil {
		return Result{}, err
	}
	for _, change := range c.changes {
		if err := checkFormat(change.Format, change.data); err != nil {
			return Result{}, msg.Errorf("%s as made from %s is not valid, nothing was changed: %w", change.Path,
				s.Pack.Source(change.Template), err)
		}
	}
	return s.result(c), nil
}

// look renders everything and compares it with what is there.
func (s *Step) look(n *node) (comparison, *rendered, error) {
	files, err := s.render(n)
	if err != nil {
		return comparison{}, nil, err
	}
	last, err := s.loadRendered()
	if err != nil {
		return comparison{}, nil, err
	}
	last.adopt(n, files)
	c, err := s.compare(n, files, last)
	if err != nil {
		return comparison{}, nil, err
	}
	if len(c.conflicts) > 0 {
		return comparison{}, nil, &ConflictError{c.conflicts}
	}
	return c, last, nil
}

// file is one file as the pack wants it.
type file struct {
	pack.File
	data []byte
}

// render makes all files of this node in memory.
func (s *Step) render(n *node) ([]file, error) {
	data := pack.Data{Config: s.Config, Layout: s.Layout, HostIP: s.HostIP, HTTPS: n.https,
		EUIDRoot: n.euidRoot, Extra: s.Values}
	wanted := s.Files
	if wanted == nil {
		wanted = s.Pack.Files
	}
	var files []file
	for _, f := range wanted {
		if !pack.Applies(f.When, n.holds) || f.Needs != "" && !n.has(f.Needs) {
			continue
		}
		text, err := s.Pack.Render(f, data)
		if err != nil {
			return nil, err
		}
		files = append(files, file{f, text})
	}
	return files, nil
}

// swapIn prepares all files, keeps what they replace, and then replaces them in
// one go. What they were rendered to is noted before and after: killed in
// between, the next run knows that either may be there.
func (s *Step) swapIn(n *node, c comparison, last *rendered) error {
	var pending []*atomicfile.Pending
	discard := func() {
		for _, p := range pending {
			p.Discard()
		}
	}
	prepare := func(path string, data []byte, change change) error {
		p, err := atomicfile.Prepare(path, data, atomicfile.Options{Mode: change.Mode, Owner: change.owner})
		if err != nil {
			return fileError(path, err)
		}
		pending = append(pending, p)
		return nil
	}
	for path, v := range c.digests {
		last.Files[path] = append(slices.Clone(last.Files[path]), v)
	}
	note, err := last.prepare(false)
	if err != nil {
		return err
	}
	pending = append(pending, note)
	for path, v := range c.digests {
		last.Files[path] = versions{v}
	}
	// Before the swap, too: after it there must be nothing left that a full disk can stop.
	after, err := last.prepare(true)
	if err != nil {
		discard()
		return err
	}
	defer after.Discard()
	for _, saved := range c.saved {
		if err := prepare(saved.real+SavedSuffix, saved.before, saved); err != nil {
			discard()
			return err
		}
	}
	for _, change := range c.changes {
		if err := n.makeParents(change.Path, change.owner); err != nil {
			discard()
			return err
		}
		if err := prepare(change.real, change.data, change); err != nil {
			discard()
			return err
		}
	}
	s.keepHistory(c.changes)
	if err := atomicfile.Commit(pending); err != nil {
		return fileError("", err)
	}
	if err := atomicfile.Commit([]*atomicfile.Pending{after}); err != nil {
		return fileError("", err)
	}
	return nil
}

func (s *Step) result(c comparison) Result {
	r := Result{Kept: c.kept}
	for _, change := range c.changes {
		r.Changed = append(r.Changed, change.Path)
		fc := FileChange{Path: change.Path, Created: change.before == nil, Readers: change.Readers}
		if !fc.Created {
			fc.Diff = s.diff(change.File, change.before, change.data)
		}
		r.Files = append(r.Files, fc)
		for _, program := range change.Readers {
			if !slices.Contains(r.Readers, program) {
				r.Readers = append(r.Readers, program)
			}
		}
	}
	for _, saved := range c.saved {
		r.Saved = append(r.Saved, saved.Path)
	}
	return r
}

func (s *Step) say(m msg.Message) {
	if s.Log != nil {
		s.Log(m)
	}
}
