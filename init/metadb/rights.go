package metadb

import (
	"slices"

	"omsinit/internal/config"
	mysql "omsinit/internal/database"
)

// inUse are the rights that the components of OMS, their rows and the journal need in each of the databases.
var inUse = []mysql.Right{mysql.Select, mysql.Insert, mysql.Update, mysql.Delete, mysql.Create}

// Uses returns the rights that the three databases need: those that are in use all the time, and those that the
// statements of the pack's schema files need.
func (s *Step) Uses() ([]mysql.Use, error) {
	files, err := s.schema()
	if err != nil {
		return nil, err
	}
	var uses []mysql.Use
	for _, d := range config.Roles {
		use := mysql.Use{Database: s.Config.Database(d), Rights: slices.Clone(inUse)}
		for f := range files.of(d) {
			for _, st := range f.statements {
				use.Rights = append(use.Rights, st.rights()...)
			}
		}
		slices.Sort(use.Rights)
		use.Rights = slices.Compact(use.Rights)
		uses = append(uses, use)
	}
	return uses, nil
}

// rights returns those that a statement needs beyond inUse.
func (st statement) rights() []mysql.Right {
	switch st.kind {
	case alterTable:
		if st.renamed != "" {
			return []mysql.Right{mysql.Alter, mysql.Drop}
		}
		return []mysql.Right{mysql.Alter}
	case renameTable:
		return []mysql.Right{mysql.Alter, mysql.Drop}
	case dropTable:
		return []mysql.Right{mysql.Drop}
	case createIndex, dropIndex:
		return []mysql.Right{mysql.Index}
	case createOther, dropOther:
		return st.rightsOfOther()
	}
	return nil
}

// rightsOfOther finds the kind of thing that CREATE or DROP is about, behind OR REPLACE, DEFINER and the like.
func (st statement) rightsOfOther() []mysql.Right {
	ts, err := tokens(st.text)
	if err != nil {
		return nil
	}
	for _, t := range ts {
		switch {
		case t.is("VIEW") && st.kind == dropOther:
			return []mysql.Right{mysql.Drop}
		case t.is("VIEW"):
			return []mysql.Right{mysql.CreateView, mysql.Drop} // the latter for OR REPLACE
		case t.is("PROCEDURE", "FUNCTION") && st.kind == dropOther:
			return []mysql.Right{mysql.AlterRoutine}
		case t.is("PROCEDURE", "FUNCTION"):
			return []mysql.Right{mysql.CreateRoutine}
		case t.is("TRIGGER"):
			return []mysql.Right{mysql.Trigger}
		case t.is("EVENT"):
			return []mysql.Right{mysql.Event}
		}
	}
	return nil
}
