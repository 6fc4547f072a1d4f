package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/msg"
)

// A result is what a command prints.
type result struct {
	value any                             // for programs: its fields
	text  func(io.Writer, msg.Lang) error // for people
}

type format struct {
	name  string
	write func(io.Writer, msg.Lang, result) error
}

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

func outputFlag(lang msg.Lang) urfave.Flag {
	return &urfave.StringFlag{Name: "output", Value: "text", Usage: lang.Sprintf("text or json"), Action: func(_ *urfave.Context, name string) error {
		for _, f := range formats {
			if f.name == name {
				return nil
			}
		}
		return urfave.Exit(lang.Sprintf("omsinit: --output is text or json, not %q", name), exitUsage)
	}}
}

// print writes a result in the chosen form. It writes at once, so that a printer need not look at each error.
func print(c *urfave.Context, lang msg.Lang, value any, text func(io.Writer, msg.Lang) error) error {
	chosen := max(0, slices.IndexFunc(formats, func(f format) bool { return f.name == c.String("output") }))
	var b bytes.Buffer
	if err := formats[chosen].write(&b, lang, result{value, text}); err != nil {
		return err
	}
	_, err := c.App.Writer.Write(b.Bytes())
	return err
}

// plain adapts a printer that cannot fail.
func plain(text func(io.Writer, msg.Lang)) func(io.Writer, msg.Lang) error {
	return func(w io.Writer, lang msg.Lang) error { text(w, lang); return nil }
}
