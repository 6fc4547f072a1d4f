package msg

import "testing"

func TestShorten(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", ""}, {"abc", "abc"}, {"abcd", "abc…"}, {"一二三", "一二三"}, {"一二三四", "一二三…"}, {"a\xffc", "a?c"},
		{"a\xffcd", "a?c…"},
	} {
		if got := Shorten(tc.text, 3); got != tc.want {
			t.Errorf("%q becomes %q, want %q", tc.text, got, tc.want)
		}
	}
}
