package config

import (
	"maps"
	"slices"

	"omsinit/internal/finding"
)

// Origin is where an effective value comes from.
type Origin string

// The origins.
const (
	FromFile    Origin = "file"
	FromDefault Origin = "default"
	Derived     Origin = "derived" // from the key in Setting.Source
	NotSet      Origin = "none"
)

// Setting is one key with its effective value. Its JSON form only ever grows.
type Setting struct {
	Name   string `json:"key"`
	Value  any    `json:"value"` // as in Values
	Origin Origin `json:"origin"`
	Line   int    `json:"line,omitempty"`   // of the value in the file, from 1
	Column int    `json:"column,omitempty"` // likewise
	Source string `json:"source,omitempty"` // the key it comes from, if that is another one
	Known  bool   `json:"known"`            // whether it is a key of OMS
}

// Settings returns every key of OMS in the order of Keys, then the others by name. Name, data, warnings and errors are
// those of Parse.
func Settings(name string, data []byte) ([]Setting, []finding.Finding, error) {
	r := newReader(name)
	r.all(data)
	warnings, err := r.findings.result()
	if err != nil {
		return nil, warnings, err
	}
	return r.settings(), warnings, nil
}

func (r *reader) settings() []Setting {
	values := r.config.Values()
	var list []Setting
	for _, k := range keys {
		s := Setting{Name: k.Name, Value: values[k.Name], Origin: NotSet, Known: true}
		switch n := r.taken[k.Name]; {
		case n != nil:
			s.Origin, s.Line, s.Column = FromFile, n.Line, r.column(n)
			if _, ok := r.files[k.Name]; ok {
				s.Source = k.FileKey()
			}
		case k.Name == "cm_region_cn" && r.config.CMRegionCN != "":
			s.Origin, s.Source = Derived, "cm_region"
		case k.Default != "":
			s.Origin = FromDefault
		}
		list = append(list, s)
	}
	for _, name := range slices.Sorted(maps.Keys(r.unknowns)) {
		n := r.unknowns[name]
		list = append(list, Setting{
			Name: name, Value: r.config.Extra[name], Origin: FromFile, Line: n.Line, Column: r.column(n)})
	}
	return list
}
