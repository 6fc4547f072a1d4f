package flow

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/resource"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Planned is what an initialisation would do now. Its JSON form only ever
// grows.
type Planned struct {
	Version int `json:"version"`
	// Changes says that there is something to do.
	Changes bool `json:"changes"`
	// Files are those to write.
	Files []PlannedFile `json:"files"`
	// Edits say what people wrote into files, and what would become of it.
	Edits []PlannedEdit `json:"edits"`
	// Restart are the programs to start or restart; null when nobody
	// supervises.
	Restart  []string        `json:"restart"`
	TSDB     PlannedTSDB     `json:"tsdb"`
	MetaDB   PlannedMetaDB   `json:"metadb"`
	Resource PlannedResource `json:"resource"`
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
	Calls []string     `json:"calls"`
	Rows  []PlannedRow `json:"rows"`
}

// PlannedRow is one row to write.
type PlannedRow struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Action string `json:"action"` // insert or update
	// Status is the new host_status of a node that is marked or unmarked.
	Status string `json:"status,omitempty"`
}

// PlannedUnknown is a part that could not be looked at.
type PlannedUnknown struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`

	err error
}

// planTime bounds each look at the MetaDB that somebody waits for.
const planTime = 15 * time.Second

// Plan looks at everything and touches nothing. The error says that
// config.yaml, the pack or the files give no plan at all.
func Plan(ctx context.Context, o Options) (Planned, error) {
	o.setDefaults()
	plan := Planned{Version: 1, Files: []PlannedFile{}, Edits: []PlannedEdit{}, Unknown: []PlannedUnknown{}}
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Err, errOut: o.Err}, client: Client(o.Layout)}
	err := o.usable()
	if err != nil {
		return plan, err
	}
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return plan, err
	}
	cfg, err := r.need()
	if err != nil {
		return plan, err
	}
	if err := plan.files(r, plan.tsdb(ctx, r, cfg)); err != nil {
		return plan, err
	}
	plan.restarts(ctx, r)
	plan.database(ctx, r, cfg)
	plan.Changes = len(plan.Files) > 0 || len(plan.Restart) > 0 || len(plan.TSDB.Create) > 0 || plan.MetaDB.any() || len(plan.Resource.Rows) > 0
	return plan, nil
}

func (p *Planned) files(r *run, cfg *config.Config) error {
	result, err := r.componentStep(cfg).Plan()
	if err != nil {
		return err
	}
	for _, f := range result.Files {
		action := "change"
		if f.Created {
			action = "create"
		}
		p.Files = append(p.Files, PlannedFile{Path: f.Path, Action: action, Diff: f.Diff, Readers: orEmpty(f.Readers)})
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

// restarts asks PID 1 what does not run, or runs with old files. What reads a
// file to be written comes on top.
func (p *Planned) restarts(ctx context.Context, r *run) {
	status, err := r.client.Status(ctx)
	if err != nil {
		p.unknown("restart", err)
		return
	}
	p.Restart = []string{}
	for _, name := range r.pack.Restart {
		for _, program := range status.Programs {
			reads := slices.ContainsFunc(p.Files, func(f PlannedFile) bool { return slices.Contains(f.Readers, name) })
			if program.Name == name && (program.Stale || !program.Ready || reads) {
				p.Restart = append(p.Restart, name)
			}
		}
	}
}

// database looks at the MetaDB: what steps 2 and 5 would write.
func (p *Planned) database(ctx context.Context, r *run, cfg *config.Config) {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	node := cfg.NodeAddress(r.HostIP)
	pending, err := (&metadb.Step{Config: cfg, Pack: r.pack, Node: node}).Plan(ctx)
	p.MetaDB = PlannedMetaDB{Databases: orEmpty(pending.Databases), Tables: orEmpty(pending.Tables), Columns: orEmpty(pending.Columns), VersionRow: pending.VersionRow}
	p.Resource = PlannedResource{Calls: []string{}, Rows: []PlannedRow{}}
	if err != nil {
		p.unknown("metadb", err)
		return
	}
	if pending.Any() {
		p.unknown("resource", msg.Errorf("the tables are to be made first"))
		return
	}
	rows, err := (&resource.Step{Config: cfg, Pack: r.pack, HostIP: node}).Plan(ctx)
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
		p.Resource.Rows = append(p.Resource.Rows, PlannedRow{Table: row.Table, Key: row.Key, Action: action, Status: row.Status})
	}
}

func (p *Planned) unknown(part string, err error) {
	p.Unknown = append(p.Unknown, PlannedUnknown{Part: part, Reason: err.Error(), err: err})
}

// Known says that every part could be looked at; what waits for another part
// of the plan counts as known.
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
	say := func(m msg.Message) { fmt.Fprintln(w, m.In(lang)) }
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
			fmt.Fprintln(w, indented(f.Diff))
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
	list(msg.M("send to the CM"), p.Resource.Calls)
	for _, row := range p.Resource.Rows {
		switch {
		case row.Action == "insert":
			say(msg.M("register %s %s", row.Table, row.Key))
		case row.Status != "":
			say(msg.M("mark %s %s as %s", row.Table, row.Key, row.Status))
		default:
			say(msg.M("correct %s %s", row.Table, row.Key))
		}
	}
	for _, u := range p.Unknown {
		say(msg.M("cannot tell what %s needs: %v", u.Part, u.err))
	}
	if !p.Changes && p.Known() {
		say(msg.M("nothing to do"))
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
