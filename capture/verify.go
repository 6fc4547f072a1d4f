package capture

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/program"
)

// Difference is one way in which a pack does not make what the installation
// has. It never holds a secret.
type Difference struct {
	// Part is files, programs or schema.
	Part string `json:"part"`
	// Name is a file, or database.table.
	Name string      `json:"name"`
	Line int         `json:"line,omitempty"`
	Text msg.Message `json:"text"`
}

// Verify compares what a pack makes with what the installation has: files to
// the byte, the schema through information_schema, and whether the programs can
// be read.
func (j *Job) Verify(ctx context.Context, p *pack.Pack) ([]Difference, error) {
	j.report = &Report{Version: 1}
	j.Release = p.Release
	for _, i := range []*source.Installation{j.From, j.Second} {
		if i == nil {
			continue
		}
		var files []*match.File
		for _, f := range p.Files {
			if data := i.Text(f.Path); data != nil {
				files = append(files, &match.File{Path: f.Path, Data: data})
			}
		}
		i.Moved = mentions(files, i, false)
	}
	return j.verify(ctx, p)
}

func (j *Job) verify(ctx context.Context, p *pack.Pack) ([]Difference, error) {
	out := []Difference{}
	for _, i := range []*source.Installation{j.From, j.Second} {
		if i == nil {
			continue
		}
		differences, err := j.verifyFiles(p, i)
		if err != nil {
			return nil, err
		}
		out = append(out, differences...)
	}
	differences, err := j.verifyPrograms(p)
	if err != nil {
		return nil, err
	}
	out = append(out, differences...)
	if j.DB == nil {
		return out, nil
	}
	differences, err = j.verifySchema(ctx, p)
	if err != nil && ctx.Err() == nil {
		// An account that may create no database, a statement that the server
		// refuses: there is no proof, but what was captured is worth having.
		return append(out, Difference{Part: "schema", Name: "omsinit_scratch", Text: msg.M("the schema could not be tried in scratch databases: %v", err)}), nil
	}
	return append(out, differences...), err
}

// verifyFiles renders each file and compares it with the one that is there.
func (j *Job) verifyFiles(p *pack.Pack, i *source.Installation) ([]Difference, error) {
	var out []Difference
	for _, f := range p.Files {
		where := i.Tree.Path(f.Path)
		have := i.Text(f.Path)
		if have == nil {
			if i == j.From && !isOwn(f) {
				out = append(out, Difference{Part: "files", Name: where, Text: msg.M("the pack makes it, but the installation does not have it")})
			}
			continue
		}
		made, err := p.Render(f, i.Data())
		if err != nil {
			out = append(out, Difference{Part: "files", Name: where, Text: msg.M("%v", err)})
			continue
		}
		if n := firstDifference(made, have); n > 0 {
			out = append(out, Difference{Part: "files", Name: where, Line: n, Text: msg.M("the pack makes another line here")})
		}
		if i == j.From && j.Check(f.Format, made) != nil {
			out = append(out, Difference{Part: "files", Name: where, Text: msg.M("what the pack makes is not of the format %s: %v", f.Format, j.Check(f.Format, made))})
		}
	}
	return out, nil
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

// verifyPrograms reads the program files that the pack makes, in a folder of
// their own, as PID 1 would.
func (j *Job) verifyPrograms(p *pack.Pack) ([]Difference, error) {
	if j.Programs.Conf == "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "omsinit-verify-")
	if err != nil {
		return nil, msg.Errorf("cannot make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, j.From.Container(j.Programs.Conf))
	d := j.From.Data()
	d.Layout = j.From.Tree
	for _, f := range p.Files {
		if f.Format != pack.INI {
			continue
		}
		made, err := p.Render(f, d)
		if err != nil {
			continue // verifyFiles has said so
		}
		made = source.MoveIncludes(made, func(name string) string {
			if filepath.IsAbs(name) {
				return dir + j.From.Container(name)
			}
			return name
		})
		name := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, msg.Errorf("cannot make a temporary folder: %w", err)
		}
		if err := os.WriteFile(name, made, 0o600); err != nil {
			return nil, msg.Errorf("cannot make a temporary folder: %w", err)
		}
	}
	if _, err := program.Load(conf, "OMSINIT_ROOT="+dir); err != nil {
		return []Difference{{Part: "programs", Name: j.Programs.Conf, Text: msg.M("%v", err)}}, nil
	}
	return nil, nil
}
