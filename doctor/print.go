package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Print writes the facts in short, and then the list of causes: the end of what is printed is what stays on the
// screen.
func (d Diagnosis) Print(w io.Writer, lang msg.Lang) error {
	say := func(m msg.Message) { fmt.Fprintln(w, m.In(lang)) }
	f := d.Facts
	say(msg.M("node %s (host %s, kernel %s), OMS %s, omsinit %s, at %s", orDash(f.Address), f.Hostname, f.Kernel,
		orDash(f.Release), f.Build,
		f.At.Format(time.RFC3339)))
	rows := [][]string{{lang.Sprintf("LOOKED AT"), lang.Sprintf("SECONDS"), lang.Sprintf("RESULT")}}
	for _, s := range f.Sources {
		rows = append(rows, []string{s.Name, fmt.Sprintf("%.1f", s.Seconds),
			d.standing(s).Paint(w, d.result(s).In(lang))})
	}
	if err := msg.PrintColumns(w, rows); err != nil {
		return err
	}
	if f.Status != nil {
		fmt.Fprintln(w)
		short := *f.Status
		short.Programs = slices.Clone(short.Programs)
		for i := range short.Programs {
			short.Programs[i].LastLines = "" // they are with the causes
		}
		if err := short.Print(w, lang, f.At); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	d.printHost(say)
	for i, r := range f.Runs {
		if i < 3 {
			say(msg.M("run: %s, %s: %s", r.File, r.At.Format(time.DateTime), r.LastLine))
		}
	}
	for i, v := range f.History {
		if i < 3 {
			say(msg.M("changed: %s (%s): %s", v.ID, v.Reason, strings.Join(v.Files, " ")))
		}
	}
	fmt.Fprintln(w)
	d.printCauses(w, lang)
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// result returns what a source has to say, in a line.
func (d Diagnosis) result(s Source) msg.Message {
	f := d.Facts
	report := map[string]*check.Report{"check": f.Check, "cluster": f.Cluster}[s.Name]
	switch {
	case !s.Error.IsZero():
		return msg.M("%s", s.Error)
	case report != nil:
		errors, warnings := count(report)
		return msg.M("errors: %d, warnings: %d", errors, warnings)
	case s.Name == "logs":
		return msg.M("symptoms: %d", len(f.Seen))
	case s.Name == "files" && f.Files != nil:
		return msg.M("to be changed: %d, edited by hand: %d", len(f.Files.Changed), len(f.Files.Edited))
	case s.Name == "schema" && f.Schema != nil:
		return msg.M("missing: %d, pending: %d, changed: %d", len(f.Schema.Missing), len(f.Schema.Pending),
			len(f.Schema.Changed))
	}
	return msg.M("done")
}

// standing returns what the result of a source means.
func (d Diagnosis) standing(s Source) style.Style {
	report := map[string]*check.Report{"check": d.Facts.Check, "cluster": d.Facts.Cluster}[s.Name]
	if !s.Error.IsZero() {
		return style.Error
	} else if report == nil {
		return style.Plain
	}
	switch errors, warnings := count(report); {
	case errors > 0:
		return style.Error
	case warnings > 0:
		return style.Warning
	}
	return style.Plain
}

func count(r *check.Report) (errors, warnings int) {
	for _, result := range r.Results {
		for _, f := range result.Findings {
			switch f.Severity {
			case finding.Error:
				errors++
			case finding.Warning:
				warnings++
			}
		}
	}
	return errors, warnings
}

func (d Diagnosis) printHost(say func(msg.Message)) {
	f := d.Facts
	if m := f.Memory; m != nil {
		say(msg.M("memory: %v of %v GiB (%.0f %%); killed for want of it: %d; processes and threads: %d; CPUs: %v",
			gibibytes(m.Used),
			gibibytes(m.Bytes), m.Percent, m.OOMKills, m.Processes, m.CPUs))
	}
	for _, disk := range f.Disks {
		say(msg.M("disk: %s: %.0f %% of %v GiB, %v GiB free", disk.Path, disk.Percent, gibibytes(disk.Bytes),
			gibibytes(disk.Free)))
	}
	for _, n := range f.Names {
		if n.Error == "" {
			say(msg.M("name: %s is %s", n.Host, strings.Join(n.Addresses, " ")))
		}
	}
}

func (d Diagnosis) printCauses(w io.Writer, lang msg.Lang) {
	good := func(m msg.Message) { fmt.Fprintln(w, style.OK.Paint(w, m.In(lang))) }
	if len(d.Causes) == 0 {
		good(msg.M("nothing is wrong that can be seen from here; if the console misbehaves in one browser only, clear its cache"))
		return
	}
	if d.Failed() {
		fmt.Fprintln(w, style.Heading.Paint(w, lang.Sprintf("what may be wrong, the likeliest first:")))
	} else {
		good(msg.M("nothing keeps this node from working that can be seen from here; worth a look:"))
	}
	for i, c := range d.Causes {
		text := c.Headline()
		switch c.Severity {
		case finding.Error:
			text = msg.M("error: %s", c.Headline())
		case finding.Warning:
			text = msg.M("warning: %s", c.Headline())
		}
		fmt.Fprintf(w, "%2d. %s %s\n", i+1, c.Severity.Style().Paint(w, indented(text.In(lang))),
			style.Dim.Paint(w, "["+c.ID+"]"))
		line := func(m msg.Message) { fmt.Fprintf(w, "    %s\n", indented(m.In(lang))) }
		if c.From > 0 {
			line(msg.M("probably comes of %d", c.From))
			continue
		}
		if !c.Cause.IsZero() && c.Severity == finding.Error || strings.HasPrefix(c.ID, "symptom.") {
			line(msg.M("cause: %s", c.Cause))
		}
		if !c.Fix.IsZero() {
			line(msg.M("fix: %s", c.Fix))
		}
		if c.Lines != "" {
			line(msg.M("last lines of %s:\n%s", c.Log, c.Lines))
		}
		if c.Next != "" {
			line(msg.M("next: %s", c.Next))
		}
	}
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n    ") }

type jsonCause struct {
	ID       string           `json:"id"`
	Severity finding.Severity `json:"severity"`
	Message  string           `json:"message"`
	Cause    string           `json:"cause,omitempty"`
	Fix      string           `json:"fix,omitempty"`
	Next     string           `json:"next,omitempty"`
	From     int              `json:"from,omitempty"` // number in the list, from 1
	Log      string           `json:"log,omitempty"`
	Lines    string           `json:"last_lines,omitempty"`
	Facts    map[string]any   `json:"facts,omitempty"`
}

// JSON returns the JSON form, with its texts in the language. It only ever grows.
func (d Diagnosis) JSON(lang msg.Lang) any {
	status := "healthy"
	if d.Failed() {
		status = "failed"
	}
	causes := []jsonCause{}
	for _, c := range d.Causes {
		causes = append(causes, jsonCause{
			ID: c.ID, Severity: c.Severity, Message: c.Headline().In(lang), Cause: c.Cause.In(lang),
			Fix: c.Fix.In(lang), Next: c.Next, From: c.From, Log: c.Log, Lines: c.Lines,
			Facts: finding.Facts(c.Facts),
		})
	}
	out := struct {
		Version int         `json:"version"`
		Status  string      `json:"status"` // healthy or failed
		Seconds float64     `json:"seconds"`
		Causes  []jsonCause `json:"causes"`
		Facts
		CheckReport   any `json:"check,omitempty"`
		ClusterReport any `json:"cluster,omitempty"`
	}{Version: 1, Status: status, Seconds: d.Facts.Took.Seconds(), Causes: causes, Facts: d.Facts}
	if d.Facts.Check != nil {
		out.CheckReport = d.Facts.Check.JSON(lang)
	}
	if d.Facts.Cluster != nil {
		out.ClusterReport = d.Facts.Cluster.JSON(lang)
	}
	return out
}
