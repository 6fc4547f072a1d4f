package msg

import (
	"os"
	"strings"
)

// Lang is a language a person can choose.
type Lang string

// The languages there are.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Parse returns the language that a person named in --lang or OMS_LANG (en, zh,
// or a locale such as zh_CN.UTF-8), and reports whether it is one.
func Parse(s string) (Lang, bool) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ".")
	base, _, _ = strings.Cut(strings.ReplaceAll(base, "-", "_"), "_")
	switch base {
	case "zh", "cn", "chinese":
		return Chinese, true
	case "en", "english", "c", "posix":
		return English, true
	}
	return English, false
}

// FromEnv returns the language of OMS_LANG, else of the locale (LC_ALL,
// LC_MESSAGES, LANG), else English. A nil getenv means os.Getenv.
func FromEnv(getenv func(string) string) Lang {
	if getenv == nil {
		getenv = os.Getenv
	}
	if l, ok := Parse(getenv("OMS_LANG")); ok {
		return l
	}
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(key); v != "" {
			l, _ := Parse(v)
			return l
		}
	}
	return English
}
