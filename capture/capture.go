// Package capture learns a release of OMS from a running installation: it turns
// what the old scripts made from config.yaml into a pack, and proves that the
// pack makes the same again, to the byte.
//
// The installation and its MetaDB are only read. Nothing is written but the
// folder of the pack, and nothing in it is a secret.
package capture

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"slices"
	"strconv"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Options are what a person asks of a capture.
type Options struct {
	// Release is the OMS version, 4.2.3-CE; empty means the one that the MetaDB has recorded.
	Release string
	// Files are further files and folders, as paths of the container.
	Files []string
	// Keep are keys of files, as PATH:KEY, whose names sound like a secret but whose values are none.
	Keep []string
	// Rows are tables, as TABLE or rm.TABLE, whose rows are taken beside those that are taken for settings.
	Rows []string
	// Since is the folder of the previous release's pack; the schema then holds what this release adds to it.
	Since string
	// Out is the folder of the pack. It must be new or empty, unless Force.
	Out   string
	Force bool
}

// Job is one capture with everything it touches.
type Job struct {
	Options
	From *source.Installation
	// Second is an installation of the same release with another configuration;
	// nil when there is none.
	Second *source.Installation

	Programs source.Programs
	// Calls are what the CM was sent; nil when nothing was recorded.
	Calls []source.Exchange
	// SecondCalls are those of the second installation.
	SecondCalls []source.Exchange
	// DB returns the MetaDB; nil leaves the schema out.
	DB *sql.DB
	// SecondDB returns the MetaDB of the second installation; nil when it cannot
	// be asked.
	SecondDB *sql.DB
	// Check reads a file in its own syntax.
	Check func(pack.Format, []byte) error
	// Scratch creates the three databases of a pack, under the names in the
	// configuration, for comparing them.
	Scratch func(context.Context, *config.Config, *pack.Pack) error
	Log     func(msg.Message)

	report *Report
	words  *match.Vocabulary
	// lossy are tables, as rm.TABLE, that the upgrade file does not change as the
	// installation has them, because that may lose data.
	lossy []string
}

// Run captures. The report says what was found, also when the error says that
// nothing was written.
func (j *Job) Run(ctx context.Context) (*Report, error) {
	j.report = &Report{Version: 1, Findings: []Finding{}, Files: []FileReport{}, Differences: []Difference{}}
	if err := j.usable(); err != nil {
		return j.report, err
	}
	old, err := j.since()
	if err != nil {
		return j.report, err
	}
	if err := j.findRelease(ctx); err != nil {
		return j.report, err
	}
	files, err := j.find()
	if err != nil {
		return j.report, err
	}
	j.From.Moved = mentions(files, j.From, false)
	if j.Second != nil {
		j.Second.Moved = mentions(files, j.Second, true)
	}
	j.words = match.NewVocabulary(j.From, j.Second, j.Release)
	files = j.Explain(files)
	tree := tree{}
	for _, f := range files {
		tree[f.Template()] = f.Explained.Template()
	}
	if err := j.look(ctx, old); err != nil {
		return j.report, err
	}
	if err := j.schema(ctx, tree, old); err != nil {
		return j.report, err
	}
	calls := j.calls()
	if err := j.manifest(tree, files, calls); err != nil {
		return j.report, err
	}
	j.checkSecrets(tree)
	if j.report.count("secret") > 0 {
		return j.report, &SecretError{j.report.secrets()}
	}
	return j.report, j.write(ctx, tree)
}

func (j *Job) usable() error {
	entries, err := os.ReadDir(j.Out)
	switch {
	case os.IsNotExist(err), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return msg.Errorf("cannot write the pack to %s: %w", j.Out, err)
	case j.Force && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "pack.yaml" }):
		return msg.Errorf("%s is no pack (it has no pack.yaml), and --force replaces nothing else; name another folder", j.Out)
	case j.Force:
		return nil
	}
	return msg.Errorf("%s is not empty, and what is in it is not overwritten; name a new folder, or give --force", j.Out)
}

// mentions reports whether the files speak of the folder that the installation
// is in.
func mentions(files []*match.File, i *source.Installation, second bool) bool {
	root := i.Tree.Root()
	return root != "" && slices.ContainsFunc(files, func(f *match.File) bool {
		data := f.Data
		if second {
			data = f.Second
		}
		return bytes.Contains(data, []byte(root+"/"))
	})
}

// Explain turns the files into templates, and leaves out those that hold
// nothing from config.yaml and were not asked for.
func (j *Job) Explain(files []*match.File) []*match.File {
	var out []*match.File
	for _, f := range files {
		if !f.Known && !j.mayBeGenerated(f) {
			continue
		}
		f.Explained = j.words.ExplainFile(f)
		if !f.Known && !f.FromConfig() {
			continue
		}
		j.place(f)
		j.fileFindings(f)
		out = append(out, f)
	}
	return out
}

// mayBeGenerated looks at a file quickly: one that holds no unusual value of the
// configuration, and is the same in the second installation, is left out.
func (j *Job) mayBeGenerated(f *match.File) bool {
	if f.Format == pack.SSHD || f.Second != nil && !bytes.Equal(f.Data, f.Second) {
		return true
	}
	for _, spelling := range pack.Spellings(f.Format) {
		for _, v := range j.words.Known(f.Format, spelling) {
			if _, err := strconv.Atoi(v.A); err != nil && (len(v.A) >= 6 || v.Secret && v.A != "") &&
				!match.Usual(v.A) && bytes.Contains(f.Data, []byte(v.A)) {
				return true
			}
		}
	}
	return false
}

func (j *Job) log(m msg.Message) {
	if j.Log != nil {
		j.Log(m)
	}
}

func (j *Job) note(f Finding) { j.report.Findings = append(j.report.Findings, f) }
