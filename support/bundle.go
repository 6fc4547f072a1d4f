// Package support makes the bundle that a person sends to somebody who helps: one tar.gz with the diagnosis, the
// configuration, the ends of the logs and what the system says, without secrets.
package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"omsinit/doctor"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/mask"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Input is what a bundle is made of.
type Input struct {
	Layout layout.Layout
	// System is where /proc and /sys are; empty means "/".
	System string
	// Files are the configuration, as paths of this host.
	Files []string
	// Logs tells where the components write beside the log folder.
	Logs *pack.Symptoms
	// Diagnose is the doctor's work, and Memory and Heartbeats what there is of the past.
	Diagnose   func(context.Context) doctor.Diagnosis
	Memory     func(context.Context) ([]Sample, error)
	Heartbeats func(context.Context) ([]Sample, error)
	// More are texts of other rooms, by their names in the bundle; an error becomes the text.
	More map[string]func(context.Context) ([]byte, error)
	Mask *mask.Masker
	// Anonymize replaces names and addresses. Config is nil where config.yaml cannot be used.
	Anonymize bool
	Config    *config.Config
	Since     time.Duration
	Lang      msg.Lang
	Build     string
	Now       func() time.Time
}

// Sample is a number at a time.
type Sample struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}

// Entry is one file of the bundle.
type Entry struct {
	Name string `json:"name"`
	// From is the file that it is made from, "" for what is collected.
	From string `json:"from,omitempty"`
	// Bytes is how much of From goes in at most; 0 for what is not known before.
	Bytes int64 `json:"bytes"`
	// Cut: only the end of it.
	Cut bool `json:"cut,omitempty"`

	make func(context.Context) ([]byte, error)
	at   time.Time
}

// Listed is what `omsinit support --dry-run` shows, and what a bundle holds. Its JSON form only ever grows.
type Listed struct {
	Version int     `json:"version"`
	File    string  `json:"file,omitempty"` // of the bundle; "" on a dry run
	Size    int64   `json:"size,omitempty"` // of the bundle, compressed
	Entries []Entry `json:"entries"`
}

// Bundle is a bundle that is about to be written.
type Bundle struct {
	in      Input
	alias   *aliases
	entries []Entry
}

// New finds out what goes in. It reads no contents yet.
func New(in Input) *Bundle {
	if in.Now == nil {
		in.Now = time.Now
	}
	if in.System == "" {
		in.System = "/"
	}
	begun := in.Now()
	in.Now = func() time.Time { return begun } // one time for names and charts
	b := &Bundle{in: in}
	if in.Anonymize {
		b.alias = newAliases(in.names())
	}
	b.entries = slices.Concat(b.reports(), b.files(), b.system(), b.logs())
	return b
}

// List returns what goes in.
func (b *Bundle) List() Listed { return Listed{Version: 1, Entries: b.entries} }

// Write writes the bundle, one entry after the other. What cannot be read is an entry that says so.
func (b *Bundle) Write(ctx context.Context, w io.Writer) error {
	zipped := gzip.NewWriter(w)
	out := tar.NewWriter(zipped)
	for _, e := range b.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		data, err := e.make(ctx)
		if err != nil {
			data, e.Name = []byte(b.in.Lang.Text(err)+"\n"), e.Name+".error.txt"
		}
		data = b.clean(e.Name, data)
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: b.in.folder() + b.named(e.Name), Mode: 0o600,
			Size: int64(len(data)), ModTime: e.at,
		}
		if e.at.IsZero() {
			header.ModTime = b.in.Now()
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// clean takes secrets out, and names where that was asked for. Everything that goes in passes here.
func (b *Bundle) clean(name string, data []byte) []byte {
	text := string(data)
	if strings.HasSuffix(name, ".json") {
		text = maskJSON(text, b.in.Mask)
	} else {
		text = b.in.Mask.Text(text)
	}
	return []byte(b.named(text))
}

func (b *Bundle) named(text string) string {
	if b.alias == nil {
		return text
	}
	return b.alias.replace(text)
}

// folder is the one that a bundle unpacks into.
func (in Input) folder() string { return "omsinit-support-" + in.Now().Format(stamp) + "/" }

const stamp = "20060102-150405"

// Bounds of logs.
const (
	mostLog   = 2 << 20  // of the end of each
	mostLogs  = 32 << 20 // of all together, the newest first
	mostFile  = 1 << 20  // of a file of the configuration
	mostCount = 400      // logs
)

// Print writes what goes in, for people.
func (l Listed) Print(w io.Writer, lang msg.Lang) error {
	rows := [][]string{{lang.Sprintf("IN THE BUNDLE"), lang.Sprintf("BYTES"), lang.Sprintf("FROM")}}
	for _, e := range l.Entries {
		size := "-"
		if e.Bytes > 0 {
			size = fmt.Sprint(e.Bytes)
		}
		from := e.From
		if e.Cut {
			from = lang.Sprintf("%s (its end)", e.From)
		}
		rows = append(rows, []string{e.Name, size, from})
	}
	return msg.PrintColumns(w, rows)
}

// readme returns the text that explains the bundle.
func (b *Bundle) readme(context.Context) ([]byte, error) {
	var out bytes.Buffer
	for _, lang := range []msg.Lang{msg.English, msg.Chinese} {
		fmt.Fprintln(&out, lang.Sprintf(
			"Support bundle of an OMS node, made by omsinit %s at %s. Logs since %s ago, their ends only.", b.in.Build,
			b.in.Now().Format(time.RFC3339), b.in.Since))
		fmt.Fprintln(&out, lang.Sprintf("Open report.html in a browser; it needs no network. Values of passwords, secrets and keys are ****** in whatever spelling they stood."))
		if b.alias != nil {
			fmt.Fprintln(&out, lang.Sprintf("Names and addresses are replaced, each by the same one everywhere."))
		}
		fmt.Fprintln(&out)
	}
	return out.Bytes(), nil
}
