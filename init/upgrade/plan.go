package upgrade

import (
	"cmp"
	"context"
	"slices"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/init/upgrade/hosts"
	"omsinit/internal/finding"
	"omsinit/internal/ha"
	"omsinit/internal/registry"
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
	Databases  []backup.Size       `json:"databases"`
	Statements []metadb.Statements `json:"statements"`
	Backup     PlanBackup          `json:"backup"`
	// Programs stop on this node; EstimatedSeconds is for how long.
	Programs         []string `json:"programs"`
	EstimatedSeconds int64    `json:"estimated_seconds"`
	// OtherNodes must be stopped before, and are started with the new image.
	OtherNodes []string        `json:"other_nodes"`
	Unfinished *Record         `json:"unfinished,omitempty"`
	Objections []PlanObjection `json:"objections"`
	// Hosts are those of all regions, in the order of their commands, when these are asked for.
	Hosts []hosts.Host `json:"hosts,omitempty"`

	objections []finding.Finding
}

// PlanHA is high availability as it is.
type PlanHA struct {
	Enabled        bool `json:"enabled"`
	Automatic      bool `json:"automatic"` // --auto-ha switches it
	RefetchMinutes int  `json:"refetch_store_interval_min"`
}

// PlanBackup is where the backup goes, and whether it fits.
type PlanBackup struct {
	Dir       string `json:"dir"`
	Bytes     int64  `json:"bytes"`
	FreeBytes int64  `json:"free_bytes"` // -1: not known
	Fits      bool   `json:"fits"`
	Keep      int    `json:"keep"`
}

// PlanObjection is an objection, in English.
type PlanObjection struct {
	ID      string         `json:"id"`
	Warning bool           `json:"warning"`
	Message string         `json:"message"`
	Fix     string         `json:"fix"`
	Facts   map[string]any `json:"facts,omitempty"`
}

// Plan looks at everything and changes nothing that lasts. Other findings are
// what step 1 has found. Objections with the given IDs are warnings.
func (u *Upgrade) Plan(ctx context.Context, others []finding.Finding, ignored func(id string) bool) (*Plan, error) {
	s, err := u.judge(ctx)
	if err != nil {
		return nil, err
	}
	p := &Plan{Version: 1, From: s.from.String(), To: s.to.String(), Edition: u.Pack.Edition, Recorded: []string{},
		Route:     append([]string{}, s.way.stops...),
		Databases: append([]backup.Size{}, s.databases...), Statements: append([]metadb.Statements{}, s.statements...),
		Programs: []string{}, OtherNodes: []string{}, Objections: []PlanObjection{},
		objections: append(others, s.found...)}
	for _, v := range s.recorded {
		p.Recorded = append(p.Recorded, v.String())
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
	if open(s.newest) {
		p.Unfinished = s.newest
	}
	if s.due() {
		u.fill(ctx, s.survey, p)
	}
	if u.Hosts.Wanted() && (s.due() || p.Unfinished != nil) {
		p.Hosts, err = u.planHosts(ctx, s.survey)
	}
	return p, err
}

// planHosts returns the commands of all hosts. The first one is the node that began, else this one or, where its cm_url
// leads to another node, that one.
func (u *Upgrade) planHosts(ctx context.Context, s *survey) ([]hosts.Host, error) {
	db, err := u.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	regions, err := registry.ReadRegions(ctx, db, u.Config.RMDatabase)
	if newMetaDB(u.Config, err) != nil {
		return nil, newMetaDB(u.Config, err)
	}
	nodes, err := registry.ReadHosts(ctx, db, u.Config.CMDatabase)
	if newMetaDB(u.Config, err) != nil {
		return nil, newMetaDB(u.Config, err)
	}
	first := cmp.Or(registry.CMNode(u.Config, u.Node), u.Node)
	if open(s.newest) {
		first = s.newest.Node
	}
	o := u.Hosts
	o.Release, o.AutoHA = u.Pack.Release, u.AutoHA
	return hosts.List(u.Config, regions, nodes, first, o), nil
}

// What the estimate of the outage assumes: a slow disk, and the two minutes
// that the documents give for a start.
const (
	dumpedPerSecond = 20 << 20
	startSeconds    = 120
)

func (u *Upgrade) fill(ctx context.Context, s *survey, p *Plan) {
	on, err := haEnabled(s.ha)
	p.HA = PlanHA{Enabled: on && err == nil, Automatic: u.AutoHA, RefetchMinutes: ha.RefetchMinutes(s.ha)}
	p.Backup = u.backupSpace(s)
	// Dumped, read again, and counted.
	p.EstimatedSeconds = startSeconds + 2*p.Backup.Bytes/dumpedPerSecond
	if running, err := u.Programs.Running(ctx, u.Pack.Upgrade.Stop); err == nil {
		p.Programs = append(p.Programs, running...)
	}
	for _, host := range append(slices.Clone(s.hosts), u.Config.CMNodes...) {
		if host != u.Node && !slices.Contains(p.OtherNodes, host) {
			p.OtherNodes = append(p.OtherNodes, host)
		}
	}
	slices.Sort(p.OtherNodes)
}

// Refused reports whether something stands against the upgrade.
func (p *Plan) Refused() bool { return p.State == PlanRefused }
