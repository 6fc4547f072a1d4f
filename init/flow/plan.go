package flow

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Planned is what an initialisation would do now. Its JSON form only ever grows.
type Planned struct {
	Version int `json:"version"`
	// Changes: there is something to do.
	Changes bool `json:"changes"`
	// Files are those to write.
	Files []PlannedFile `json:"files"`
	// Edits are what people wrote into files, and what would become of it.
	Edits []PlannedEdit `json:"edits"`
	// Restart are the programs to start or restart; null when nobody supervises.
	Restart  []string        `json:"restart"`
	TSDB     PlannedTSDB     `json:"tsdb"`
	MetaDB   PlannedMetaDB   `json:"metadb"`
	Resource PlannedResource `json:"resource"`
	// Programs is what is wrong with the program files that are there.
	Programs []PlannedFinding `json:"program_files"`
	// Unknown are the parts that could not be looked at.
	Unknown []PlannedUnknown `json:"unknown"`

	edits []msg.Message
}

// PlannedFile is one file to write.
type PlannedFile struct {
	Path    string   `json:"path"`
	Action  string   `json:"action"`         // create or change
	Diff    string   `json:"diff,omitempty"` // without secrets
	Readers []string `json:"readers"`
}

// PlannedEdit is one file that people edited.
type PlannedEdit struct {
	Path   string   `json:"path"`
	Action string   `json:"action"` // keep, or save beside the new one
	Keys   []string `json:"keys,omitempty"`
}

// PlannedMetaDB is what step 2 would create.
type PlannedMetaDB struct {
	Databases  []string `json:"databases"`
	Tables     []string `json:"tables"`
	Columns    []string `json:"columns"`
	VersionRow bool     `json:"version_row"`
}

// PlannedResource is what step 5 would register.
type PlannedResource struct {
	// Script is the command that does the old step 5; what it does is not known.
	Script string `json:"script,omitempty"`

	Calls []string     `json:"calls"`
	Rows  []PlannedRow `json:"rows"`
}

// PlannedRow is one row to write.
type PlannedRow struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Action string `json:"action"` // insert or update
}

// PlannedFinding is something that is wrong with a program file.
type PlannedFinding struct {
	ID       string `json:"id"`       // as check names it
	Severity string `json:"severity"` // error: its program does not run
	Message  string `json:"message"`  // with file and line

	err error
}

// PlannedUnknown is a part that could not be looked at.
type PlannedUnknown struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`

	err error
}

// lookTime bounds each look at a database that somebody waits for.
const lookTime = 15 * time.Second

// Plan looks at everything and touches nothing. With an error there is no plan at all: config.yaml, the pack or the
// files cannot be used.
func (f *Flow) Plan(ctx context.Context) (Planned, error) {
	p := Planned{Version: 1, Files: []PlannedFile{}, Edits: []PlannedEdit{}, Programs: []PlannedFinding{},
		Unknown: []PlannedUnknown{}}
	err := f.usable()
	if err != nil {
		return p, err
	}
	if f.pack, err = f.Pack(); err != nil {
		return p, err
	}
	cfg, err := f.need()
	if err != nil {
		return p, err
	}
	if err := p.planFiles(f, p.planTSDB(ctx, f, cfg)); err != nil {
		return p, err
	}
	p.planRestarts(ctx, f)
	p.planPrograms(f)
	p.planMetaDB(ctx, f, cfg)
	p.Changes = len(p.Files) > 0 || len(p.Restart) > 0 || len(p.TSDB.Create) > 0 ||
		p.MetaDB.any() || len(p.Resource.Rows) > 0 || p.Resource.Script != "" && !finished(f.Node)
	return p, nil
}

func (p *Planned) planFiles(f *Flow, cfg *config.Config) error {
	result, err := f.componentStep(cfg).Plan()
	if err != nil {
		return err
	}
	for _, file := range result.Files {
		action := "change"
		if file.Created {
			action = "create"
		}
		p.Files = append(p.Files, PlannedFile{
			Path: file.Path, Action: action, Diff: file.Diff, Readers: orEmpty(file.Readers),
		})
	}
	for _, k := range result.Kept {
		p.Edits = append(p.Edits, PlannedEdit{Path: k.Path, Action: "keep", Keys: k.Keys})
	}
	for _, path := range result.Saved {
		p.Edits = append(p.Edits, PlannedEdit{Path: path, Action: "save"})
	}
	p.edits = append(p.edits, edits(result)...)
	return nil
}

// planRestarts asks PID 1 what does not run, or runs with old files. What reads a file to be written comes on top.
func (p *Planned) planRestarts(ctx context.Context, f *Flow) {
	status, err := f.client.Status(ctx)
	if err != nil {
		p.unknown("restart", err)
		return
	}
	p.Restart = []string{}
	programs := byName(status)
	for _, name := range f.pack.Restart {
		program, defined := programs[name]
		reads := slices.ContainsFunc(p.Files, func(f PlannedFile) bool { return slices.Contains(f.Readers, name) })
		if defined && (program.Stale || !program.Ready || reads) {
			p.Restart = append(p.Restart, name)
		}
	}
}

// planPrograms reads the program files that are there.
func (p *Planned) planPrograms(f *Flow) {
	findings, err := f.programFiles()
	if err != nil {
		p.unknown("program_files", err)
	}
	for _, w := range findings {
		p.Programs = append(p.Programs, PlannedFinding{w.ID, string(w.Severity), w.Err().Error(), w.Err()})
	}
}

// planMetaDB looks at the MetaDB: what steps 2 and 5 would write.
func (p *Planned) planMetaDB(ctx context.Context, f *Flow, cfg *config.Config) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	pending, err := f.metadbStep(cfg).Plan(ctx)
	p.MetaDB = PlannedMetaDB{
		orEmpty(pending.Databases), orEmpty(pending.Tables), orEmpty(pending.Columns), pending.VersionRow,
	}
	p.Resource = PlannedResource{Script: f.resourceStep(cfg).Script(), Calls: []string{}, Rows: []PlannedRow{}}
	if err != nil {
		p.unknown("metadb", err)
		return
	}
	if pending.Any() {
		p.unknown("resource", msg.Errorf("the tables are to be made first"))
		return
	}
	rows, err := f.resourceStep(cfg).Plan(ctx)
	if err != nil {
		p.unknown("resource", err)
		return
	}
	p.Resource.Calls = orEmpty(rows.Calls)
	for _, row := range rows.Rows {
		action := "update"
		if row.Inserted {
			action = "insert"
		}
		p.Resource.Rows = append(p.Resource.Rows, PlannedRow{
			Table: row.Table, Key: row.Key, Action: action,
		})
	}
}

func (p *Planned) unknown(part string, err error) {
	p.Unknown = append(p.Unknown, PlannedUnknown{Part: part, Reason: err.Error(), err: err})
}

// Known reports whether every part could be looked at; what waits for another part of the plan counts as known.
func (p Planned) Known() bool {
	for _, u := range p.Unknown {
		if u.Part == "metadb" || u.Part == "tsdb" || u.Part == "resource" && !p.MetaDB.any() {
			return false
		}
	}
	return true
}

func (m PlannedMetaDB) any() bool {
	return len(m.Databases) > 0 || len(m.Tables) > 0 || len(m.Columns) > 0 || m.VersionRow
}

// Print writes the plan for people.
func (p Planned) Print(w io.Writer, lang msg.Lang) {
	paint := func(s style.Style, m msg.Message) { fmt.Fprintln(w, s.Paint(w, m.In(lang))) }
	say := func(m msg.Message) { paint(style.Plain, m) }
	list := func(m msg.Message, names []string) {
		if len(names) > 0 {
			say(msg.M("%v %s", m, strings.Join(names, " ")))
		}
	}
	for _, f := range p.Files {
		if f.Action == "create" {
			say(msg.M("create %s", f.Path))
		} else {
			say(msg.M("change %s", f.Path))
		}
		if f.Diff != "" {
			fmt.Fprintln(w, indented(style.Diff(w, f.Diff)))
		}
	}
	for _, m := range p.edits {
		say(m)
	}
	list(msg.M("create in the time-series database"), p.TSDB.Create)
	list(msg.M("create the databases"), p.MetaDB.Databases)
	list(msg.M("create the tables"), p.MetaDB.Tables)
	list(msg.M("add the columns"), p.MetaDB.Columns)
	if p.MetaDB.VersionRow {
		say(msg.M("record the release in oms_version"))
	}
	list(msg.M("restart"), p.Restart)
	if p.Resource.Script != "" {
		say(msg.M("run the image's own script for step 5, as pack.yaml says; what it does is not known here: %s",
			p.Resource.Script))
	}
	list(msg.M("send to the CM"), p.Resource.Calls)
	for _, row := range p.Resource.Rows {
		if row.Action == "insert" {
			say(msg.M("register %s %s", row.Table, row.Key))
		} else {
			say(msg.M("correct %s %s", row.Table, row.Key))
		}
	}
	for _, w := range p.Programs {
		paint(style.Warning, msg.M("warning: %v", w.err))
	}
	for _, u := range p.Unknown {
		paint(style.Error, msg.M("cannot tell what %s needs: %v", u.Part, u.err))
	}
	if !p.Changes && p.Resource.Script == "" && p.Known() {
		paint(style.OK, msg.M("nothing to do"))
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
