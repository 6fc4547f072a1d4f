package files

import (
	"bytes"
	"slices"
	"strconv"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/secrets"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Explainer turns files into templates.
type Explainer struct {
	Words   *match.Vocabulary
	Others  []*match.Vocabulary // with further installations in the place of the second
	Report  *report.Report
	Secrets *secrets.Guard
}

// Explain turns the files into templates, and leaves out those that hold
// nothing from config.yaml and were not asked for.
func (e *Explainer) Explain(files []*match.File) []*match.File {
	var out []*match.File
	var written []string
	for _, f := range files {
		if !f.Known && !f.Made && !e.mayBeGenerated(f) {
			continue
		}
		e.explain(f)
		own := !f.Known && !f.FromConfig()
		if own && !e.own(f) {
			if before := len(e.Report.Findings); f.Changed && !f.Made && !(source.Change{Path: f.Path}).Passes() {
				if e.left(f); len(e.Report.Findings) == before {
					written = append(written, f.Path)
				}
			}
			continue
		}
		if e.place(f); own {
			f.Policy, f.Unread, f.Readers = f.MadePolicy, true, nil
		}
		e.uncertain(f)
		out = append(out, f)
	}
	e.noteWritten(written)
	e.included(out)
	for _, f := range out {
		if len(f.Readers) == 0 && !f.Unread && !f.Program && len(e.Words.From.Programs.List) > 0 {
			e.Report.Note("readers", finding.Place{File: f.Path}, msg.M("no program was found that reads it, so that a changed key restarts nothing; name its readers in pack.yaml"))
		}
	}
	return out
}

// explain turns a file into a template: by the second installation, or by a further one when what that teaches fits
// more of them all, or leaves less open.
func (e *Explainer) explain(f *match.File) {
	f.Explained, f.Words = e.Words.ExplainFile(f), e.Words
	best := e.fits(f)
	all, explained := []*match.Vocabulary{}, []match.Explained{}
	if f.Second != nil {
		all, explained = append(all, e.Words), append(explained, f.Explained)
	}
	for _, words := range e.Others {
		other := *f
		if other.Second = words.Second.Text(f.Path); other.Second == nil {
			continue
		}
		other.Explained, other.Words = words.ExplainFile(&other), words
		all, explained = append(all, words), append(explained, other.Explained)
		fits := e.fits(&other)
		if fits > best || fits == best && (f.Second == nil || other.Open() < f.Open()) {
			best, *f = fits, other
		}
	}
	if len(all) == 0 || best == len(all) && len(f.Differs)+len(f.Extra) == 0 {
		return
	}
	blocks, ok := match.Blocks(f, all, explained)
	if f.Choices = blocks.Choices; ok {
		f.Explained = blocks
	}
}

// fits counts the installations whose file a template makes.
func (e *Explainer) fits(f *match.File) int {
	count := 0
	for _, words := range append([]*match.Vocabulary{e.Words}, e.Others...) {
		if words.Second == nil {
			continue
		}
		made, err := pack.Fill(string(f.Explained.Template()), words.Release, f.Format, f.Spelling, words.Second.Data())
		have := words.Second.Text(f.Path)
		if err == nil && bytes.Equal(match.DatedLines([]byte(made), have), have) {
			count++
		}
	}
	return count
}

// left notes a file that was changed since the container was made and may hold something from config.yaml, which is too
// little to say that it is generated.
func (e *Explainer) left(f *match.File) {
	if !f.Changed {
		return
	}
	var may []string
	for _, l := range f.Lines {
		for _, s := range l {
			for _, v := range append(slices.Clone(s.Unsure), s.Value) {
				if v != nil && v.Keys[0] != "root" && len(s.Text) >= 4 && !slices.Contains(may, v.Expression) {
					may = append(may, v.Expression)
				}
			}
		}
	}
	if len(may) > 0 {
		may = may[:min(len(may), 4)]
		e.Report.NoteCandidates(report.Left, finding.Place{File: f.Path},
			msg.M("it was written after the container was made, and may hold %s; --file takes it",
				msg.List(may)), "", may)
	}
}

// mayBeGenerated looks at a file quickly: one that holds no unusual value of the
// configuration, and is the same in the second installation, is left out.
func (e *Explainer) mayBeGenerated(f *match.File) bool {
	if f.Changed || f.Format == pack.SSHD || f.Second != nil && !bytes.Equal(f.Data, f.Second) {
		return true
	}
	for _, spelling := range pack.Spellings(f.Format) {
		for _, v := range e.Words.Known(f.Format, spelling) {
			if _, err := strconv.Atoi(v.A); err != nil && (len(v.A) >= 6 || v.Secret && v.A != "") &&
				!match.Usual(v.A) && bytes.Contains(f.Data, []byte(v.A)) {
				return true
			}
		}
	}
	return false
}
