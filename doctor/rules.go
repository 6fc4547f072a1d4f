package doctor

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"omsinit/check"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

// rule ranks findings by the beginning of their id.
type rule struct {
	id string
	// next is the command to go on with; "" is the long help of the finding, where there is one.
	next string
	// makes are the beginnings of the ids of what an error of this kind makes by itself, so that it need not be
	// looked at.
	makes []string
}

// What errors make by themselves.
var (
	// A node without its MetaDB does not initialise, and its components neither start nor send heartbeats.
	withoutMetaDB = []string{"cluster.program", "cluster.init", "cluster.heartbeat", "cluster.cm", "symptom.metadb-",
		"symptom.unknown-host",
		"schema."}
	withoutInit = []string{"cluster.program", "cluster.heartbeat", "cluster.region", "cluster.node", "cluster.cm",
		"symptom.console-unconfigured", "symptom.no-machine-registered", "symptom.no-alive-host",
		"symptom.metadb-schema", "schema.", "files."}
	withoutProgram = []string{"cluster.heartbeat", "cluster.cm", "cluster.program", "symptom.no-alive-host"}
)

// rules are in the order in which causes are likely when several are seen: what everything else needs comes first.
// The first one whose id fits counts.
var rules = []rule{
	{"pid1.", "omsinit status", []string{"cluster.program", "cluster.heartbeat", "cluster.cm"}},
	{"disk.full", "df -h", []string{"cluster.program", "cluster.init", "symptom.disk-full", "symptom.out-of-memory"}},
	{"config.", "omsinit config edit", slices.Concat(withoutMetaDB, withoutInit)},
	{"host.address", "", []string{"cluster.init", "cluster.heartbeat", "cluster.stranger", "cluster.node",
		"symptom.no-alive-host"}},
	{"host.mount-writable", "", []string{"cluster.program", "cluster.init"}},
	{"host.ip", "", []string{"cluster.init", "cluster.heartbeat", "cluster.stranger", "cluster.node",
		"symptom.no-alive-host"}},
	{"pids.", "docker inspect CONTAINER --format '{{.HostConfig.PidsLimit}}'",
		[]string{"cluster.program", "symptom.no-more-threads"}},
	{"memory.killed", "omsinit status", []string{"cluster.program", "symptom.out-of-memory",
		"symptom.no-host-resource"}},
	{"dns.", "omsinit check", slices.Concat([]string{"metadb.unreachable", "metadb.connect", "tsdb.connect"},
		withoutMetaDB)},
	{"metadb.unreachable", "omsinit check", withoutMetaDB},
	{"metadb.login", "omsinit metadb switch", withoutMetaDB},
	{"metadb.tls", "omsinit check", withoutMetaDB},
	{"metadb.slow-greeting", "omsinit check", withoutMetaDB},
	{"metadb.connect", "omsinit check", withoutMetaDB},
	{"metadb.clock", "", []string{"symptom.precheck-timeout", "cluster.heartbeat"}},
	{"metadb.timezone", "", []string{"symptom.precheck-timeout", "cluster.heartbeat"}},
	{"metadb.", "omsinit check", []string{"cluster.init", "cluster.program"}},
	{"upgrade.", "omsinit upgrade plan", withoutInit},
	{"regions.", "omsinit cluster show", withoutInit},
	{"port.", "omsinit check", []string{"cluster.program", "symptom.address-in-use", "cluster.init",
		"cluster.heartbeat"}},
	{"https.", "omsinit check", []string{"cluster.program"}},
	{"program.", "omsinit check", []string{"cluster.program"}},
	{"tsdb.", "omsinit metrics check", []string{"cluster.program", "cluster.init", "cluster.heartbeat"}},
	{"cluster.init", "omsinit status", withoutInit},
	{"schema.", "omsinit metadb status", []string{"symptom.metadb-schema", "symptom.internal-error"}},
	{"symptom.", "", nil},
	{"cluster.program", "omsinit logs", withoutProgram},
	{"memory.", "omsinit status", []string{"symptom.no-host-resource"}},
	{"disk.", "df -h", []string{"symptom.no-host-resource"}},
	{"cluster.", "omsinit cluster check", []string{"symptom.no-alive-host"}},
	{"files.stale", "omsinit reconfigure", nil},
	{"files.", "omsinit plan", nil},
	{"console.", "omsinit console unlock USER", nil},
	{"check.", "omsinit check", nil},
	{"host.", "", nil},
	{"", "", nil},
}

func rankOf(id string) int {
	return slices.IndexFunc(rules, func(r rule) bool { return strings.HasPrefix(id, r.id) })
}

// judge turns facts into ranked causes.
func judge(f Facts, in Input) []Cause {
	j := judgement{facts: f, in: in}
	j.reports()
	j.pid1()
	j.resources()
	j.drift()
	j.symptoms()
	j.late()
	j.rank()
	return j.causes
}

type judgement struct {
	facts  Facts
	in     Input
	causes []Cause
}

// add takes a finding, once.
func (j *judgement) add(f finding.Finding) *Cause {
	for i, c := range j.causes {
		if c.ID == f.ID && c.Headline().String() == f.Headline().String() {
			return &j.causes[i]
		}
	}
	c := Cause{Finding: f, rank: rankOf(f.ID)}
	c.Next = rules[c.rank].next
	if _, explained := check.Explain(f.ID); c.Next == "" && explained {
		c.Next = "omsinit check --explain " + f.ID
	}
	j.causes = append(j.causes, c)
	return &j.causes[len(j.causes)-1]
}

func (j *judgement) found(id string, s finding.Severity, m, fix msg.Message, facts ...finding.Fact) *Cause {
	return j.add(finding.Finding{ID: id, Severity: s, Message: m, Fix: fix, Facts: facts})
}

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

// reports takes what the checks have found.
func (j *judgement) reports() {
	for _, report := range []*check.Report{j.facts.Check, j.facts.Cluster} {
		if report == nil {
			continue
		}
		for _, result := range report.Results {
			for _, f := range result.Findings {
				if c := j.add(f); f.ID == "cluster.program" {
					j.lastWords(c)
				}
			}
		}
	}
}

// lastWords adds the end of the log of the program that a cause is about.
func (j *judgement) lastWords(c *Cause) {
	name, _ := finding.Facts(c.Facts)["program"].(string)
	if name == "" {
		return
	}
	c.Next = "omsinit logs " + name
	for _, w := range j.facts.Programs {
		if w.Program == name {
			c.Log, c.Lines = w.File, w.Lines
		}
	}
}

// pid1 judges whether somebody supervises, and how.
func (j *judgement) pid1() {
	if err := j.facts.statuses["status"]; err != nil {
		c := j.found("pid1.silent", finding.Error, msg.M("PID 1 gives no answer: %v", err),
			msg.M("start the container (docker start CONTAINER), whose entry point is omsinit run; when it runs and does not answer, see %s",
				j.in.Layout.LogFile()))
		for _, w := range []string{"no answer", "deadline"} {
			if strings.Contains(err.Error(), w) {
				c.Next = "tail " + j.in.Layout.LogFile()
			}
		}
		return
	}
	status := j.facts.Status
	if status == nil {
		return
	}
	if !status.Definitions.IsZero() {
		j.found("pid1.programs", finding.Error, msg.M("the program files are not in use: %s", status.Definitions),
			msg.M("correct the file, then run supervisorctl update"))
	}
	var stale []string
	for _, p := range status.Programs {
		if p.Stale {
			stale = append(stale, p.Name)
		}
		if p.LostBytes > 0 {
			j.found("pid1.log-lost", finding.Warning,
				msg.M("%s: %d bytes of output are lost, the log file could not be written", p.Name, p.LostBytes),
				msg.M("see whether the log mount is full or read-only"))
		}
	}
	if len(stale) > 0 {
		j.found("files.stale", finding.Warning,
			msg.M("these programs run with files that have changed since: %s", msg.List(stale)),
			msg.M("omsinit restart %s", strings.Join(stale, " "))).Next = "omsinit restart " + strings.Join(stale, " ")
	}
	j.killed(status)
}

// killed judges what the kernel has killed for memory.
func (j *judgement) killed(status *api.Status) {
	m := j.facts.Memory
	if m == nil || m.OOMKills == 0 {
		return
	}
	severity, names := finding.Warning, []string{}
	for _, p := range status.Programs {
		if p.ExitSignal == "SIGKILL" && !p.Ready {
			severity = finding.Error
			names = append(names, p.Name)
		}
	}
	what := msg.M("the kernel has killed %d processes of this container for want of memory since it was made",
		m.OOMKills)
	if len(names) > 0 {
		what = msg.M("the kernel has killed %d processes of this container for want of memory since it was made, and %s ended by SIGKILL",
			m.OOMKills, msg.List(names))
	}
	j.found("memory.killed", severity, what,
		msg.M("give the container more memory, or make the heaps smaller in the start scripts"),
		fact("oom_kills", m.OOMKills))
}

// gibibytes rounds for people.
func gibibytes(bytes uint64) float64 { return math.Round(float64(bytes)/(1<<30)*10) / 10 }

// resources judges memory, processes, disks and names.
func (j *judgement) resources() {
	limits := j.facts.Limits
	if m := j.facts.Memory; m != nil {
		used := msg.M("%.0f %% of the memory is in use, %v of %v GiB", m.Percent, gibibytes(m.Used), gibibytes(m.Bytes))
		values := []finding.Fact{fact("used_percent", math.Round(m.Percent)), fact("used_bytes", m.Used),
			fact("memory_bytes", m.Bytes)}
		switch {
		case m.Percent >= limits.Memory:
			j.found("memory.refused", finding.Warning,
				msg.M("%v: at %.0f %% the CM gives this machine no new component, and says: no enough host resource",
					used, limits.Memory),
				msg.M("see which programs use it; end projects, or give the machine more memory; the threshold is drcCfg.memUsedPercentThresHold of drc-cm.properties"),
				values...)
		case m.Percent >= movesNothing:
			j.found("memory.ha", finding.Warning,
				msg.M("%v: at %d %% high availability moves no component to this machine", used, movesNothing),
				msg.M("see which programs use it; end projects, or give the machine more memory"), values...)
		}
		if m.Most > 0 && m.Processes*10 >= m.Most*9 {
			j.found("pids.full", finding.Error,
				msg.M("%d of at most %d processes and threads of this container are there", m.Processes, m.Most),
				msg.M("start the container with --pids-limit -1"), fact("processes", m.Processes),
				fact("pids_max", m.Most))
		}
	}
	for _, d := range j.facts.Disks {
		j.disk(d)
	}
	for _, n := range j.facts.Names {
		if n.Error != "" {
			j.found("dns.unresolved", finding.Error, msg.M("%s names %s, which does not resolve: %s", n.Key, n.Host,
				msg.Foreign(n.Error)),
				msg.M("see /etc/resolv.conf and /etc/hosts of the container (docker run --dns, --add-host), or use an address"),
				fact("key", n.Key), fact("host", n.Host))
		}
	}
}

// full is how many bytes or inodes are as good as none: a program needs some to say what is wrong.
const (
	fullBytes  = 16 << 20
	fullInodes = 100
)

func (j *judgement) disk(d Disk) {
	values := []finding.Fact{fact("path", d.Path), fact("used_percent", math.Round(d.Percent)),
		fact("free_bytes", d.Free)}
	free := msg.M("free space there: old logs, old Stores")
	switch {
	case d.Free < fullBytes:
		j.found("disk.full", finding.Error, msg.M("the file system of %s is full", d.Path), free, values...)
	case d.Inodes > 0 && d.FreeInodes < fullInodes:
		j.found("disk.full", finding.Error, msg.M("the file system of %s has no inodes left, although it has space",
			d.Path),
			msg.M("remove small files there: sessions, old logs"), append(values, fact("free_inodes", d.FreeInodes))...)
	case d.Percent >= j.facts.Limits.Disk && d.Path != j.in.Layout.StateDir() && d.Path != j.in.Layout.Path("/tmp"):
		j.found("disk.refused", finding.Warning,
			msg.M("%.0f %% of the file system of %s is in use: at %.0f %% the CM gives this machine no new component",
				d.Percent, d.Path,
				j.facts.Limits.Disk), free, values...)
	}
}

// drift judges what differs from what the initialisation would make.
func (j *judgement) drift() {
	if f := j.facts.Files; f != nil {
		if len(f.Changed) > 0 {
			j.found("files.drift", finding.Warning,
				msg.M("these files are not what config.yaml makes of them: %s", msg.List(f.Changed)),
				msg.M("omsinit plan shows the differences, omsinit reconfigure makes the files and restarts what reads them"),
				fact("files", f.Changed))
		}
		if len(f.Edited) > 0 {
			j.found("files.edited", finding.Note, msg.M("edited by hand, and kept: %s", msg.List(f.Edited)),
				msg.Message{}, fact("files", f.Edited))
		}
	}
	if s := j.facts.Schema; s != nil {
		some := func(list []string) msg.List { return msg.List(list).AtMost(5) }
		for _, p := range s.Problems {
			j.found("schema.blocked", finding.Error, msg.M("%s", p), msg.Message{})
		}
		if len(s.Missing) > 0 {
			j.found("schema.missing", finding.Error,
				msg.M("the databases lack %d tables, columns or keys: %s", len(s.Missing), some(s.Missing)),
				msg.M("omsinit metadb status names the statements that mend it; omsinit metadb migrate creates what is pending"),
				fact("missing", s.Missing))
		}
		if len(s.Pending) > 0 && len(s.Missing) == 0 {
			j.found("schema.pending", finding.Error, msg.M("schema files are not applied yet: %s", some(s.Pending)),
				msg.M("run the initialisation, or omsinit metadb migrate"), fact("pending", s.Pending))
		}
		if len(s.Changed) > 0 {
			j.found("schema.changed", finding.Warning,
				msg.M("the databases have %d columns or keys that are not as in the schema: %s", len(s.Changed),
					some(s.Changed)),
				msg.M("omsinit metadb status compares them"), fact("changed", s.Changed))
		}
	}
	if m := j.facts.MetaDB; m != nil {
		for _, user := range m.LockedUsers {
			j.found("console.locked", finding.Warning,
				msg.M("the console's user %s is locked: five wrong passwords lock it for half an hour", user),
				msg.M("wait, or unlock it"), fact("user", user)).Next = "omsinit console unlock " + user
		}
		if 0 < m.UpgradedAgo && m.UpgradedAgo < recently {
			j.found("console.browser", finding.Note,
				msg.M("OMS was upgraded %s ago: browsers may still show the earlier release, or refuse to log in",
					m.UpgradedAgo.Round(time.Minute)),
				msg.M("clear the browser's cache for the console's address")).Next = ""
		}
	}
}

// recently is how long after an upgrade a browser's cache may be what is wrong.
const recently = 7 * 24 * time.Hour

// symptoms takes what was recognised in logs.
func (j *judgement) symptoms() {
	if err := j.facts.statuses["symptoms"]; err != nil {
		j.found("check.symptoms", finding.Warning,
			msg.M("the pack's table of symptoms cannot be used, that of omsinit was: %v", err),
			msg.M("correct %s of the pack", pack.SymptomsName)).Next = "omsinit pack lint"
	}
	for _, s := range j.facts.Seen {
		f := finding.Finding{ID: "symptom." + s.ID, Severity: s.symptom.Severity, Cause: s.symptom.Cause.Message(),
			Fix: s.symptom.Fix.Message(), Facts: []finding.Fact{fact("file", s.File), fact("count", s.Count),
				fact("program", s.Program), fact("source", s.symptom.Source)}}
		f.Message = msg.M("%s has, at %s (%d times): %s", s.File, s.At.Local().Format(time.DateTime), s.Count, s.Line)
		if s.Past {
			f.Severity = finding.Note
			f.Message = msg.M("%s had, at %s (%d times), before what is ready now was started: %s", s.File,
				s.At.Local().Format(time.DateTime), s.Count, s.Line)
		}
		j.add(f).Next = s.symptom.Next
	}
}

// late names sources that failed or gave no answer: what hangs is often what is wrong.
func (j *judgement) late() {
	for _, s := range j.facts.Sources {
		// Without the MetaDB the checks say so, and PID 1 has a finding of its own.
		known := slices.Contains([]string{"status", "metadb", "schema"}, s.Name)
		if err := j.facts.statuses[s.Name]; err != nil && !s.Late && !known {
			severity := finding.Warning
			if s.Name == "check" { // the pack cannot be used, as a rule
				severity = finding.Error
			}
			j.found("check.failed", severity, msg.M("%s cannot be looked at: %v", s.Name, err), msg.Message{},
				fact("source", s.Name))
		}
		if s.Late && s.Name != "status" {
			j.found("check.deadline", finding.Warning, msg.M("%s: no answer within the time that it has", s.Name),
				msg.M("see whether a file system or a server hangs"), fact("source", s.Name))
		}
	}
}

// rank sorts: errors first, among them what others come of; and says what comes of what.
func (j *judgement) rank() {
	weight := map[finding.Severity]int{finding.Error: 0, finding.Warning: 1, finding.Note: 2}
	sort.SliceStable(j.causes, func(i, k int) bool {
		a, b := j.causes[i], j.causes[k]
		return cmp.Or(cmp.Compare(weight[a.Severity], weight[b.Severity]), cmp.Compare(a.rank, b.rank)) < 0
	})
	for i := range j.causes {
		for k := range j.causes {
			if j.causes[i].From == 0 && k != i && j.makes(k, i) {
				j.causes[i].From = k + 1
			}
		}
	}
	// What comes of something else is behind what comes of nothing.
	order := make([]int, len(j.causes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := j.causes[a], j.causes[b]
		follows := func(c Cause) int { return min(c.From, 1) }
		return cmp.Or(cmp.Compare(weight[x.Severity], weight[y.Severity]), cmp.Compare(follows(x), follows(y)))
	})
	place := make([]int, len(order))
	sorted := make([]Cause, len(order))
	for to, from := range order {
		place[from], sorted[to] = to, j.causes[from]
	}
	for i := range sorted {
		if sorted[i].From > 0 {
			sorted[i].From = place[sorted[i].From-1] + 1
		}
	}
	j.causes = sorted
}

// makes reports whether one cause, an error, makes another by itself.
func (j *judgement) makes(root, of int) bool {
	r, c := j.causes[root], j.causes[of]
	if r.Severity != finding.Error || r.From != 0 || r.rank > c.rank {
		return false
	}
	if strings.HasPrefix(r.ID, "symptom.") {
		// What a program says before it dies is why it is not there.
		said, about := finding.Facts(r.Facts)["program"], finding.Facts(c.Facts)["program"]
		return c.ID == "cluster.program" && said != "" && said == about
	}
	if r.ID == "cluster.program" && c.ID == "cluster.program" {
		return false
	}
	return slices.ContainsFunc(rules[r.rank].makes, func(id string) bool { return strings.HasPrefix(c.ID, id) }) &&
		r.ID != c.ID
}
