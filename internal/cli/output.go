package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/term"

	"omsinit/check"
	"omsinit/init/metadb/backup"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// formats are the values of --output. A new one is one more entry.
var formats = []format{
	{"text", func(w io.Writer, lang msg.Lang, r result) error { return r.text(w, lang) }},
	{"json", func(w io.Writer, _ msg.Lang, r result) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(r.value)
	}},
}

type format struct {
	name  string
	write func(io.Writer, msg.Lang, result) error
}

// A result is what a command prints.
type result struct {
	value any                             // for programs: its fields
	text  func(io.Writer, msg.Lang) error // for people
}

// output is --output. Commands that print a result embed it.
type output struct{ Format string }

// report is embedded by commands that look at this node and print a result.
type report struct {
	target
	output
}

func (o *output) flags(t translate) flags { return flags{o.flag(t)} }

// flag returns the flag; more are formats that only this command has, and prints itself.
func (o *output) flag(t translate, more ...string) urfave.Flag {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	names = append(names, more...)
	last := len(names) - 1
	list := t("%s or %s", msg.List(names[:last]), names[last])
	f := textFlag(&o.Format, "output", t("print the result as %s", list))
	f.Value = names[0]
	f.Action = must(func(name string) bool { return slices.Contains(names, name) },
		func(name string) msg.Message { return msg.M("--output is %s, not %q", list, name) })
	return f
}

// print prints a result in the chosen format, unless there was an error. It is written as a whole, so that a printer
// need not look at each error.
func (o *output) print(a *app, err error, value any, text func(io.Writer, msg.Lang) error) error {
	if err != nil {
		return err
	}
	var b bytes.Buffer
	chosen := slices.IndexFunc(formats, func(f format) bool { return f.name == o.Format })
	if err := formats[max(0, chosen)].write(style.Before(a.stdout, &b), a.lang, result{value, text}); err != nil {
		return err
	}
	_, err = b.WriteTo(a.stdout)
	return err
}

// plain adapts a printer that cannot fail.
func plain(text func(io.Writer, msg.Lang)) func(io.Writer, msg.Lang) error {
	return func(w io.Writer, lang msg.Lang) error { text(w, lang); return nil }
}

// printReport prints a report of checks, and returns errFindings when there are errors in it.
func (o *output) printReport(a *app, report check.Report, err error) error {
	err = o.print(a, err, report.JSON(a.lang), plain(func(w io.Writer, lang msg.Lang) {
		report.Print(w, lang)
	}))
	return found(err, report.Err() != nil, errFindings)
}

// isTerminal reports whether a person reads what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress returns a function that shows on standard error how far a backup or a restore is: a line that changes on a
// terminal, one line per database elsewhere.
func (a *app) progress(text func(backup.Progress) msg.Message) func(backup.Progress) {
	terminal := isTerminal(a.stderr) && os.Getenv("TERM") != "dumb" // which has no line that changes
	last := int64(-1)
	return func(p backup.Progress) {
		line := text(p).In(a.lang)
		switch {
		case p.Done && terminal:
			fmt.Fprintf(a.stderr, "\r\x1b[K%s\n", line)
		case p.Done:
			fmt.Fprintln(a.stderr, line)
		case terminal && p.Bytes>>20 != last:
			last = p.Bytes >> 20
			fmt.Fprintf(a.stderr, "\r\x1b[K%s", line)
		}
	}
}

func dumped(p backup.Progress) msg.Message {
	return msg.M("%s: %d MB dumped, tables: %d", p.Database, p.Bytes>>20, p.Tables)
}

func restored(p backup.Progress) msg.Message {
	return msg.M("%s: %d of %d MB restored", p.Database, p.Bytes>>20, p.Total>>20)
}
