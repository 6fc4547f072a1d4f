package resource

import (
	"strings"
	"unicode/utf8"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/registry"
)

// TooLong returns the keys of config.yaml whose values do not fit into the columns that they are written to: those of
// cluster_info, in which every region is, and those of the pack's rows. room returns how many characters a column
// takes, 0 for any.
func (s *Step) TooLong(room func(d config.Role, table, column string) int) (out []finding.Finding, err error) {
	region := registry.Configured(s.Config)
	rows := []pack.FilledRow{{Row: pack.Row{Database: config.RM, Table: "cluster_info",
		Values: map[string]string{"region": region.Name, "region_cn": region.NameCN, "cm_url": region.URL}}}}
	for _, settings := range []bool{false, true} {
		more, err := s.filled(settings)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	reported := map[string]bool{"": true}
	for _, row := range rows {
		for _, column := range sortedWithout(row.Values, nil) {
			text := row.Values[column]
			most, length := room(row.Database, row.Table, column), utf8.RuneCountInString(text)
			if most == 0 || length <= most {
				continue
			}
			place := s.placeOf(text)
			if reported[place.Key] {
				continue
			}
			reported[place.Key] = true
			out = append(out, finding.Finding{ID: config.FindingID, Severity: finding.Error, Place: place,
				Message: msg.M("the column %s.%s.%s, which gets the value, takes %d characters, and these are %d",
					s.Config.Database(row.Database), row.Table, column, most, length),
				Fix: msg.M("choose a shorter value")})
		}
	}
	return out, nil
}

// placeOf returns the key of config.yaml whose value is most of a text, with that value as it may be seen; without a
// key where none is in it.
func (s *Step) placeOf(text string) (place finding.Place) {
	longest, values := 0, s.Config.Values()
	for _, k := range config.Keys() {
		value, _ := values[k.Name].(string)
		seen := value
		if secret, ok := values[k.Name].(config.Secret); ok {
			value, seen = secret.Reveal(), config.Masked
		}
		if len(value) > longest && strings.Contains(text, value) {
			place.Key, place.Value, longest = k.Name, seen, len(value)
		}
	}
	return place
}
