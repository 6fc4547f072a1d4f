// Package release compares releases of OMS, in any of the spellings that image
// tags, documents and the table oms_version use (docs/oms-facts.md §0).
package release

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"omsinit/internal/pattern"
)

// Version is a release: 4.2.3-CE, feature_4.2.11_ce, 3.3.0-bp1, 2.2.0_beta.
type Version struct {
	core    string // v4.2.3, as golang.org/x/mod/semver spells it
	before  string // -beta: older than the release itself
	bundle  uint64 // bp1 is 1: a bundle patch, later than the release itself
	edition string // CE, EE, or "" when it is not told
	text    string
}

var form = pattern.New(`^(?i:feature[_-]|v)?(\d+)\.(\d+)(?:\.(\d+))?((?:[-_.][0-9A-Za-z]+)*)$`)

// Parse reads a version. The edition does not count in comparisons.
func Parse(text string) (Version, error) {
	text = strings.TrimSpace(text)
	m := form().FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a version such as 4.2.3-CE", text)
	}
	v := Version{text: text}
	var before []string
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
			before = append(before, word)
		}
	}
	var core [3]uint64
	for i := range core {
		var err error
		if core[i], err = strconv.ParseUint(cmp.Or(m[1+i], "0"), 10, 32); err != nil {
			return Version{}, fmt.Errorf("%q is not a version such as 4.2.3-CE: %w", text, err)
		}
	}
	v.core = fmt.Sprintf("v%d.%d.%d", core[0], core[1], core[2])
	if before != nil {
		v.before = "-" + strings.Join(before, ".")
	}
	return v, nil
}

// Compare is negative when v is older than w, 0 when they are the same release
// (of whatever edition), positive when v is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(semver.Compare(v.core+v.before, w.core+w.before), cmp.Compare(v.bundle, w.bundle))
}

// Core is the release without edition, build and bundle patch: 4.2.3.
func (v Version) Core() string { return strings.TrimPrefix(v.core, "v") }

// Edition is CE, EE, or "" when the version does not tell.
func (v Version) Edition() string { return v.edition }

// String is the version as it was spelled.
func (v Version) String() string { return v.text }

// Bounds are a release, 4.2.2, or all releases within bounds, >=3.2.1 <4.0.1.
type Bounds []bound

type bound struct{ operator, core string }

var boundForm = pattern.New(`^(>=|<=|>|<|=)?(\d+\.\d+)(\.\d+)?$`)

// ParseBounds reads bounds. One of two numbers, 3.2, is the release 3.2.0.
func ParseBounds(text string) (Bounds, error) {
	var bounds Bounds
	for _, field := range strings.Fields(text) {
		m := boundForm().FindStringSubmatch(field)
		if m == nil {
			return nil, fmt.Errorf("%q is not a release such as 4.2.2, or a bound such as >=3.2.1", field)
		}
		v, err := Parse(m[2] + m[3])
		if err != nil {
			return nil, err
		}
		bounds = append(bounds, bound{m[1], v.core})
	}
	if bounds == nil {
		return nil, fmt.Errorf("%q names no release", text)
	}
	return bounds, nil
}

// Contain reports whether a release is within the bounds. A build of a release
// is neither newer nor older than it.
func (b Bounds) Contain(v Version) bool {
	for _, one := range b {
		order, within := semver.Compare(v.core, one.core), false
		switch one.operator {
		case ">":
			within = order > 0
		case ">=":
			within = order >= 0
		case "<":
			within = order < 0
		case "<=":
			within = order <= 0
		default:
			within = order == 0
		}
		if !within {
			return false
		}
	}
	return true
}
