package main

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// programs makes each program twice, and publishes it when both are the same to the byte. The second one is made from
// the other copy of the source and without the compiler's cache; the dry run does so for one architecture, from the
// cache, where only the linker works twice.
func (r *release) programs() error {
	for i, arch := range architectures {
		first, err := r.build(0, arch, "")
		if err != nil {
			return err
		}
		if !r.dry || i == 0 {
			cache := ""
			if !r.dry {
				cache = filepath.Join(r.work, "cache")
			}
			second, err := r.build(1, arch, cache)
			if err != nil {
				return err
			}
			if err := same(first, second); err != nil {
				return err
			}
		}
		if err := static(first, arch); err != nil {
			return err
		}
		data, err := os.ReadFile(first)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.path(program(arch)), data, 0o755); err != nil {
			return err
		}
	}
	return r.identity(command("", r.path(program(architectures[0])), "version", "--output", "json"), architectures[0])
}

// build makes a program as `make build` does.
func (r *release) build(copy int, arch, cache string) (string, error) {
	source := r.sources[copy]
	bin := filepath.Join(source, "bin", arch)
	c := command(source, "make", "binary", "BIN="+bin, "GOARCH="+arch, "VERSION="+r.version,
		"COMMIT="+r.commit, "DATE="+r.date.UTC().Format(time.RFC3339))
	c.Env = append(c.Env, "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0")
	if cache != "" {
		c.Env = append(c.Env, "GOCACHE="+cache)
	}
	return filepath.Join(bin, "omsinit"), finish(c)
}

// same reports where two files differ.
func same(a, b string) error {
	x, errA := os.ReadFile(a)
	y, errB := os.ReadFile(b)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if bytes.Equal(x, y) {
		return nil
	}
	at := 0
	for at < min(len(x), len(y)) && x[at] == y[at] {
		at++
	}
	return fmt.Errorf("two builds of one source differ, from byte %d on: %s (%d bytes, %x) and %s (%d bytes, %x)",
		at, a, len(x), sha256.Sum256(x), b, len(y), sha256.Sum256(y))
}

// static refuses a program that needs a loader or a library, or that is for another processor.
func static(file, arch string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		return fmt.Errorf("%s is a program for %s, not %s", file, f.Machine, want)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("%s is not static: it has a segment %s", file, p.Type)
		}
	}
	return nil
}

// identity refuses a program that does not say what it is.
func (r *release) identity(version interface{ Output() ([]byte, error) }, arch string) error {
	out, err := version.Output()
	if err != nil {
		return fmt.Errorf("omsinit version: %w", err)
	}
	var is, want struct{ Omsinit, Commit, Date, Platform string }
	if err := json.Unmarshal(out, &is); err != nil {
		return fmt.Errorf("omsinit version: %w in %s", err, out)
	}
	want.Omsinit, want.Commit, want.Date, want.Platform = r.version, r.commit, r.date.UTC().Format(time.RFC3339),
		"linux/"+arch
	if is != want {
		return fmt.Errorf("omsinit version says %+v, not %+v", is, want)
	}
	return nil
}
