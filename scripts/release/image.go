package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const imageFile = "omsinit-reference-image.tar.gz"

// image publishes the reference image: Debian, the stand-in for the closed components, and this program. It is made
// here with debootstrap, and is not the same to the byte the next time. The package is installed in it.
func (r *release) image() error {
	if r.dry {
		return nil
	}
	name := "omsinit/reference:" + strings.TrimPrefix(r.version, "v")
	if err := run(r.sources[0], "make", "image", "IMAGE="+name, "VERSION="+r.version,
		"COMMIT="+r.commit, "DATE="+r.date.UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	if err := r.identity(command("", "docker", "run", "--rm", name, "omsinit", "version", "--output", "json"),
		architectures[0]); err != nil {
		return err
	}
	f, err := os.Create(r.path(imageFile))
	if err != nil {
		return err
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	save := exec.Command("docker", "save", name)
	var said strings.Builder
	save.Stdout, save.Stderr = z, &said
	if err := save.Run(); err != nil {
		return fmt.Errorf("docker save %s: %w\n%s", name, err, said.String())
	}
	for _, c := range []io.Closer{z, f} {
		if err := c.Close(); err != nil {
			return err
		}
	}
	if err := r.install(name); err != nil {
		return err
	}
	return r.boot(name)
}

// install installs the Debian package in a container, starts the program, and removes the package again. The file is
// copied there: the engine may be that of another machine.
func (r *release) install(image string) error {
	const file = "/tmp/omsinit.deb"
	container, err := output("", "docker", "create", "--entrypoint", "sh", image, "-exc", "dpkg --install "+file+
		"; /usr/bin/omsinit version; dpkg --remove omsinit; test ! -e /usr/bin/omsinit; test ! -e /usr/lib/omsinit")
	if err != nil {
		return err
	}
	defer run("", "docker", "rm", "--force", container)
	deb := r.path(fmt.Sprintf("omsinit_%s_%s.deb", r.deb(), architectures[0]))
	if err := run("", "docker", "cp", deb, container+":"+file); err != nil {
		return err
	}
	return run("", "docker", "start", "--attach", container)
}

// boot loads the image from its file, as those who download it do, and runs a node of it until it is ready.
func (r *release) boot(image string) error {
	if err := run("", "docker", "rmi", image); err != nil {
		return err
	}
	if err := run("", "docker", "load", "--quiet", "--input", r.path(imageFile)); err != nil {
		return err
	}
	container, err := output("", "docker", "run", "--detach", image, "omsinit", "trial")
	if err != nil {
		return err
	}
	defer run("", "docker", "rm", "--force", "--volumes", container)
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Second) {
		err := run("", "docker", "exec", container, "omsinit", "healthcheck")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := output("", "docker", "logs", "--tail", "40", container)
			return fmt.Errorf("the image of %s did not become ready: %w\n%s", r.path(imageFile), err, log)
		}
	}
}
