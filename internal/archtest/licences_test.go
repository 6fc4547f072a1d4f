package archtest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLicences: docs/dependencies.md names every module that is linked into the binary, on any processor, with the
// licence that the module's own file says it is under.
func TestLicences(t *testing.T) {
	root := repo(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^TAGS := (.*)$`).FindSubmatch(makefile)
	if tags == nil {
		t.Fatal("the Makefile has no TAGS")
	}
	linked := map[string]string{} // path -> licence
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "list", "-deps", "-tags", string(tags[1]),
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", ".")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if path, dir, ok := strings.Cut(strings.TrimSpace(line), " "); ok && linked[path] == "" {
				linked[path] = licence(t, dir)
			}
		}
	}
	if len(linked) < 10 {
		t.Fatalf("only %d modules: %v", len(linked), linked)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\|$")
	for page, heading := range map[string]string{"docs/dependencies.md": "## Licences\n",
		"docs/dependencies.zh.md": "## 许可证\n"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		_, part, _ := strings.Cut(string(text), heading)
		part, _, _ = strings.Cut(part, "\n## ")
		listed := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(part, -1) {
			listed[m[1]] = m[2]
		}
		for _, path := range slices.Sorted(maps.Keys(linked)) {
			if listed[path] != linked[path] {
				t.Errorf("%s: %s is linked, and its licence is %s; the table says %q:\n| `%[2]s` | %[3]s |", page, path,
					linked[path], listed[path])
			}
		}
		for path := range listed {
			if linked[path] == "" {
				t.Errorf("%s: %s is not linked any more", page, path)
			}
		}
	}
}

// licence returns the SPDX name of the licence in the folder of a module; a person has to look at one that is unknown.
func licence(t *testing.T, dir string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "LICEN[SC]E*"))
	if len(files) != 1 {
		t.Errorf("%s has %d files with a licence", dir, len(files))
		return "?"
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	var found []string
	for _, of := range []struct{ name, says string }{
		{"Apache-2.0", "Apache License Version 2.0"},
		{"Apache-2.0", "Licensed under the Apache License, Version 2.0"},
		{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
		{"BSD-3-Clause",
			"endorse or promote products derived from this software without specific prior written permission"},
		{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"GPL", "GNU GENERAL PUBLIC LICENSE Version"}, // nothing of it may be linked
		{"LGPL", "GNU LESSER GENERAL PUBLIC LICENSE Version"},
	} {
		if !strings.Contains(text, of.says) || slices.Contains(found, of.name) {
			continue
		}
		if of.name == "BSD-3-Clause" { // it begins as the other one
			found = slices.DeleteFunc(found, func(name string) bool { return name == "BSD-2-Clause" })
		}
		found = append(found, of.name)
	}
	if len(found) == 0 {
		t.Errorf("%s is under a licence that is new here: read it", files[0])
		return "?"
	}
	return strings.Join(found, " AND ")
}
