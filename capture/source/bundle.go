package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/capture/tables"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

// Bundle is everything that a capture reads of an installation, in one file: with it, a pack is made elsewhere. It
// holds the passwords of the installation.
type Bundle struct {
	Version  int
	HostIP   string
	Root     string // that the installation was under; empty in a container
	HTTPS    bool
	EUIDRoot bool
	Programs Programs
	Calls    []Exchange
	Writers  map[string]tables.Writes
	Tables   *tables.Snapshot
	Files    map[string]Fact // with folders, by their paths with all links followed
	Contents map[string][]byte
	Links    map[string]string
	Folders  []string
	Left     []Left
}

// bundleVersion is the form of bundles that this omsinit reads and writes.
const bundleVersion = 2

// Pack writes the bundle of an installation. further are files that are taken whatever is in them.
func (i *Installation) Pack(ctx context.Context, w io.Writer, snapshot *tables.Snapshot, further []string) error {
	found := i.Look(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	b := Bundle{Version: bundleVersion, HostIP: i.HostIP, Root: i.Tree.Root(), HTTPS: i.Tree.HTTPS(),
		EUIDRoot: os.Geteuid() == 0,
		Programs: i.Programs, Calls: i.Calls, Writers: i.Writers, Tables: snapshot, Files: map[string]Fact{},
		Links: found.Links, Folders: found.Folders, Left: found.Left}
	b.Programs.List = slices.Clone(b.Programs.List)
	for n, p := range b.Programs.List {
		b.Programs.List[n].Paths, b.Programs.List[n].PID = i.PathsOf(p), 0
		further = append(further, b.Programs.List[n].Paths...)
	}
	for _, name := range i.Programs.Files {
		further = append(further, i.Container(name))
	}
	further = append(further, "/etc/passwd")
	names := slices.Clone(found.Files)
	for _, name := range further {
		names = append(names, i.Real(name))
	}
	slices.Sort(names)
	conf := i.Real("/home/admin/conf/config.yaml")
	b.Contents = map[string][]byte{conf: i.Text(conf)}
	for _, name := range slices.Compact(names) {
		if data := i.Text(name); data != nil && !bytes.Contains(data, []byte("PRIVATE KEY-----")) &&
			bytes.IndexByte(data, 0) < 0 {
			b.Contents[name] = data
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(b.Contents)), found.Folders) {
		b.Files[name], _ = i.Fact(name)
	}
	compressed := gzip.NewWriter(w)
	return errors.Join(json.NewEncoder(compressed).Encode(b), compressed.Close())
}

// OpenInput opens a file that may be a pipe into which nobody writes: that does not hold up whoever ends ctx.
func OpenInput(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		*os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		if r.err == nil {
			context.AfterFunc(ctx, func() { r.Close() })
		}
		return r.File, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// largestBundle bounds what is unpacked.
const largestBundle = 1 << 30

// OpenBundle unpacks a bundle into a folder of its own, that only its user can read; done removes it.
func OpenBundle(ctx context.Context, file string) (i *Installation, done func(), err error) {
	f, err := OpenInput(ctx, file)
	if err != nil {
		return nil, nil, msg.Errorf("cannot read the bundle %s: %w", file, err)
	}
	defer f.Close()
	dir, err := atomicfile.TempDir("bundle")
	if err != nil {
		return nil, nil, msg.Errorf("cannot make a temporary folder: %w", err)
	}
	done = func() { os.RemoveAll(dir) }
	b, err := unpack(f, dir)
	if err == nil && b.Version != bundleVersion {
		err = msg.Errorf("it is of another version of omsinit")
	}
	if err != nil {
		done()
		return nil, nil, msg.Errorf("%s is no bundle of pack capture --bundle: %w", file, err)
	}
	i = &Installation{Tree: layout.New(dir), HostIP: b.HostIP, Programs: b.Programs, Calls: b.Calls, Writers: b.Writers,
		Bundle: b}
	data, err := os.ReadFile(i.Tree.ConfigFile())
	if err == nil {
		i.Config, _, err = config.Parse(file+":/home/admin/conf/config.yaml", data)
	}
	if err != nil {
		done()
		return nil, nil, msg.Errorf("the config.yaml in the bundle %s cannot be used: %w", file, err)
	}
	return i, done, nil
}

// unpack writes the files of a bundle into a folder; a name that leads out of it is refused.
func unpack(r io.Reader, dir string) (*Bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	compressed, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	var b Bundle
	if err := json.NewDecoder(io.LimitReader(compressed, largestBundle)).Decode(&b); err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(b.Contents)) {
		name := strings.TrimPrefix(path, "/")
		err := errors.Join(root.MkdirAll(filepath.Dir(name), 0o700), root.WriteFile(name, b.Contents[path], 0o600))
		if err != nil {
			return nil, err
		}
	}
	b.Contents = nil // they are files now
	for _, link := range slices.Sorted(maps.Keys(b.Links)) {
		name := strings.TrimPrefix(link, "/")
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			continue // it is behind another link
		}
		_ = root.Symlink(b.Links[link], name) // where there is something of that name, that is what is read
	}
	return &b, nil
}
