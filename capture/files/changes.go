package files

import (
	"bytes"
	"path"
	"slices"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// accounts are the files of the system's users.
var accounts = []string{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}

// changes takes what docker diff says: folders become part of the pack, files are looked at, and the rest is noted.
func (s *Search) changes(look source.Found, found map[string]*match.File, add func(string, bool, bool) error) error {
	users := false
	parents := map[string]bool{}
	for _, c := range s.Diff {
		parents[path.Dir(c.Path)] = true
	}
	for _, c := range s.Diff {
		at := finding.Place{File: c.Path}
		if s.leaves(c.Path) {
			continue
		}
		target := s.From.Link(c.Path, look)
		switch {
		case c.Kind == source.Deleted:
			s.Report.Note("made", at, msg.M("the image has it, and the container's start removed it, which the pack does not: remove it from the image"))
		case slices.Contains(accounts, c.Path):
			if !users {
				s.Report.Note("made", at, msg.M(
					"the container's start changed users or groups, which the pack does not: make them in the image"))
			}
			users = true
		case target != "" && c.Kind == source.Added:
			s.Report.Note("made", at, msg.M(
				"the container's start made this link to %s, which the pack does not: make it in the image", target))
		case s.From.IsFolder(c.Path), parents[c.Path]:
			if c.Kind == source.Added {
				s.Made = append(s.Made, c.Path)
			}
		case slices.ContainsFunc(s.Report.Findings, func(f finding.Finding) bool { return f.Place.File == c.Path }):
			// it was left out, which is said
		case path.Base(c.Path) == "nohup.out", path.Dir(c.Path) == "/run":
		default:
			if err := s.made(c, found, add); err != nil {
				return err
			}
		}
	}
	return nil
}

// made looks at a file that was added or changed.
func (s *Search) made(c source.Change, found map[string]*match.File, add func(string, bool, bool) error) error {
	at := finding.Place{File: c.Path}
	real := s.From.Real(c.Path)
	if s.From.Text(c.Path) == nil {
		s.Report.Note(report.Left, at, msg.M("it was made or changed after the container was made, and is no text, or not in the bundle; a new node has it only when the image has"))
		return nil
	}
	if found[real] == nil {
		if err := add(s.From.Documented(c.Path), false, false); err != nil {
			return err
		}
	}
	f := found[real]
	switch {
	case f == nil:
		s.Report.Note(report.Left, at, msg.M("it was made or changed after the container was made, and is no text, or not in the bundle; a new node has it only when the image has"))
	case c.Kind == source.Added:
		f.Made, f.MadePolicy = true, pack.Create
	default:
		f.Made, f.MadePolicy = true, pack.Replace
	}
	return nil
}

// own reports whether a file that holds nothing from config.yaml becomes part of the pack: what the container's start
// made, and is the same in the other installations.
func (e *Explainer) own(f *match.File) bool {
	if !f.Made {
		return false
	}
	at := finding.Place{File: f.Path}
	if f.Second != nil && !bytes.Equal(match.DatedLines(f.Second, f.Data), f.Data) {
		e.Report.Note("made", at, msg.M("the container's start made it, and it is another in the second installation, such as a random identity: it is left out; see to it that a new node gets one"))
		return false
	}
	if e.Words.Second == nil {
		e.Report.Note("made", at, msg.M("the container's start made it; without a second installation to compare with, it is left out: it may be random; --file takes it"))
		return false
	}
	if f.Second == nil {
		e.Report.Note("made", at, msg.M("the container's start made it, but the second installation does not have it: it is left out; --file takes it"))
		return false
	}
	return true
}

// noteWritten notes files that were written after the container was made and that hold nothing from config.yaml.
func (e *Explainer) noteWritten(names []string) {
	if len(names) == 0 {
		return
	}
	e.Report.Note(report.Left, finding.Place{File: names[0]}, msg.M("it, and files: %d more, were written after the container was made and hold nothing from config.yaml; --file takes one, and --diff those that the container's start makes", len(names)-1))
}
