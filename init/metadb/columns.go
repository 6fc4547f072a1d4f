package metadb

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
)

// Room returns a function that returns how many characters a column takes when this step is done, 0 where it has no
// bound or is not known. Until the release is recorded a column that is there may still grow, so the longer of what it
// has and what the schema says counts.
func (s *Step) Room(ctx context.Context, q mysql.Queryer) (func(d config.Role, table, column string) int, error) {
	files, err := s.schema()
	if err != nil {
		return nil, err
	}
	l, err := inspect(ctx, q, s.Config)
	if err != nil {
		return nil, err
	}
	return func(d config.Role, table, column string) int {
		made := 0
		all := files.expect(d)
		if t := all.find(table); t != nil && !t.vague {
			for _, c := range t.columns {
				if strings.EqualFold(c.name, column) {
					made = room(shapeOf(c.definition).kind)
				}
			}
		}
		have, exists := l.columns(s.Config.Database(d), table)[strings.ToLower(column)]
		now := room(have.kind)
		switch {
		case !exists:
			return made
		case now == 0 || slices.Contains(l.versions, s.Pack.Release):
			return now
		}
		return max(now, made)
	}, nil
}

// room returns how many characters a kind of column takes, 0 for one that has another bound, or none.
func room(kind string) int {
	if _, length, ok := strings.Cut(kind, "char("); ok {
		n, _ := strconv.Atoi(strings.TrimSuffix(length, ")"))
		return n
	}
	return 0
}
