package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"

	"omsinit/internal/msg"
)

// What the build sets: the tag, the commit and its time (RFC 3339). A program that plain `go build` made has none.
var version, commit, date = "dev", "", ""

// versionCommand is `omsinit version`.
type versionCommand struct{ report }

func (c *versionCommand) flags(t translate) flags { return flags{c.flag(t)} }

// Run prints the version. A pack that cannot be read is no reason not to.
func (c *versionCommand) Run(_ context.Context, a *app) error {
	v := struct {
		Version   int    `json:"version"`
		Omsinit   string `json:"omsinit"`
		Commit    string `json:"commit,omitempty"`
		Date      string `json:"date,omitempty"`
		Go        string `json:"go"`
		Platform  string `json:"platform"`
		Release   string `json:"release,omitempty"`
		Pack      string `json:"pack,omitempty"`
		PackError string `json:"pack_error,omitempty"`
	}{Version: 1, Omsinit: version, Commit: commit, Date: date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	shown := ""
	if p, err := c.node.Pack(); err != nil {
		v.PackError, shown = err.Error(), a.lang.Text(err)
	} else {
		v.Release, v.Pack, shown = p.Release, p.Source("pack.yaml"), p.Release
	}
	return c.print(a, nil, v, func(w io.Writer, lang msg.Lang) error {
		fmt.Fprintln(w, "omsinit "+v.Omsinit)
		unknown := lang.Sprintf("unknown")
		return msg.PrintColumns(w, [][]string{
			{"  " + lang.Sprintf("commit"), cmp.Or(v.Commit, unknown)},
			{"  " + lang.Sprintf("date"), cmp.Or(v.Date, unknown)},
			{"  Go", v.Go + " " + v.Platform},
			{"  " + lang.Sprintf("OMS release of the pack"), shown},
		})
	})
}
