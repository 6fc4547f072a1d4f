package metadb

import (
	"context"
	"fmt"
	"io"
	"strings"

	mysql "omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Print writes the status for a person.
func (s Status) Print(w io.Writer, lang msg.Lang) error {
	var text strings.Builder
	b := style.Before(w, &text)
	fmt.Fprintln(b, lang.Sprintf("release of the pack: %s; recorded in the MetaDB: %s", s.Release,
		orNone(s.Recorded, lang)))
	for _, d := range s.Databases {
		fmt.Fprintln(b)
		switch {
		case !d.Exists:
			fmt.Fprintln(b, lang.Sprintf("%s (%s): not created yet", d.Name, d.Kind))
		case !d.Journal:
			fmt.Fprintln(b, lang.Sprintf("%s (%s): has no journal yet", d.Name, d.Kind))
		default:
			fmt.Fprintf(b, "%s (%s)\n", d.Name, d.Kind)
		}
		var rows [][]string
		for _, f := range d.Files {
			statements := fmt.Sprintf("%d/%d", f.Applied, f.Total)
			state := stateStyle[f.State].Paint(w, f.state().In(lang))
			rows = append(rows, []string{"  " + f.Version, state, statements, short(f.Checksum), f.Finished, f.Tool})
		}
		if err := msg.PrintColumns(b, rows); err != nil {
			return err
		}
		for _, f := range d.Files {
			if f.Statement != "" && f.State != "done" {
				fmt.Fprintln(b, "  "+lang.Sprintf("%s, statement %d: %s", f.Version, max(f.InFlight, f.Applied+1),
					statement{text: f.Statement}.short()))
			}
			if f.Error != "" {
				fmt.Fprintln(b, "  "+style.Error.Paint(b,
					lang.Sprintf("%s: the server's answer: %s", f.Version, f.Error)))
			}
		}
		for _, m := range d.Missing {
			fmt.Fprintln(b, "  "+style.Error.Paint(b,
				lang.Sprintf("missing: %s; it comes back with: %s", m.What, m.Mend)))
		}
		for _, c := range d.Changed {
			fmt.Fprintln(b, "  "+style.Warning.Paint(b,
				lang.Sprintf("changed: %s is %s, and %s in the schema; that comes back with: %s", c.What, c.Have,
					c.Want, c.Mend)))
		}
		if len(d.Extra) > 0 {
			fmt.Fprintln(b, "  "+lang.Sprintf("beyond the schema: %s", msg.List(d.Extra)))
		}
		if d.problem != nil {
			fmt.Fprintln(b, "  "+style.Error.Paint(b, lang.Sprintf("a run would stop: %v", d.problem)))
		}
	}
	fmt.Fprintln(b)
	switch {
	case s.UpToDate:
		fmt.Fprintln(b, style.OK.Paint(b, lang.Sprintf("the MetaDB is up to date")))
	case s.applied:
		fmt.Fprintln(b, style.Warning.Paint(b,
			lang.Sprintf("the MetaDB is not as the schema has it: the statements above bring it back")))
	default:
		fmt.Fprintln(b, style.Warning.Paint(b,
			lang.Sprintf("the MetaDB is not up to date: see `omsinit metadb migrate --dry-run`")))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Healthy reports whether nothing is left to do and nothing is wrong.
func (s Status) Healthy() bool { return s.UpToDate }

var stateStyle = map[string]style.Style{
	"done": style.OK, "in flight": style.Warning, "unfinished": style.Warning, "changed": style.Error,
	"failed": style.Error,
}

func (f FileStatus) state() msg.Message {
	switch f.State {
	case "pending":
		return msg.M("pending")
	case "in flight":
		return msg.M("in flight")
	case "failed":
		return msg.M("failed")
	case "changed":
		return msg.M("CHANGED")
	case "absent":
		return msg.M("not in this pack")
	case "done":
		if f.Origin == found {
			return msg.M("found")
		}
		return msg.M("done")
	}
	return msg.M("unfinished")
}

func orNone(names []string, lang msg.Lang) string {
	if len(names) == 0 {
		return lang.Sprintf("none")
	}
	return msg.List(names).In(lang)
}

// DryRun writes the SQL that Apply would run now, and reports whether there is
// any. It changes nothing.
func (s *Step) DryRun(ctx context.Context, out io.Writer) (bool, error) {
	w, db, err := s.begin()
	if err != nil {
		return false, err
	}
	defer db.Close()
	if err := w.look(ctx, db); err != nil {
		return false, err
	}
	var b strings.Builder
	for _, dp := range w.plan.databases {
		if dp.create {
			fmt.Fprintln(&b, dp.createStatement()+";")
		}
		if !dp.journal && len(dp.files) == 0 {
			continue
		}
		fmt.Fprintln(&b, "USE "+mysql.Quote(dp.name)+";")
		if dp.journal {
			for _, q := range w.ownTables(dp) {
				fmt.Fprintln(&b, q+";")
			}
		}
		for _, fp := range dp.files {
			fmt.Fprintf(&b, "-- %s (%s)", fp.name, w.Pack.Source(fp.name))
			if fp.origin == found {
				fmt.Fprint(&b, ": found, only noted in the journal")
			}
			fmt.Fprintln(&b)
			for i := fp.from; i < len(fp.statements); i++ {
				st := fp.statements[i]
				if w.leaves(dp, fp, st) {
					continue
				}
				if fp.uncertain(i) {
					fmt.Fprintln(
						&b, "-- in flight when a run was cut: an error that proves that it happened is accepted")
				}
				fmt.Fprintln(&b, st.text+";")
			}
		}
	}
	if w.plan.record {
		fmt.Fprintf(&b, "INSERT INTO %s.%s (version) VALUES ('%s');\n", mysql.Quote(s.Config.RMDatabase),
			mysql.Quote(versionTable), s.Pack.Release)
	}
	_, err = io.WriteString(out, b.String())
	return !w.plan.empty(), err
}
