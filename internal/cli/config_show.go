package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/node"
)

func configShow(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "show", Usage: lang.Sprintf("the effective value of every key, and where it comes from"), ArgsUsage: "[FILE]",
		Flags:  []urfave.Flag{outputFlag(lang)},
		Action: func(c *urfave.Context) error { return showConfig(c, lang) }}
}

func configSchema(lang msg.Lang) *urfave.Command {
	return &urfave.Command{Name: "schema", Usage: lang.Sprintf("a JSON Schema of config.yaml, for editors"),
		Action: func(c *urfave.Context) error {
			schema, err := config.Schema(lang)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "%s\n", schema)
			return err
		}}
}

func showConfig(c *urfave.Context, lang msg.Lang) error {
	file := or(or(c.Args().First(), common(c, "config")), layout.New(common(c, "root")).ConfigFile())
	settings, warnings, err := node.New(node.Given{ConfigFile: file, Stdin: os.Stdin}).Settings()
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, w.In(lang))
	}
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return urfave.Exit(wrong.In(lang), exitFindings)
	}
	if err != nil {
		return urfave.Exit("omsinit: "+lang.Text(err), exitFindings)
	}
	return print(c, lang, settingsJSON(file, settings), func(w io.Writer, lang msg.Lang) error { return settingsText(w, lang, settings) })
}

func settingsText(w io.Writer, lang msg.Lang, settings []config.Setting) error {
	var rows [][]string
	for _, s := range settings {
		switch s.Origin {
		case config.FromFile:
			rows = append(rows, []string{s.Name, lang.Sprintf("line %d", s.Line), text(s.Value)})
		case config.FromDefault:
			rows = append(rows, []string{s.Name, lang.Sprintf("default"), text(s.Value)})
		case config.Derived:
			rows = append(rows, []string{s.Name, lang.Sprintf("from %s", s.Source), text(s.Value)})
		default:
			rows = append(rows, []string{s.Name, lang.Sprintf("not set")})
		}
	}
	return msg.PrintColumns(w, rows)
}

// text is a value on one line.
func text(value any) string {
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

func settingsJSON(file string, settings []config.Setting) any {
	type setting struct {
		Key    string        `json:"key"`
		Value  any           `json:"value"` // null when it is not set
		Origin config.Origin `json:"origin"`
		Line   int           `json:"line,omitempty"`
		Column int           `json:"column,omitempty"`
		Source string        `json:"source,omitempty"`
		Known  bool          `json:"known"`
	}
	out := struct {
		Version  int       `json:"version"`
		Config   string    `json:"config"`
		Settings []setting `json:"settings"`
	}{Version: 1, Config: file}
	for _, s := range settings {
		if s.Origin == config.NotSet {
			s.Value = nil
		}
		out.Settings = append(out.Settings, setting{s.Name, s.Value, s.Origin, s.Line, s.Column, s.Source, s.Known})
	}
	return out
}
