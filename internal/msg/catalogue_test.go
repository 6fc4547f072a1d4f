package msg_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chai2010/gettext-go/po"
)

var update = flag.Bool("update", false, "sort zh.po and lay it out as the tests want it")

const cataloguePath = "zh.po"

// TestCatalogue holds zh.po to one form, so that two people who add texts
// change different lines: sorted by msgid, an entry each, unwrapped.
func TestCatalogue(t *testing.T) {
	file := readCatalogue(t)
	for i, m := range file.Messages {
		if m.MsgStr == "" {
			t.Errorf("no Chinese for %q", m.MsgId)
		}
		if i > 0 && m.MsgId == file.Messages[i-1].MsgId {
			t.Errorf("two entries for %q", m.MsgId)
		}
	}
	if t.Failed() {
		return
	}
	want := layOut(t, file)
	if *update {
		if err := os.WriteFile(cataloguePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(cataloguePath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		was, is := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
		line := 0
		for line < min(len(was), len(is))-1 && was[line] == is[line] {
			line++
		}
		t.Errorf("zh.po:%d: %s\nwant %s\nsort it: go test ./internal/msg -run TestCatalogue -update", line+1,
			was[line], is[line])
	}
}

// readCatalogue reads zh.po, sorted by msgid.
func readCatalogue(t *testing.T) *po.File {
	t.Helper()
	data, err := os.ReadFile(cataloguePath)
	if err != nil {
		t.Fatal(err)
	}
	// A merge may join two entries, which the reader would take for one.
	data = regexp.MustCompile(`(?m)^(".*"|msgstr .*)\n(#|msgid )`).ReplaceAll(data, []byte("$1\n\n$2"))
	file, err := po.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(file.Messages, func(a, b po.Message) int { return strings.Compare(a.MsgId, b.MsgId) })
	return file
}

// layOut returns the catalogue as it has to be. The comments and the header
// before the first entry stay as they are.
func layOut(t *testing.T, file *po.File) []byte {
	t.Helper()
	data, err := os.ReadFile(cataloguePath)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := bytes.Cut(data, []byte("\n\n"))
	var b bytes.Buffer
	b.Write(header)
	b.WriteString("\n")
	for _, m := range file.Messages {
		b.WriteString("\n")
		if m.TranslatorComment != "" {
			b.WriteString("# " + strings.ReplaceAll(m.TranslatorComment, "\n", "\n# ") + "\n")
		}
		b.WriteString("msgid " + quote(m.MsgId) + "msgstr " + quote(m.MsgStr))
	}
	return b.Bytes()
}

// quote writes a string of a .po file, a line for each line of it.
func quote(s string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "\n", `\n`)
	lines := strings.SplitAfter(s, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	if len(lines) < 2 {
		return `"` + escape.Replace(s) + "\"\n"
	}
	var b strings.Builder
	b.WriteString("\"\"\n")
	for _, line := range lines {
		b.WriteString(`"` + escape.Replace(line) + "\"\n")
	}
	return b.String()
}
