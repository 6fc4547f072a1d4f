package flow

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// narrow is a terminal with colours.
type narrow struct {
	bytes.Buffer
	columns int
}

func (n *narrow) Columns() int { return n.columns }

func (n *narrow) Colored() bool { return true }

// TestNarrowTerminal: what is said fits the terminal, and stands in the log in one piece, without colours.
func TestNarrowTerminal(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	terminal := &narrow{columns: 40}
	o := &output{lang: msg.English, out: terminal, errOut: terminal, log: log}
	m := msg.M("%s", strings.TrimSpace(strings.Repeat("word ", 20)))
	o.sayAs(style.OK, m)
	o.fail(m)
	for _, line := range strings.Split(style.Strip(terminal.String()), "\n") {
		if len(line) > 40 {
			t.Errorf("too wide: %q", line)
		}
	}
	if got := terminal.String(); !strings.Contains(got, "\x1b["+string(style.OK)) ||
		!strings.Contains(got, "\x1b["+string(style.Error)) {
		t.Errorf("%q", got)
	}
	if data, err := os.ReadFile(log.Name()); err != nil || string(data) != m.String()+"\n"+m.String()+"\n" {
		t.Errorf("%q, %v", data, err)
	}
}
