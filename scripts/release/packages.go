package main

import (
	"archive/tar"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// pack publishes the reference pack as the program itself writes it.
func (r *release) pack() error {
	bin := r.path(program(architectures[0]))
	out, err := output("", bin, "version", "--output", "json")
	if err != nil {
		return err
	}
	var version struct{ Release string }
	if err := json.Unmarshal([]byte(out), &version); err != nil {
		return err
	}
	name := "omsinit-pack-" + version.Release
	dir := filepath.Join(r.work, name)
	if err := run("", bin, "pack", "export", dir); err != nil {
		return err
	}
	if err := run("", bin, "pack", "lint", dir); err != nil {
		return err
	}
	return archive(r.path(name+".tar.gz"), dir, name, r.date)
}

// documents makes the manual pages in both languages and what completes commands in bash and zsh, in the folders where
// Debian has them. The program writes them itself.
func (r *release) documents() error {
	dir := filepath.Join(r.work, "omsinit-documents")
	for file, args := range map[string][]string{
		"man/man1/omsinit.1":                  {"help", "--man", "--lang", "en"},
		"man/zh_CN/man1/omsinit.1":            {"help", "--man", "--lang", "zh"},
		"bash-completion/completions/omsinit": {"completion", "bash"},
		"zsh/vendor-completions/_omsinit":     {"completion", "zsh"},
	} {
		text, err := output("", r.path(program(architectures[0])), args...)
		if err != nil {
			return err
		}
		if text == "" {
			return fmt.Errorf("omsinit %s prints nothing", strings.Join(args, " "))
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o644); err != nil {
			return err
		}
	}
	r.share = dir
	return archive(r.path("omsinit-documents.tar.gz"), dir, "omsinit-documents", r.date)
}

// archive writes a folder as a tarball that depends on names, contents and modes only.
func archive(file, dir, prefix string, date time.Time) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	t := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: path.Join(prefix, below), ModTime: date, Mode: 0o644, Typeflag: tar.TypeReg}
		if d.IsDir() {
			h.Name, h.Mode, h.Typeflag = h.Name+"/", 0o755, tar.TypeDir
			return t.WriteHeader(h)
		}
		data, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		h.Size = int64(len(data))
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err = t.Write(data)
		return err
	})
	for _, end := range []func() error{t.Close, z.Close, f.Close} {
		if e := end(); err == nil {
			err = e
		}
	}
	return err
}

// packages makes the Debian packages. What makes an image is one folder, a context for docker build:
//
//	docker build --build-arg OMS_IMAGE=<OMS image> -t <name> /usr/lib/omsinit/image
func (r *release) packages() error {
	for _, arch := range architectures {
		dir := filepath.Join(r.work, "deb-"+arch)
		image := filepath.Join(dir, "usr/lib/omsinit/image")
		for from, to := range map[string]string{
			r.path(program(arch)):                         filepath.Join(image, "bin/omsinit"),
			filepath.Join(r.sources[0], "Dockerfile"):     filepath.Join(image, "Dockerfile"),
			filepath.Join(r.sources[0], ".dockerignore"):  filepath.Join(image, ".dockerignore"),
			filepath.Join(r.sources[0], "LICENSE"):        filepath.Join(dir, "usr/share/doc/omsinit/copyright"),
			r.path(licencesName):                          filepath.Join(dir, "usr/share/doc/omsinit", licencesName),
			filepath.Join(r.sources[0], "CHANGELOG.md"):   filepath.Join(dir, "usr/share/doc/omsinit/CHANGELOG.md"),
			filepath.Join(r.sources[0], "docs/image.md"):  filepath.Join(dir, "usr/share/doc/omsinit/image.md"),
			filepath.Join(r.sources[0], "scripts/image/"): filepath.Join(image, "scripts/image"),
			r.share: filepath.Join(dir, "usr/share"),
		} {
			if err := place(from, to); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, "usr/bin"), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("../lib/omsinit/image/bin/omsinit", filepath.Join(dir, "usr/bin/omsinit")); err != nil {
			return err
		}
		control := fmt.Sprintf(`Package: omsinit
Version: %s
Architecture: %s
Maintainer: omsinit
Section: database
Priority: optional
Description: init, upgrader and operator's command for the OMS container
 Makes config.yaml and the commands that start OMS on each host, and in
 /usr/lib/omsinit/image what puts omsinit into an image of the OceanBase
 Migration Service.
`, r.deb(), arch)
		if err := os.MkdirAll(filepath.Join(dir, "DEBIAN"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "DEBIAN/control"), []byte(control), 0o644); err != nil {
			return err
		}
		name := fmt.Sprintf("omsinit_%s_%s.deb", r.deb(), arch)
		again := filepath.Join(r.work, name)
		for _, file := range []string{r.path(name), again} {
			c := command("", "dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", dir, file)
			if r.dry {
				c.Args[2] = "-Zgzip" // faster
			}
			c.Env = append(c.Env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()))
			if err := finish(c); err != nil {
				return err
			}
			if r.dry && arch != architectures[0] {
				break
			}
		}
		if _, err := os.Stat(again); err == nil {
			if err := same(r.path(name), again); err != nil {
				return err
			}
		}
	}
	return r.unpack()
}

// place copies a file, or a folder without its tests, with modes that no umask changes.
func place(from, to string) error {
	return filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(at, "_test.go") {
			return err
		}
		below, err := filepath.Rel(from, at)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		target, mode := filepath.Join(to, below), fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, mode)
	})
}

// unpack unpacks the package for this processor, and starts the program that is in it by its name in the path.
func (r *release) unpack() error {
	arch := architectures[0]
	dir := filepath.Join(r.work, "unpacked")
	if err := run("", "dpkg-deb", "--extract", r.path(fmt.Sprintf("omsinit_%s_%s.deb", r.deb(), arch)),
		dir); err != nil {
		return err
	}
	if err := r.identity(command("", filepath.Join(dir, "usr/bin/omsinit"), "version", "--output", "json"),
		arch); err != nil {
		return err
	}
	for _, name := range []string{"lib/omsinit/image/Dockerfile", "lib/omsinit/image/scripts/image/docker_init.sh",
		"lib/omsinit/image/scripts/image/names/install.sh", "share/man/man1/omsinit.1"} {
		if _, err := os.Stat(filepath.Join(dir, "usr", name)); err != nil {
			return err
		}
	}
	return nil
}

// components lists the modules that the program is made of, with the licences that are found in them. A module in a
// program that is not in the list is an error.
func (r *release) components() error {
	file := r.path("omsinit.cdx.json")
	c := command(filepath.Join(r.repo, "scripts/release"), "go", "tool", "cyclonedx-gomod", "app", "-json", "-std",
		"-licenses",
		"-noserial", "-notimestamp", "-output", file, r.sources[0])
	tags, err := buildTags(r.path(program(architectures[0])))
	if err != nil {
		return err
	}
	c.Env = append(c.Env, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architectures[0], "GOFLAGS=-trimpath -tags="+tags)
	if err := finish(c); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var bom struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(data, &bom); err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, c := range bom.Components {
		listed[c.Name+"@"+c.Version] = true
	}
	for _, arch := range architectures {
		info, err := buildinfo.ReadFile(r.path(program(arch)))
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			if !listed[m.Path+"@"+m.Version] {
				return fmt.Errorf("%s has module %s %s, which %s does not list", program(arch), m.Path, m.Version, file)
			}
		}
	}
	return nil
}

// buildTags returns the tags that a program was built with.
func buildTags(file string) (string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", err
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value, nil
		}
	}
	return "", nil
}
