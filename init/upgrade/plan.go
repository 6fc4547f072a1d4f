package upgrade

import (
	"context"
	"slices"

	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/finding"
)

// The states of a plan.
const (
	PlanCurrent    = "current"    // nothing to upgrade
	PlanReady      = "ready"      // `omsinit upgrade apply` may begin
	PlanRefused    = "refused"    // something stands against it
	PlanUnfinished = "unfinished" // an upgrade was begun; apply goes on with it
)

// Plan is what an upgrade would do. Its JSON form only ever grows.
type Plan struct {
	Version  int      `json:"version"` // of this form: 1
	State    string   `json:"state"`
	From     string   `json:"from"` // empty: not known
	To       string   `json:"to"`
	Edition  string   `json:"edition"`
	Recorded []string `json:"recorded"`
	// Route are the releases on the way, the target last.
	Route []string `json:"route"`
	HA    PlanHA   `json:"ha"`
	// Databases are those that are backed up.
	Databases  []PlanDatabase      `json:"databases"`
	Statements []metadb.Statements `json:"statements"`
	Backup     PlanBackup          `json:"backup"`
	// Programs stop on this node; EstimatedSeconds is for how long.
	Programs         []string `json:"programs"`
	EstimatedSeconds int64    `json:"estimated_seconds"`
	// OtherNodes must be stopped before, and are started with the new image.
	OtherNodes []string        `json:"other_nodes"`
	Unfinished *PlanOpen       `json:"unfinished,omitempty"`
	Objections []PlanObjection `json:"objections"`

	objections []finding.Finding
}

// PlanHA is high availability as it is.
type PlanHA struct {
	Enabled        bool `json:"enabled"`
	Automatic      bool `json:"automatic"` // --auto-ha switches it
	RefetchMinutes int  `json:"refetch_store_interval_min"`
}

// PlanDatabase is one database. Rows and bytes are estimates of the server.
type PlanDatabase struct {
	Kind      config.Role `json:"kind"`
	Name      string      `json:"name"`
	Rows      int64       `json:"rows"`
	Bytes     int64       `json:"bytes"`
	DumpBytes int64       `json:"dump_bytes"`
}

// PlanBackup is where the backup goes, and whether it fits.
type PlanBackup struct {
	Dir       string `json:"dir"`
	Bytes     int64  `json:"bytes"`
	FreeBytes int64  `json:"free_bytes"` // -1: not known
	Fits      bool   `json:"fits"`
	Keep      int    `json:"keep"`
}

// PlanOpen is an upgrade that was begun.
type PlanOpen struct {
	State State  `json:"state"`
	Stage string `json:"stage"`
	Node  string `json:"node"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// PlanObjection is an objection, in English.
type PlanObjection struct {
	ID      string         `json:"id"`
	Warning bool           `json:"warning"`
	Message string         `json:"message"`
	Fix     string         `json:"fix"`
	Facts   map[string]any `json:"facts,omitempty"`
}

// Plan looks at everything and changes nothing. Objections with the given IDs
// are warnings.
func (u *Upgrade) Plan(ctx context.Context, ignored func(id string) bool) (*Plan, error) {
	db, err := u.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	s, err := u.look(ctx, db)
	if err != nil {
		return nil, err
	}
	p := &Plan{Version: 1, From: s.from.String(), To: s.to.String(), Edition: u.Pack.Edition, Recorded: []string{},
		Route:     append([]string{}, s.way.stops...),
		Databases: []PlanDatabase{}, Statements: []metadb.Statements{},
		Programs: []string{}, OtherNodes: []string{}, Objections: []PlanObjection{}}
	for _, v := range s.recorded {
		p.Recorded = append(p.Recorded, v.String())
	}
	if p.objections, err = u.objections(ctx, db, s); err != nil {
		return nil, err
	}
	stop := false
	for i := range p.objections {
		o := &p.objections[i]
		if o.Severity == finding.Error && ignored != nil && ignored(o.ID) {
			o.Severity, o.Ignored = finding.Warning, true
		}
		stop = stop || o.Severity == finding.Error
		p.Objections = append(p.Objections, PlanObjection{
			o.ID, o.Severity == finding.Warning, o.Message.String(), o.Fix.String(), finding.Facts(o.Facts)})
	}
	switch {
	case stop:
		p.State = PlanRefused
	case open(s.newest):
		p.State = PlanUnfinished
	case !s.due():
		p.State = PlanCurrent
	default:
		p.State = PlanReady
	}
	if r := s.newest; open(r) {
		p.Unfinished = &PlanOpen{r.State, r.Stage, r.Node, r.From, r.To}
	}
	if s.due() {
		return p, u.fill(ctx, s, p)
	}
	return p, nil
}

// What the estimate of the outage assumes: a slow disk, and the two minutes
// that the documents give for a start.
const (
	dumpedPerSecond = 20 << 20
	startSeconds    = 120
)

func (u *Upgrade) fill(ctx context.Context, s *survey, p *Plan) error {
	on, err := s.ha.enabled()
	p.HA = PlanHA{Enabled: on && err == nil, Automatic: u.AutoHA, RefetchMinutes: s.ha.refetchMinutes()}
	p.Backup = PlanBackup{Dir: u.Layout.BackupDir(), FreeBytes: -1, Keep: u.keep()}
	for _, d := range s.databases {
		p.Databases = append(p.Databases, PlanDatabase{d.Kind, d.Name, d.rows, d.bytes, d.dump})
		p.Backup.Bytes += d.dump
	}
	if free, ok := u.freeSpace(); ok {
		p.Backup.FreeBytes = free
	}
	p.Backup.Fits = p.Backup.FreeBytes < 0 || p.Backup.FreeBytes >= p.Backup.Bytes+spare
	// Dumped, read again, and counted.
	p.EstimatedSeconds = startSeconds + 2*p.Backup.Bytes/dumpedPerSecond
	if u.Programs != nil {
		if running, err := u.Programs.Running(ctx, u.Pack.Upgrade.Stop); err == nil {
			p.Programs = append(p.Programs, running...)
		}
	}
	for _, host := range append(slices.Clone(s.hosts), u.Config.CMNodes...) {
		if host != u.Node && !slices.Contains(p.OtherNodes, host) {
			p.OtherNodes = append(p.OtherNodes, host)
		}
	}
	slices.Sort(p.OtherNodes)
	if !s.way.direct() {
		return nil // another image does its part first
	}
	step := u.step()
	step.From = u.From
	statements, err := step.Statements(ctx)
	if err != nil {
		return nil // it is an objection
	}
	p.Statements = statements
	for _, d := range s.databases {
		if d.Kind != config.Heartbeat || d.Name == u.Config.HeartbeatDatabase {
			continue
		}
		c := *u.Config
		c.HeartbeatDatabase, step.Config = d.Name, &c
		more, err := step.Statements(ctx)
		if err != nil {
			return err
		}
		p.Statements = append(p.Statements, slices.DeleteFunc(more,
			func(st metadb.Statements) bool { return st.Kind != config.Heartbeat })...)
	}
	return nil
}

// Refused reports whether something stands against the upgrade.
func (p *Plan) Refused() bool { return p.State == PlanRefused }
