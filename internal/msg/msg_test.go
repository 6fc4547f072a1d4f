package msg

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestFromEnv(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		want Lang
	}{
		{"nothing set", nil, English},
		{"OMS_LANG wins over the locale", map[string]string{"OMS_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}, English},
		{"OMS_LANG zh", map[string]string{"OMS_LANG": "zh", "LANG": "C"}, Chinese},
		{"an OMS_LANG that means nothing is not a choice",
			map[string]string{"OMS_LANG": "klingon", "LANG": "zh_CN.UTF-8"}, Chinese},
		{"LC_ALL wins over LANG", map[string]string{"LC_ALL": "C", "LANG": "zh_CN"}, English},
		{"LC_MESSAGES wins over LANG", map[string]string{"LC_MESSAGES": "zh_TW.UTF-8", "LANG": "en_US.UTF-8"}, Chinese},
		{"another language is English", map[string]string{"LANG": "de_DE.UTF-8"}, English},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := FromEnv(func(k string) string { return tc.env[k] }); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestErrorsInBothLanguages(t *testing.T) {
	cause := fs.ErrNotExist
	inner := Errorf("cannot read %s: %w", "/etc/x", cause)
	outer := fmt.Errorf("starting: %w", inner)
	if !errors.Is(outer, cause) {
		t.Error("the cause is lost")
	}
	if got, want := outer.Error(), "starting: cannot read /etc/x: file does not exist"; got != want {
		t.Errorf("English: got %q, want %q", got, want)
	}
	if got, want := Chinese.Text(outer), "starting：无法读取 /etc/x：文件不存在"; got != want {
		t.Errorf("Chinese: got %q, want %q", got, want)
	}
	nested := Errorf("cannot read %s: %w", "/etc/y", inner)
	if got, want := Chinese.Text(nested), "无法读取 /etc/y：无法读取 /etc/x：文件不存在"; got != want {
		t.Errorf("nested: got %q, want %q", got, want)
	}
}

// TestErrorfWrapsLikeFmt holds Errorf against fmt.Errorf.
func TestErrorfWrapsLikeFmt(t *testing.T) {
	first, second := fs.ErrNotExist, fs.ErrPermission
	for _, tc := range []struct {
		format string
		args   []any
	}{
		{"%w", []any{first}},
		{"%v", []any{first}},
		{"plain", nil},
		{"%w, then %v", []any{first, second}},
		{"%v, then %w", []any{first, second}},
		{"%[2]w after %[1]v", []any{first, second}},
		{"%[2]v after %[1]w", []any{first, second}},
		{"%s: %w and %w", []any{"both", first, second}},
		{"100%% %w", []any{second}},
		{"%%w is not a verb: %v", []any{first}},
		{"%w of nothing", []any{error(nil)}},
		{"%w without an error", []any{"text"}},
	} {
		t.Run(tc.format, func(t *testing.T) {
			got, want := Errorf(tc.format, tc.args...), fmt.Errorf(tc.format, tc.args...)
			for _, cause := range []error{first, second} {
				if errors.Is(got, cause) != errors.Is(want, cause) {
					t.Errorf("errors.Is(_, %v) = %v", cause, errors.Is(got, cause))
				}
			}
			if one, other := errors.Unwrap(got), errors.Unwrap(want); other != nil && one != other {
				t.Errorf("Unwrap = %v, want %v", one, other)
			}
			if text := want.Error(); !strings.Contains(text, "%!") && got.Error() != text {
				t.Errorf("Error() = %q, want %q", got, text)
			}
		})
	}
}

// TestErrorfWithoutAnError: an error that came over a socket is only its words.
func TestErrorfWithoutAnError(t *testing.T) {
	format := "cannot read %[1]s: %[2]w" // no constant, which go vet would read
	if got, want := Errorf(format, "/etc/x", "no such file").Error(), "cannot read /etc/x: no such file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNumbersAreNotGrouped(t *testing.T) {
	if got, want := Chinese.Sprintf("connection %d", 8089), "连接 8089"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnUnknownTextStaysEnglish(t *testing.T) {
	if got := Chinese.Sprintf("nobody translated %s", "this"); got != "nobody translated this" {
		t.Errorf("got %q", got)
	}
}
