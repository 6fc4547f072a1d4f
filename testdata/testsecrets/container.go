package testsecrets

import (
	"archive/tar"
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// private.txt are the files that hold secrets by what they are for, a pattern a line; one that ends in / is for all
// files below a folder. Others than their owner and group may not read them.
//
//go:embed private.txt
var private string

// Container is what a container has made, as the engine tells it.
type Container struct {
	// Logs is what docker logs shows, Processes their arguments and environments, a line each.
	Logs, Processes string
	// Files are what was made or changed in it, and all that is in its mounts.
	Files []File
}

// File is one of a container.
type File struct {
	tar.Header
	Text string
}

// ConfigFile is where config.yaml is in a container.
const ConfigFile = "/home/admin/conf/config.yaml"

// Read reads what a container has made, whether it runs or not.
func Read(name string) (c Container, err error) {
	out, err := docker("inspect", name)
	if err != nil {
		return c, err
	}
	var all []struct {
		State  struct{ Running bool }
		Mounts []struct{ Destination string }
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all) != 1 {
		return c, fmt.Errorf("docker inspect %s: %w, %d containers", name, err, len(all))
	}
	logs, err := docker("logs", name)
	if err != nil {
		return c, err
	}
	c.Logs = string(logs)
	if all[0].State.Running {
		if out, err = docker("top", name, "axeww", "-o", "pid,args"); err != nil {
			return c, err
		}
		c.Processes = string(out)
	}
	if out, err = docker("diff", name); err != nil {
		return c, err
	}
	var changed, mounts []string
	for line := range strings.Lines(string(out)) {
		if kind, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && kind != "D" {
			changed = append(changed, file)
		}
	}
	for _, m := range all[0].Mounts { // on the way to one may be a link, so that its files have other names above
		mounts = append(mounts, m.Destination)
	}
	if all[0].State.Running {
		c.Files, err = packed(name, changed, mounts)
	} else {
		c.Files, err = copied(name, changed, mounts)
	}
	// A mount is among the changed files, too: empty, as what is under it.
	slices.SortFunc(c.Files,
		func(a, b File) int { return cmp.Or(strings.Compare(a.Name, b.Name), len(b.Text)-len(a.Text)) })
	c.Files = slices.CompactFunc(c.Files, func(a, b File) bool { return a.Name == b.Name })
	return c, err
}

// packed returns files, and all that is in folders, of a container that runs.
func packed(name string, changed, folders []string) (files []File, err error) {
	args := []string{"exec", "-i", "-u", "0", name, "tar", "-P", "-cf", "-", "--null", "--no-recursion", "-T", "-",
		"--recursion"}
	cmd := exec.Command("docker", append(args, folders...)...)
	cmd.Stdin = strings.NewReader(strings.Join(changed, "\x00"))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, _ := cmd.Output() // its status is 1 or 2 where a file has changed or gone meanwhile
	if files, err = unpack(bytes.NewReader(out), func(file string) (string, bool) { return file, true }); err != nil ||
		len(files) == 0 {
		return nil, fmt.Errorf("%v: %d files, %v\n%s", cmd.Args[:7], len(files), err, &said)
	}
	return files, nil
}

// copied returns the same of one that does not run, which takes longer: folder by folder.
func copied(name string, changed, folders []string) (files []File, err error) {
	parents := map[string]bool{}
	for _, file := range changed {
		inside := file + "/"
		if !slices.ContainsFunc(changed, func(other string) bool { return strings.HasPrefix(other, inside) }) {
			parents[path.Dir(file)] = true
		}
	}
	for parent := range parents {
		some, err := fetch(name, parent, path.Dir(parent),
			func(file string) bool { return slices.Contains(changed, file) })
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
	}
	for _, folder := range folders {
		from, below := folder+"/.", folder
		if folder == ConfigFile {
			from, below = folder, path.Dir(folder)
		}
		some, err := fetch(name, from, below, func(string) bool { return true })
		if err != nil {
			return nil, err
		}
		files = append(files, some...)
	}
	return files, nil
}

func fetch(name, from, below string, wanted func(string) bool) (files []File, err error) {
	cmd := exec.Command("docker", "cp", name+":"+from, "-")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	files, err = unpack(out, func(file string) (string, bool) {
		file = path.Join(below, file)
		return file, wanted(file)
	})
	_, _ = io.Copy(io.Discard, out)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", cmd.Args, err, &said)
	}
	return files, nil
}

// unpack returns the files of an archive that are wanted, by other names.
func unpack(archive io.Reader, wanted func(file string) (name string, ok bool)) (files []File, err error) {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		name, ok := wanted(path.Clean(h.Name))
		if !ok || h.Typeflag == tar.TypeLink { // another name of a file that is there
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		h.Name = name
		files = append(files, File{*h, string(text)})
	}
}

func docker(args ...string) ([]byte, error) {
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return out, nil
}

// Text returns what is in a file, empty when there is none.
func (c Container) Text(name string) string {
	for _, f := range c.Files {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

// Leaks returns where the container has secrets that others may find.
func (c Container) Leaks(s *Search) (leaks []string) {
	found := func(where, text string) {
		if how := s.In(text); how != "" {
			leaks = append(leaks, where+" ("+how+")")
		}
	}
	found("docker logs", c.Logs)
	for line := range strings.Lines(c.Processes) {
		fields := strings.Fields(line)
		found("the arguments or the environment of "+strings.Join(fields[:min(2, len(fields))], " "), line)
	}
	for _, f := range c.Files {
		found("the name of a file in "+path.Dir(f.Name), path.Base(f.Name))
		if Private(f.Name) {
			others := f.FileInfo().Mode().Perm() & 0o007
			// that mode is people's
			if f.Name != ConfigFile && f.Typeflag == tar.TypeReg && others != 0 && s.In(f.Text) != "" {
				leaks = append(leaks, fmt.Sprintf("%s, which has mode %s", f.Name, f.FileInfo().Mode()))
			}
			continue
		}
		found(f.Name, f.Text)
	}
	return leaks
}

// Private reports whether a file holds secrets by what it is for.
func Private(name string) bool {
	for pattern := range strings.Lines(private) {
		pattern = strings.TrimSpace(pattern)
		if ok, _ := path.Match(pattern, name); ok ||
			strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern) {
			return true
		}
	}
	return false
}
