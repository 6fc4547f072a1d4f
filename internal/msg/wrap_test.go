package msg

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    []string
	}{
		{"", 10, []string{""}},
		{"one two  three", 8, []string{"one two", "three"}},
		{"reads /usr/share/omsinit/pack now", 10, []string{"reads", "/usr/share/omsinit/pack", "now"}},
		{"修改 cm_url 的端口，退出（a）。", 11, []string{"修改 cm_url", "的端口，退", "出（a）。"}},
		{"只写一行，", 8, []string{"只写一", "行，"}},
	} {
		if got := Wrap(c.text, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"short\n  two   words", 20, "short\n  two   words"},
		{"  the value must be a whole number\nnext", 24, "  the value must be a\n    whole number\nnext"},
		{"元信息库的地址，可以是数据库", 21, "元信息库的地址，可\n  以是数据库"},
		{"  the value must be a whole number", 0, "  the value must be a whole number"},
	} {
		if got := Fold(c.text, c.columns); got != c.want {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}
