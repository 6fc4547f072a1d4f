package msg

import (
	"maps"
	"testing"

	"github.com/chai2010/gettext-go/po"
)

// TestReadersAgree: our reader and that of a library read the same texts from zh.po.
func TestReadersAgree(t *testing.T) {
	file, err := po.Load([]byte(catalogue))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, m := range file.Messages {
		want[m.MsgId] = m.MsgStr
	}
	if got := chinese(); len(got) < 1000 || !maps.Equal(got, want) {
		t.Errorf("%d texts, the library has %d, or some differ", len(got), len(want))
	}
}

func TestParseCatalogue(t *testing.T) {
	got, err := parseCatalogue("# a comment \"\nmsgid \"\"\nmsgstr \"\"\n\"Language: zh_CN\\n\"\n\nmsgid \"a \\\"b\\\"\"\nmsgstr \"\"\n\"甲\\n\"\n\"乙\"\nmsgid \"c\"\nmsgstr \"丙\"")
	if want := map[string]string{`a "b"`: "甲\n乙", "c": "丙"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"msgid", "msgid x", `msgid "x`, `msgctxt "x"`, `"x" y`, `msgid "\q"`} {
		if got, err := parseCatalogue(bad); err == nil {
			t.Errorf("%q: %q, want an error", bad, got)
		}
	}
}
