package match

import (
	"strconv"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/pattern"
)

// NamesSecret reports whether a key of a file is named like a secret; an
// expression is no name.
func NamesSecret(key string) bool { return config.SoundsSecret(key) && !strings.Contains(key, "{{") }

// LooksLikeSecret leaves out what is certainly none: nothing, switches, numbers,
// files, addresses, references to something else, and what comes from config.yaml.
func LooksLikeSecret(value string) bool {
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return false
	}
	switch strings.ToLower(value) {
	case "", "true", "false", "null", "none", "yes", "no", "on", "off", "enabled", "disabled", "required", "optional",
		`""`, "''":
		return false
	}
	// Braces of the text itself are written as {{"{{"}}.
	return !strings.Contains(strings.ReplaceAll(value, `{{"`, ""), "{{") && !reference().MatchString(value)
}

// reference is a value that only names where the secret is.
var reference = pattern.New(
	`^(\$[A-Za-z_]\w*|\$\{.*\}|\$\(.*\)|%\(.*\)s|%\w+%|@\w+@|\w[\w+.-]*://.*|\w+:/.*|\.{0,2}/[^+=]*|\*+|x+)$`)

// IsUsualWord reports whether a text may be a word, a number or a name: short,
// or of small letters alone.
func IsUsualWord(text string) bool {
	return len(text) < 8 || Usual(text) || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
