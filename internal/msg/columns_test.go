package msg

import (
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	// A width must not depend on the locale, which tests of other packages set.
	for _, tc := range []struct {
		text string
		want int
	}{
		{"", 0},
		{"plain", 5},
		{"元信息库", 8},
		{"（全角）：", 10},
		{"ｆｕｌｌ", 8},
		{"は한", 4},
		{"…—①·", 4},
		{"e\u0301", 1},
		{"🙂", 2},
		{"\x1b[31m失败\x1b[0m", 4},
	} {
		if got := width(tc.text); got != tc.want {
			t.Errorf("width(%q) = %d, want %d", tc.text, got, tc.want)
		}
	}
}

func TestPrintColumns(t *testing.T) {
	var b strings.Builder
	err := PrintColumns(&b, [][]string{
		{"名称", "状态", ""},
		{"a-long-name", "已完成（全部）", "x"},
		{"二"},
		{"", "…", "y"},
	})
	want := "名称         状态\n" +
		"a-long-name  已完成（全部）  x\n" +
		"二\n" +
		"             …               y\n"
	if got := b.String(); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
