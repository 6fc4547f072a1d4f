package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	emulator = "qemu-aarch64"
	// How the kernel knows a program for arm64, as qemu's own scripts have it.
	binfmt = `:omsinit-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:` +
		`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:`
	binfmts = "/proc/sys/fs/binfmt_misc"
)

// sample is a config.yaml that is right.
const sample = `oms_meta_host: 10.0.0.1
oms_meta_port: 2883
oms_meta_user: root@oms
oms_meta_password: "a password"
drc_rm_db: oms_rm
drc_cm_db: oms_cm
drc_cm_heartbeat_db: oms_cm_heartbeat
cm_url: http://10.0.0.2:8088
cm_location: 100
cm_region: cn-hangzhou
cm_is_default: true
cm_nodes: [10.0.0.2]
`

// startArm starts the program for arm64 under qemu-user: `version`, `check`, and `trial` until the node is ready. The
// trial starts itself anew for each step, so the kernel must know the emulator; where it may not be told, the trial is
// left out, and that is said. The dry run leaves it out.
func (r *release) startArm() error {
	bin := r.path(program("arm64"))
	qemu, err := exec.LookPath(emulator)
	if err != nil {
		return fmt.Errorf("%w (Debian's package qemu-user)", err)
	}
	if err := r.identity(command("", qemu, bin, "version", "--output", "json"), "arm64"); err != nil {
		return err
	}
	check := command("", qemu, bin, "check", "--offline", "-")
	check.Stdin = strings.NewReader(sample)
	if err := finish(check); err != nil {
		return err
	}
	if r.dry {
		return nil
	}
	forget, err := teach(qemu)
	if err != nil {
		fmt.Printf("the trial of arm64 is left out: the kernel does not start programs for arm64: %v\n", err)
		return nil
	}
	defer forget()
	return r.trial(bin)
}

// teach makes the kernel start programs for arm64, until the returned function is called.
func teach(qemu string) (forget func(), err error) {
	if known, _ := filepath.Glob(binfmts + "/*aarch64*"); len(known) > 0 {
		return func() {}, nil
	}
	register := filepath.Join(binfmts, "register")
	if _, err := os.Stat(register); err != nil {
		if err := syscall.Mount("binfmt_misc", binfmts, "binfmt_misc", 0, ""); err != nil {
			return nil, fmt.Errorf("mount %s: %w", binfmts, err)
		}
	}
	if err := os.WriteFile(register, []byte(binfmt+qemu+":"), 0o200); err != nil {
		return nil, err
	}
	return func() { os.WriteFile(filepath.Join(binfmts, "omsinit-aarch64"), []byte("-1"), 0o200) }, nil
}

// trial runs a whole node with its own MetaDB until it is ready. The stand-in and the MetaDB are this machine's.
func (r *release) trial(bin string) (err error) {
	standin := filepath.Join(r.work, "oms-standin")
	if err := run(r.sources[0], "go", "build", "-o", standin, "./testdata/standin"); err != nil {
		return err
	}
	root := filepath.Join(r.work, "node")
	if err := run("", standin, "install", root); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(r.work, "trial.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	node := command("", bin, "trial", "--root", root)
	node.Stdout, node.Stderr = log, log
	if err := node.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Wait() }()
	defer func() {
		node.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			node.Process.Kill()
			err = errors.Join(err, errors.New("the trial did not end a minute after SIGTERM"))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for {
		said, err := exec.CommandContext(ctx, bin, "healthcheck", "--root", root).CombinedOutput()
		if err == nil {
			return nil
		}
		select {
		case stopped := <-ended:
			ended <- stopped
		case <-ctx.Done():
		case <-time.After(time.Second):
			continue
		}
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("the trial did not become ready: %s\n%s", strings.TrimSpace(string(said)), text)
	}
}
