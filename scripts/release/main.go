// Command release makes everything that is published of one version, from the commit that its tag names, and looks at
// it as those who download it will: `make release VERSION=v1.2.3`, or `make release-check` for a dry run that needs no
// tag.
//
//	omsinit-linux-amd64, omsinit-linux-arm64      the program, static; each is made twice, from two copies of the source
//	omsinit_1.2.3_amd64.deb, …_arm64.deb          the program, and all that makes an image with it
//	omsinit-pack-4.2.3-CE.tar.gz                  the reference pack, to be edited
//	omsinit-documents.tar.gz                      manual pages, and what completes commands in bash and zsh
//	omsinit.cdx.json                              what the program is made of, with licences (CycloneDX)
//	omsinit-licenses.txt                          the licences of all that is linked into it, as they stand
//	omsinit-reference-image.tar.gz                the reference image, for docker load
//	CHANGES.md                                    what is new, from CHANGELOG.md
//	SHA256SUMS, SHA256SUMS.minisig, minisign.pub  digests of the files above, their signature, the key to verify it with
//
// OMSINIT_RELEASE_KEY is the text of a minisign secret key, OMSINIT_RELEASE_PASSWORD its password if it has one.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// architectures are those that a release has; the first is the one that the dry run makes twice.
var architectures = []string{"amd64", "arm64"}

// release is one run.
type release struct {
	version string
	commit  string
	date    time.Time // of the commit: nothing in a release depends on when it was made
	repo    string
	out     string   // where the files go
	work    string   // a folder for everything else, removed at the end
	sources []string // two copies of the repository
	share   string   // what goes to /usr/share
	dry     bool
}

func main() {
	var r release
	var key signingKey
	flag.StringVar(&r.version, "version", "", "the `tag` to release, such as v1.2.3")
	flag.StringVar(&r.out, "out", "dist", "write into this `folder`, which must be empty or absent")
	flag.BoolVar(&r.dry, "dry-run", false,
		"take any commit as v0.0.0, make no image, build from the cache, and sign with a key for this run")
	flag.BoolVar(&key.none, "unsigned", false, "make no signature")
	flag.Parse()
	key.text, key.password = os.Getenv("OMSINIT_RELEASE_KEY"), os.Getenv("OMSINIT_RELEASE_PASSWORD")
	// Nothing that is started from here has a use for them.
	os.Unsetenv("OMSINIT_RELEASE_KEY")
	os.Unsetenv("OMSINIT_RELEASE_PASSWORD")
	if err := r.make(key); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// make makes the release.
func (r *release) make(key signingKey) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("there is no argument %q", flag.Arg(0))
	}
	if err := r.source(); err != nil {
		return err
	}
	sign, err := key.open(r.dry)
	if err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "omsinit-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := r.clone(); err != nil {
		return err
	}
	steps := []struct {
		name string
		run  func() error
	}{
		{"changes", r.changes},
		{"programs", r.programs},
		{"start arm64", r.startArm},
		{"pack", r.pack},
		{"documents", r.documents},
		{"licences", r.licences},
		{"packages", r.packages},
		{"components", r.components},
		{"image", r.image},
		{"digests", r.digests},
		{"signature", func() error { return r.signature(sign) }},
	}
	for _, s := range steps {
		start := time.Now()
		if err := s.run(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("%-12s %.1fs\n", s.name, time.Since(start).Seconds())
	}
	return r.list()
}

var tagForm = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// source finds the commit, and refuses one that is not what its tag promises.
func (r *release) source() (err error) {
	if r.repo, err = output("", "git", "rev-parse", "--show-toplevel"); err != nil {
		return err
	}
	if r.commit, err = output(r.repo, "git", "rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := output(r.repo, "git", "log", "-1", "--format=%cI")
	if err != nil {
		return err
	}
	if r.date, err = time.Parse(time.RFC3339, seconds); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if there, _ := os.ReadDir(r.out); len(there) > 0 {
		return fmt.Errorf("-out %s is not empty: remove it first", r.out)
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	if r.dry {
		r.version = "v0.0.0"
		return nil
	}
	if !tagForm.MatchString(r.version) {
		return fmt.Errorf("VERSION is a tag like v1.2.3, not %q; `git tag v1.2.3` first, or `make release-check` for a dry run", r.version)
	}
	tagged, err := output(r.repo, "git", "rev-parse", "--verify", "--quiet", "refs/tags/"+r.version+"^{commit}")
	if err != nil {
		return fmt.Errorf("there is no tag %s; a release is made from its tag: git tag %[1]s", r.version)
	}
	if tagged != r.commit {
		return fmt.Errorf("the tag %s names commit %s, and %s is checked out: git checkout %[1]s", r.version,
			tagged, r.commit)
	}
	if changes, err := output(r.repo, "git", "status", "--porcelain"); err != nil || changes != "" {
		return errors.Join(err, fmt.Errorf("what is not committed would not be in the release:\n%s", changes))
	}
	return nil
}

// changes publishes the section of CHANGELOG.md that is about this version; of a dry run, the first one.
func (r *release) changes() error {
	changelog, err := os.ReadFile(filepath.Join(r.sources[0], "CHANGELOG.md"))
	if err != nil {
		return err
	}
	number := strings.TrimPrefix(r.version, "v")
	heading := `^## ` + regexp.QuoteMeta(number) + ` - \d{4}-\d{2}-\d{2}$`
	if r.dry {
		heading = `^## .+$`
	}
	found := regexp.MustCompile(`(?m)` + heading).FindIndex(changelog)
	if found == nil {
		return fmt.Errorf("CHANGELOG.md has no section %q", "## "+number+" - YYYY-MM-DD")
	}
	section := changelog[found[0]:]
	if next := bytes.Index(section, []byte("\n## ")); next >= 0 {
		section = section[:next+1]
	}
	return os.WriteFile(r.path("CHANGES.md"), section, 0o644)
}

// clone makes two copies of the source in folders of different names, so that only what is committed is built, and a
// path that gets into a program is seen.
func (r *release) clone() error {
	for _, name := range []string{"source", "another-place/of-the-source"} {
		dir := filepath.Join(r.work, name)
		if err := run("", "git", "clone", "--quiet", "--no-checkout", r.repo, dir); err != nil {
			return err
		}
		if err := run(dir, "git", "checkout", "--quiet", "--detach", r.commit); err != nil {
			return err
		}
		r.sources = append(r.sources, dir)
	}
	return nil
}

// program returns the name of a program in the release.
func program(arch string) string { return "omsinit-linux-" + arch }

// deb returns the version in Debian's form: there a tilde sorts before the end, as a hyphen does in a tag.
func (r *release) deb() string {
	return strings.Replace(strings.TrimPrefix(r.version, "v"), "-", "~", 1)
}

// path returns where a file of the release is.
func (r *release) path(name string) string { return filepath.Join(r.out, name) }

// list shows what was made.
func (r *release) list() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	fmt.Printf("%s of %s, %s, in %s:\n", r.version, r.commit, r.date.UTC().Format(time.RFC3339), r.out)
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			return err
		}
		fmt.Printf("  %10d  %s\n", info.Size(), f.Name())
	}
	return nil
}

// command is a program that is run in a folder. What it says is in the error only: a release prints what it made. The
// variables of a make above do not reach a make below.
func command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	for _, v := range os.Environ() {
		if key, _, _ := strings.Cut(v, "="); key != "MAKEFLAGS" && key != "MAKEOVERRIDES" && key != "MFLAGS" &&
			key != "MAKELEVEL" {
			c.Env = append(c.Env, v)
		}
	}
	return c
}

func run(dir, name string, args ...string) error { return finish(command(dir, name, args...)) }

func finish(c *exec.Cmd) error {
	said, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, said)
	}
	return nil
}

func output(dir, name string, args ...string) (string, error) {
	c := command(dir, name, args...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, said.String())
	}
	return strings.TrimSpace(string(out)), nil
}
