package metadb

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Version is an OMS version, in any of the spellings that image tags, documents
// and the table oms_version use: 4.2.3-CE, feature_4.2.11_ce, 3.3.0-bp1,
// 2.2.0_beta (oms-facts §0).
type Version struct {
	core    [3]uint64 // major, minor, patch
	before  string    // a pre-release word, older than the release itself: beta
	bundle  uint64    // bp1 is 1: a bundle patch, later than the release itself
	edition string    // CE, EE, or "" when it is not told
	text    string
}

// versionForm is compiled when it is needed: that costs every start otherwise.
var versionForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:feature[_-]|v)?(\d+)\.(\d+)(?:\.(\d+))?((?:[-_.][0-9A-Za-z]+)*)$`)
})

// ParseVersion reads a version. The edition does not count in comparisons.
func ParseVersion(text string) (Version, error) {
	m := versionForm().FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a version such as 4.2.3-CE", text)
	}
	v := Version{text: strings.TrimSpace(text)}
	prerelease := ""
	for _, word := range strings.FieldsFunc(strings.ToLower(m[4]),
		func(r rune) bool { return strings.ContainsRune("-_.", r) }) {
		number, isBundle := strings.CutPrefix(word, "bp")
		switch n, err := strconv.ParseUint(number, 10, 32); {
		case word == "ce" || word == "ee":
			v.edition = strings.ToUpper(word)
		case err == nil && v.bundle == 0: // bp1, and the fourth number of 4.2.3.1
			v.bundle = n
		case err == nil || isBundle:
			return Version{}, fmt.Errorf("%q is not a version such as 4.2.3-CE: what is %q?", text, word)
		default:
			prerelease += "." + word
		}
	}
	v.before = strings.TrimPrefix(prerelease, ".")
	for i := range v.core {
		var err error
		if v.core[i], err = strconv.ParseUint(cmp.Or(m[1+i], "0"), 10, 32); err != nil {
			return Version{}, fmt.Errorf("%q is not a version such as 4.2.3-CE: %w", text, err)
		}
	}
	return v, nil
}

// Compare is negative when v is older than w, 0 when they are the same release
// (of whatever edition), positive when v is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(slices.Compare(v.core[:], w.core[:]), compareBefore(v.before, w.before),
		cmp.Compare(v.bundle, w.bundle))
}

// compareBefore orders pre-releases by their words, all of them before the
// release, which has none.
func compareBefore(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// Core is the release without edition, build and bundle patch: 4.2.3.
func (v Version) Core() string { return fmt.Sprintf("%d.%d.%d", v.core[0], v.core[1], v.core[2]) }

// Edition is CE, EE, or "" when the version does not tell.
func (v Version) Edition() string { return v.edition }

// String is the version as it was spelled.
func (v Version) String() string { return v.text }
