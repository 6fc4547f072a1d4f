package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile is what a file with a licence, or with what a licence wants to be passed on, is called.
var licenceFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents|authors|contributors)([.-].*)?$`)

// licences writes the licences of all that is linked into the programs, as they stand: of the Go library and of every
// module. A module without one is an error. Which licence each is under: docs/dependencies.md.
func (r *release) licences() error {
	modules := map[string]string{} // path -> version
	for _, arch := range architectures {
		info, err := buildinfo.ReadFile(r.path(program(arch)))
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				return fmt.Errorf("%s is replaced in go.mod: whose licence is it?", m.Path)
			}
			modules[m.Path] = m.Version
		}
	}
	goroot, err := output(r.sources[0], "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	out := bytes.NewBufferString("The omsinit program is under the licence in the file LICENSE of its source. Linked into it are the following,\n" +
		"each under its own licence.\n")
	if err := licencesOf(out, "the Go programming language", "", goroot); err != nil {
		return err
	}
	paths := make([]string, 0, len(modules))
	for path := range modules {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		text, err := output(r.sources[0], "go", "list", "-m", "-json", path)
		if err != nil {
			return err
		}
		var m struct{ Dir, Version string }
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return err
		}
		if m.Version != modules[path] {
			return fmt.Errorf("%s is at %s in the programs and at %s in go.mod", path, modules[path], m.Version)
		}
		if err := licencesOf(out, path, m.Version, m.Dir); err != nil {
			return err
		}
	}
	return os.WriteFile(r.path(licencesName), out.Bytes(), 0o644)
}

const licencesName = "omsinit-licenses.txt"

// licencesOf appends the licence files of a folder.
func licencesOf(out *bytes.Buffer, name, version, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		if !f.Type().IsRegular() || !licenceFile.MatchString(f.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		lower := strings.ToLower(f.Name())
		found = found || strings.HasPrefix(lower, "licen") || strings.HasPrefix(lower, "copying")
		rule := strings.Repeat("=", 100)
		fmt.Fprintf(out, "\n%s\n%s: %s\n%s\n\n%s\n", rule, strings.TrimSpace(name+" "+version), f.Name(), rule,
			bytes.TrimSpace(text))
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", name, dir)
	}
	return nil
}
