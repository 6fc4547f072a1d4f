package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// configShow is `omsinit config show`.
type configShow struct {
	report
	File string
}

func (c *configShow) args() arguments { return arguments{usage: "[FILE]", first: []*string{&c.File}} }

// Run prints the keys.
func (c *configShow) Run(_ context.Context, a *app) error {
	c.node.ConfigFile, c.node.Stdin = cmp.Or(c.File, c.node.ConfigFile), a.stdin
	settings, warnings, err := c.node.Settings()
	for _, w := range warnings {
		a.say(msg.M("%v", w))
	}
	var wrong *config.Error
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(a.stderr, wrong.In(a.lang))
		return errFindings
	case err != nil:
		a.say(msg.M("omsinit: %v", err))
		return errFindings
	}
	for i := range settings {
		if settings[i].Origin == config.NotSet {
			settings[i].Value = nil // null for programs
		}
	}
	value := struct {
		Version  int              `json:"version"`
		Config   string           `json:"config"`
		Settings []config.Setting `json:"settings"`
	}{1, c.node.ConfigFile, settings}
	return c.print(a, nil, value, func(w io.Writer, lang msg.Lang) error {
		return settingsText(w, lang, settings)
	})
}

func settingsText(w io.Writer, lang msg.Lang, settings []config.Setting) error {
	var rows [][]string
	for _, s := range settings {
		switch s.Origin {
		case config.FromFile:
			if s.Source != "" {
				rows = append(rows, []string{s.Name, lang.Sprintf("from %s", s.Source), oneLine(s.Value)})
				continue
			}
			rows = append(rows, []string{s.Name, lang.Sprintf("line %d", s.Line), oneLine(s.Value)})
		case config.FromDefault:
			rows = append(rows, []string{s.Name, lang.Sprintf("default"), oneLine(s.Value)})
		case config.Derived:
			rows = append(rows, []string{s.Name, lang.Sprintf("from %s", s.Source), oneLine(s.Value)})
		default:
			rows = append(rows, []string{s.Name, lang.Sprintf("not set")})
		}
	}
	return msg.PrintColumns(w, rows)
}

// oneLine returns a value on one line.
func oneLine(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ", ")
	case []any, map[string]any:
		data, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		return string(data)
	case nil:
		return "null"
	}
	return fmt.Sprint(value)
}

// configSchema is `omsinit config schema`.
type configSchema struct{}

// Run prints the schema.
func (c *configSchema) Run(_ context.Context, a *app) error {
	schema, err := config.Schema(a.lang)
	if err == nil {
		_, err = fmt.Fprintf(a.stdout, "%s\n", schema)
	}
	return err
}

// configHistory is `omsinit config history`.
type configHistory struct{ target }

// Run lists the versions.
func (c *configHistory) Run(_ context.Context, a *app) error {
	versions, err := component.NewHistory(c.node.Layout).List()
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		a.say(msg.M("there are no earlier versions"))
		return nil
	}
	var rows [][]string
	for _, v := range versions {
		var paths []string
		for _, f := range v.Files {
			paths = append(paths, f.Path)
		}
		rows = append(rows, []string{v.ID, v.Reason, strings.Join(paths, " ")})
	}
	return msg.PrintColumns(a.stdout, rows)
}

// configDiff is `omsinit config diff`.
type configDiff struct {
	target
	Version string
	Files   []string
}

func (c *configDiff) args() arguments {
	return arguments{usage: "[VERSION [FILE…]]", first: []*string{&c.Version}, rest: &c.Files}
}

// Run prints the diff.
func (c *configDiff) Run(_ context.Context, a *app) error {
	text, err := c.flow().DiffVersion(cmp.Or(c.Version, "last"), c.Files)
	if err == nil {
		_, err = fmt.Fprint(a.stdout, style.Diff(a.stdout, text))
	}
	return err
}

// configRestore is `omsinit config restore`.
type configRestore struct{ configDiff }

func (c *configRestore) args() arguments {
	return arguments{
		usage: "VERSION [FILE…]", first: []*string{&c.Version}, rest: &c.Files,
		missing: msg.M("name a version of `omsinit config history`, or last"),
	}
}

func (c *configRestore) flags(t translate) flags { return stepFlags(t, &c.target) }

// Run puts the files back.
func (c *configRestore) Run(ctx context.Context, _ *app) error {
	return c.flow().Restore(ctx, c.Version, c.Files)
}
