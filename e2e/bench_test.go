package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

// BenchmarkStart compares the start of omsinit with that of an empty Go
// program: x-empty is the ratio, the goal of check-offline is 4.
func BenchmarkStart(b *testing.B) {
	empty := buildEmpty(b)
	sample := filepath.Join("..", "testdata", "config", "obd.yaml")
	for name, args := range map[string][]string{"version": {"version"},
		"check-offline": {"check", "--offline", sample}} {
		b.Run(name, func(b *testing.B) {
			var floor, ours time.Duration
			for b.Loop() {
				// By turns, so that a noisy moment meets both.
				floor += timed(b, exec.Command(empty))
				ours += timed(b, exec.Command(omsinit, args...))
			}
			b.ReportMetric(float64(ours)/float64(floor), "x-empty")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func timed(b *testing.B, cmd *exec.Cmd) time.Duration {
	cmd.Stdout = io.Discard
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %v", cmd.Args, err)
	}
	return time.Since(start)
}

// BenchmarkFirstBoot is a complete initialisation, from the start of PID 1 to the ready line, with stand-ins that are
// ready at once. The goal is 0.5 s. By turns with it all programs of the initialised node are restarted: x-programs is
// how many times longer the first boot takes than that. The host keys of sshd are there: an RSA key takes up to a
// second.
func BenchmarkFirstBoot(b *testing.B) {
	db := testmaria.Start(b)
	dir, keys := b.TempDir(), map[string]string{}
	for _, kind := range []string{"rsa", "ecdsa", "ed25519"} {
		name := "ssh_host_" + kind + "_key"
		file := filepath.Join(dir, name)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		key, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		keys["/etc/ssh/"+name] = string(key)
	}
	var ours, programs time.Duration
	rounds := 0
	for b.Loop() {
		rounds++
		n := newNode(b, db)
		for file, key := range keys {
			n.writeFile(file, key)
		}
		for _, name := range []string{"oms_rm", "oms_cm", "oms_cm_hb"} {
			db.Exec(fmt.Sprintf("DROP DATABASE IF EXISTS %s", name))
		}
		began := time.Now()
		r := n.boot()
		r.waitReady()
		ours += time.Since(began)
		began = time.Now()
		if out, errOut, status := n.omsinit("restart", "all"); status != 0 {
			b.Fatalf("status %d\n%s%s", status, out, errOut)
		}
		programs += time.Since(began)
		r.stop()
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(rounds), "ms")
	b.ReportMetric(float64(ours)/float64(programs), "x-programs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSize is the size of the binary beside that of an empty Go program. The goal is 15 MiB.
func BenchmarkSize(b *testing.B) {
	size := func(file string) float64 {
		info, err := os.Stat(file)
		if err != nil {
			b.Fatal(err)
		}
		return float64(info.Size())
	}
	empty := buildEmpty(b)
	for b.Loop() {
		b.ReportMetric(size(omsinit)/(1<<20), "MiB")
		b.ReportMetric(size(omsinit)/size(empty), "x-empty")
	}
	b.ReportMetric(0, "ns/op")
}

// buildEmpty builds a Go program that does nothing.
func buildEmpty(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	source, empty := filepath.Join(dir, "empty.go"), filepath.Join(dir, "empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", empty, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return empty
}

// BenchmarkSecondInit is an initialisation of a finished node. The goal is 1 s.
func BenchmarkSecondInit(b *testing.B) {
	n := newNode(b, testmaria.Start(b))
	n.boot().waitReady()
	for b.Loop() {
		if out, errOut, status := n.omsinit("init"); status != 0 {
			b.Fatalf("status %d\n%s%s", status, out, errOut)
		}
	}
}
