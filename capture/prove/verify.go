package prove

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/capture/tables"
	"omsinit/internal/atomicfile"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Proof compares what a pack makes with what an installation has, and with a second one where there is one: files to
// the byte, the schema through information_schema, and whether the programs can be read.
type Proof struct {
	From, Second *source.Installation // Second is nil when there is none
	Others       []*source.Installation
	// Check reads a file in its own syntax.
	Check func(pack.Format, []byte) error
	// Scratch makes the databases of the pack. The schema is left out where the installation's MetaDB is.
	Scratch tables.Scratch
	// Lossy are tables, as rm.TABLE, that the pack does not change on purpose.
	Lossy []string
}

// Installations are all that the pack is compared with.
func (v *Proof) Installations() []*source.Installation {
	out := []*source.Installation{v.From}
	if v.Second != nil {
		out = append(out, v.Second)
	}
	return append(out, v.Others...)
}

// Differences returns everything that the pack does not make as the installations have it.
func (v *Proof) Differences(ctx context.Context, p *pack.Pack) ([]finding.Finding, error) {
	out := []finding.Finding{}
	for _, i := range v.Installations() {
		out = append(out, v.files(p, i)...)
		found, err := leaks(p, i.Config)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			out = append(out, report.Difference("secrets", f.Place, f.Message))
		}
	}
	differences, err := v.programs(p)
	if err != nil {
		return nil, err
	}
	out = append(out, differences...)
	if v.From.DB == nil {
		return out, nil
	}
	differences, err = v.schema(ctx, p)
	if err != nil && ctx.Err() == nil {
		// An account that may create no database, a statement that the server
		// refuses: there is no proof, but what was captured is worth having.
		return append(out, report.Difference("schema", finding.Place{File: "omsinit_scratch"},
			msg.M("the schema could not be tried in scratch databases: %v", err))), nil
	}
	return append(out, differences...), err
}

// files renders each file and compares it with the one that is there.
func (v *Proof) files(p *pack.Pack, i *source.Installation) []finding.Finding {
	var out []finding.Finding
	for _, f := range p.Files {
		differs := func(line int, m msg.Message) {
			out = append(out, report.Difference("files", finding.Place{File: f.Path, Line: line}, m))
		}
		have := i.Text(f.Path)
		if have == nil {
			if i == v.From && !isOwn(f) {
				differs(0, msg.M("the pack makes it, but the installation does not have it"))
			}
			continue
		}
		made, err := p.Render(f, i.Data())
		if err != nil {
			differs(0, msg.M("%v", err))
			continue
		}
		if n := firstDifference(match.DatedLines(made, have), have); n > 0 {
			differs(n, msg.M("the pack makes another line here"))
		}
		if i != v.From {
			continue
		}
		if err := v.Check(f.Format, made); err != nil {
			differs(0, msg.M("what the pack makes is not of the format %s: %v", f.Format, err))
		}
	}
	return out
}

// isOwn reports whether a file is one that only omsinit has.
func isOwn(f pack.File) bool { return strings.HasSuffix(f.Path, "/omsinit.ini") }

// firstDifference returns the first line, from 1, in which two texts differ; 0
// when they are equal.
func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return 1 + bytes.Count(a[:n], []byte("\n"))
}

// programs reads the program files that the pack makes, in a folder of their own, as PID 1 would.
func (v *Proof) programs(p *pack.Pack) ([]finding.Finding, error) {
	if v.From.Programs.Conf == "" {
		return nil, nil
	}
	dir, err := atomicfile.TempDir("verify")
	if err != nil {
		return nil, msg.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	d := v.From.Data()
	d.Layout = layout.New(dir)
	for _, f := range p.Files {
		made, err := p.Render(f, d)
		if err != nil || f.Format != pack.INI {
			continue // files has said what is wrong
		}
		name := d.Layout.Path(f.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, made, 0o600)); err != nil {
			return nil, msg.Errorf("cannot make a temporary folder: %w", err)
		}
	}
	made, err := source.ReadPrograms(d.Layout, "OMSINIT_ROOT="+dir)
	if err == nil && len(made.List) < len(v.From.Programs.List) {
		err = msg.Errorf("the pack makes %d programs, and the installation has %d", len(made.List),
			len(v.From.Programs.List))
	}
	if err != nil {
		at := finding.Place{File: v.From.Programs.Conf}
		return []finding.Finding{report.Difference("programs", at, msg.M("%v", err))}, nil
	}
	var broken []finding.Finding
	for _, f := range made.Broken {
		broken = append(broken, report.Difference("programs", finding.Place{File: v.From.Programs.Conf}, f.Headline()))
	}
	return broken, nil
}
