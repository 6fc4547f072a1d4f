// Package capture learns a release of OMS from a running installation: it turns
// what the old scripts made from config.yaml into a pack, and proves that the
// pack makes the same again, to the byte.
//
// The installation and its MetaDB are only read. Nothing is written but the
// folder of the pack, and nothing in it is a secret.
//
// Run goes through the rooms below in this order: files finds the generated
// files of a source.Installation and explains them by the words of match, schema
// and calls do the same with the databases and the CM's calls, secrets looks at
// everything that would be written, draft writes it, and prove compares what the
// pack makes with what there is. All of them note in a report what a person
// should look at.
package capture

import (
	"bytes"
	"context"
	"maps"
	"strings"

	"omsinit/capture/calls"
	"omsinit/capture/draft"
	"omsinit/capture/files"
	"omsinit/capture/match"
	"omsinit/capture/prove"
	"omsinit/capture/report"
	"omsinit/capture/schema"
	"omsinit/capture/secrets"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Options are what a person asks of a capture.
type Options struct {
	// Release is the OMS version, 4.2.3-CE; empty means the one that the MetaDB has recorded.
	Release string
	// Files are further files and folders, as paths of the container.
	Files []string
	// Leave are files and folders, as paths of the container, that do not become part of the pack.
	Leave []string
	// Keep are keys of files, as PATH:KEY, of calls or of rows, as rm.TABLE:COLUMN, whose names sound like a secret but
	// whose values are none.
	Keep []string
	// Rows are tables, as TABLE or rm.TABLE, whose rows are taken beside those that are taken for settings.
	Rows []string
	// Register are tables, as TABLE or rm.TABLE, whose rows the old step 5 writes by itself, so that the new one must.
	Register []string
	// Diff is a file with the output of docker diff of the container; empty for none.
	Diff string
	// Since is the folder of the previous release's pack; the schema then holds what this release adds to it.
	Since string
	// Out is the folder of the pack. It must be new or empty, unless Force.
	Out   string
	Force bool
	// AllowMissingCalls leaves out calls to the CM that cannot be sent again.
	AllowMissingCalls bool
}

// Job is one capture with everything it touches.
type Job struct {
	Options
	From *source.Installation
	// Second is an installation of the same release with another configuration;
	// nil when there is none. Others are further ones.
	Second *source.Installation
	Others []*source.Installation
	// Check reads a file in its own syntax.
	Check func(pack.Format, []byte) error
	// Scratch creates the three databases of a pack, under the names in the
	// configuration, for comparing them.
	Scratch func(context.Context, *config.Config, *pack.Pack) error
	Log     func(msg.Message)
}

// Run captures. The report says what was found, also when the error says that
// nothing was written.
func (j *Job) Run(ctx context.Context) (*report.Report, error) {
	r := &report.Report{}
	if err := draft.Recover(j.Out); err != nil {
		return r, err
	}
	if err := draft.Usable(j.Out, j.Force); err != nil {
		return r, err
	}
	old, err := schema.OpenPrevious(j.Since)
	if err != nil {
		return r, err
	}
	if r.Release, err = j.release(ctx); err != nil {
		return r, err
	}
	if old != nil && j.From.DB == nil {
		return r, msg.Errorf("what is new since the previous release (--since) is found out on the MetaDB of the installation, which does not answer here")
	}
	search := files.Search{From: j.From, Second: j.Second, Files: j.Files, Leave: j.Leave, Check: j.Check, Report: r}
	if search.Diff, err = readDiff(ctx, j.Diff); err != nil {
		return r, err
	}
	found, err := search.Find(ctx)
	if err != nil {
		return r, err
	}
	for _, i := range j.From.Programs.Ignored {
		r.Note("programs", finding.Place{File: i.Place.File, Line: i.Place.Line}, msg.M("%s: %v", i.Place.Key, i.Why))
	}
	words := match.NewVocabulary(j.From, j.Second, r.Release)
	guard := &secrets.Guard{From: j.From, Second: j.Second, Others: j.Others, Report: r, Keep: j.Keep}
	explainer := files.Explainer{Words: words, Report: r, Secrets: guard}
	for _, other := range j.Others {
		other.SeesMoved(j.texts(other, found)...)
		explainer.Others = append(explainer.Others, match.NewVocabulary(j.From, other, r.Release))
	}
	found = explainer.Explain(found)
	tree := draft.Tree{}
	for _, f := range found {
		tree[f.Template()] = f.Explained.Template()
	}
	databases := schema.Reader{Words: words, Others: explainer.Others, Report: r, Rows: j.Rows, Register: j.Register,
		Secrets: guard, Scratch: j.scratch()}
	statements, err := databases.Files(ctx, old)
	if err != nil {
		return r, err
	}
	maps.Copy(tree, statements)
	requests := calls.Reader{Words: words, Report: r, Secrets: guard}
	parts := draft.Parts{From: j.From, Release: r.Release, Files: found, Calls: requests.Calls(), Report: r,
		Rows: databases.Registered, Folders: search.Folders, Made: search.Made}
	if err := r.MissingCalls(); err != nil && !j.AllowMissingCalls {
		return r, err
	}
	if err := tree.Manifest(parts); err != nil {
		return r, err
	}
	guard.Tree(tree)
	if err := r.Refused(); err != nil {
		return r, err
	}
	return r, j.write(ctx, tree, r, databases.Lossy)
}

// readDiff reads a file with the output of docker diff.
func readDiff(ctx context.Context, name string) ([]source.Change, error) {
	if name == "" {
		return nil, nil
	}
	f, err := source.OpenInput(ctx, name)
	if err != nil {
		return nil, msg.Errorf("cannot read the output of docker diff (--diff): %w", err)
	}
	defer f.Close()
	out, err := source.ReadDiff(f)
	if err != nil {
		return nil, msg.Errorf("cannot read the output of docker diff in %s: %w", name, err)
	}
	return out, nil
}

// texts are the files of an installation.
func (j *Job) texts(i *source.Installation, found []*match.File) (out [][]byte) {
	for _, f := range found {
		out = append(out, i.Text(f.Path))
	}
	return out
}

// release returns the release that was given, or else the one that the MetaDB has recorded.
func (j *Job) release(ctx context.Context) (string, error) {
	release := j.Release
	if t := j.From.Tables(); release == "" && t != nil {
		release = t.Release(ctx)
	}
	if release == "" {
		return "", msg.Errorf("it is not known which release this is: the table oms_version does not say; give it with --release, such as --release 4.2.7-CE")
	}
	if strings.ContainsAny(release, " \t\n'\"\\/") {
		return "", msg.Errorf("the release %q is no version such as 4.2.7-CE; give it with --release", release)
	}
	return release, nil
}

// reportName is the report within the pack, for whoever gets the pack later.
const reportName = "CAPTURE.md"

// write puts the pack beside its place, proves it there, and puts it into its
// place. One that does not prove itself is kept, for looking at, and the report
// says so.
func (j *Job) write(ctx context.Context, tree draft.Tree, r *report.Report, lossy []string) error {
	staged, err := tree.Stage(j.Out)
	if err != nil {
		return err
	}
	defer staged.Discard()
	p, err := pack.Open(staged.Dir)
	if err != nil {
		return msg.Errorf("the captured pack cannot be used: %w", err)
	}
	if j.From.DB == nil && j.From.Tables() != nil {
		r.Note("schema", finding.Place{File: "schema"}, msg.M("the schema was not tried in scratch databases, because the MetaDB does not answer here; pack verify in the container tries it"))
	}
	if r.Differences, err = j.proof(lossy).Differences(ctx, p); err != nil {
		return err
	}
	r.Verified = len(r.Differences) == 0
	var b bytes.Buffer
	b.WriteString("# How this pack was captured\n\n```\n")
	if err := r.Print(&b, msg.English); err != nil {
		return err
	}
	b.WriteString("```\n")
	if err := staged.Add(reportName, b.Bytes()); err != nil {
		return err
	}
	if err := staged.Commit(j.Force); err != nil {
		return err
	}
	r.Out = staged.Out
	return nil
}

// Verify compares what a pack makes with what the installation has; synthetic also looks at what it makes for
// configurations that no installation has.
func (j *Job) Verify(ctx context.Context, p *pack.Pack, synthetic bool) ([]finding.Finding, error) {
	for _, i := range j.Installations() {
		var contents [][]byte
		for _, f := range p.Files {
			contents = append(contents, i.Text(f.Path))
		}
		i.SeesMoved(contents...)
	}
	proof := j.proof(nil)
	out, err := proof.Differences(ctx, p)
	if err != nil || !synthetic {
		return out, err
	}
	more, err := proof.Synthetic(p)
	return append(out, more...), err
}

// Installations are all that are looked at.
func (j *Job) Installations() []*source.Installation { return j.proof(nil).Installations() }

func (j *Job) proof(lossy []string) *prove.Proof {
	return &prove.Proof{From: j.From, Second: j.Second, Others: j.Others,
		Check: j.Check, Scratch: j.scratch(), Lossy: lossy}
}

func (j *Job) scratch() tables.Scratch {
	log := j.Log
	if log == nil {
		log = func(msg.Message) {}
	}
	return tables.Scratch{DB: j.From.DB, Config: j.From.Config, Create: j.Scratch, Log: log}
}
