package draft

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"sort"
	"strings"

	"omsinit/capture/match"
	"omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/scripts"
)

// Parts is what pack.yaml is made from.
type Parts struct {
	From    *source.Installation
	Release string
	Files   []*match.File
	Calls   []pack.Call
	Rows    []pack.Row
	Folders []string // in which something was made since the container was
	Made    []string // folders that were not in the image
	Report  *report.Report
}

// Manifest adds pack.yaml to the tree, and what trial mode needs.
func (t Tree) Manifest(p Parts) error {
	reference, err := pack.Open("")
	if err != nil {
		return err
	}
	m := pack.Manifest{Version: 1, Release: p.Release, Edition: edition(p.Release), Standalone: true,
		Register: p.register(t), Calls: p.Calls, Rows: p.Rows,
		Missing: p.Report.Missing(), Upgrade: p.upgrade(t, reference.Upgrade),
		Validators: map[string]pack.Validator{}}
	for _, program := range p.restartOrder() {
		m.Restart = append(m.Restart, program.Name)
	}
	for _, folder := range reference.Folders {
		info, err := os.Stat(p.From.Disk(folder.Path))
		if fact, ok := p.From.Fact(folder.Path); ok && err == nil && info.IsDir() && len(folder.When) == 0 {
			folder.Mode = fact.Mode
			m.Folders = append(m.Folders, folder)
		}
	}
	m.Folders = append(m.Folders, p.folders(m.Folders)...)
	for _, f := range p.Files {
		w := pack.File{Template: f.Template(), Path: f.Path, Owner: f.Owner, Mode: f.Mode, Format: f.Format,
			Spelling: f.Spelling, Merge: f.Merge, Readers: f.Readers, Unread: f.Unread, Validate: f.Validate,
			Evidence: pack.FileEvidence{Path: pack.Observed, Template: pack.Observed}}
		if f.Policy != pack.Replace {
			w.Policy = f.Policy
		}
		m.Files = append(m.Files, w)
		if v, ok := reference.Validators[f.Validate]; ok {
			m.Validators[f.Validate] = v
		}
	}
	listening := p.listening()
	m.Ports = p.ports(listening)
	const own = "/etc/supervisor/conf.d/omsinit.ini" // an installation that omsinit made has it already
	if !slices.ContainsFunc(p.Files, func(f *match.File) bool { return f.Path == own }) {
		if probes := p.probes(listening); len(probes) > 0 {
			const name = "supervisor/omsinit.ini"
			t[name] = probes
			m.Files = append(m.Files, pack.File{Template: name, Path: own, Owner: "root", Mode: 0o644,
				Format: pack.INI})
		}
	}
	for _, f := range reference.Trial {
		if t[f.Template], err = fs.ReadFile(scripts.Pack, f.Template); err != nil {
			return err
		}
		m.Trial = append(m.Trial, pack.File{Template: f.Template, Path: f.Path, Owner: f.Owner, Mode: f.Mode,
			Format: f.Format, Values: f.Values})
	}
	p.Report.Calls = len(p.Calls)
	text, err := m.Encode()
	if err != nil {
		return err
	}
	about := fmt.Sprintf("# Captured from a running installation of OMS %s by `omsinit pack capture`.\n", p.Release)
	t["pack.yaml"] = append([]byte(about), text...)
	return nil
}

// folders are those that a program names and that the old scripts may have made: they must be there before it starts.
func (p Parts) folders(known []pack.Folder) (out []pack.Folder) {
	named := map[string]bool{}
	for _, program := range p.From.Programs.List {
		for _, path := range p.From.PathsOf(program) {
			named[path] = true
		}
	}
	for _, path := range slices.Concat(p.Folders, p.Made) {
		fact, ok := p.From.Fact(path)
		folder := pack.Folder{Path: p.From.Documented(path), Owner: fact.Owner, Mode: fact.Mode}
		same := func(k pack.Folder) bool { return k.Path == folder.Path }
		wanted := named[path] && strings.Count(path, "/") > 1 || slices.Contains(p.Made, path)
		if ok && wanted && !slices.ContainsFunc(slices.Concat(known, out), same) {
			out = append(out, folder)
		}
	}
	return out
}

// upgrade takes over what is documented of upgrades, as far as it fits this installation's programs and tables. The
// route to the captured release itself is not always among it: that is for people to add.
func (p Parts) upgrade(t Tree, u pack.Upgrade) pack.Upgrade {
	out := pack.Upgrade{Routes: u.Routes}
	for _, name := range u.Stop {
		if p.From.Programs.Has(name) {
			out.Stop = append(out.Stop, name)
		}
	}
	watched := func(list []pack.Watched) (kept []pack.Watched) {
		for _, w := range list {
			if t.lacks(config.RM, w.Table, w.Name, w.Column) == "" {
				kept = append(kept, w)
			}
		}
		return kept
	}
	out.Lost, out.Busy = watched(u.Lost), watched(u.Busy)
	return out
}

func edition(release string) string {
	if strings.Contains(strings.ToUpper(release), "CE") {
		return "CE"
	}
	return "EE"
}

// restartOrder is the documented order (oms-facts §4), and the others after it.
func (p Parts) restartOrder() []source.Program {
	order := []string{"crond", "nginx", "oms_console", "oms_drc_cm", "oms_drc_supervisor", "sshd"}
	list := slices.Clone(p.From.Programs.List)
	rank := func(p source.Program) int {
		if i := slices.Index(order, p.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	sort.SliceStable(list, func(i, j int) bool { return rank(list[i]) < rank(list[j]) })
	return list
}

// listens is a program that was seen listening on a port of config.yaml.
type listens struct {
	program, key string
	address      net.IP
}

// listening looks for the first port of each program, in the running installation.
func (p Parts) listening() []listens {
	var out []listens
	for _, program := range p.restartOrder() {
		for _, key := range config.KeysOf(config.ComponentPort) {
			if address := program.Listens[key]; address != nil {
				out = append(out, listens{program.Name, key, address})
				break
			}
		}
	}
	return out
}

// ports are the files from which the programs have their ports.
func (p Parts) ports(seen []listens) []pack.Port {
	var out []pack.Port
	for _, l := range seen {
		for _, f := range p.Files {
			names := func(v *match.Value) bool { return slices.Contains(v.Keys, l.key) }
			if slices.Contains(f.Readers, l.program) && slices.ContainsFunc(f.Expressions(), names) {
				out = append(out, pack.Port{Key: l.key, File: f.Path, Evidence: pack.Observed})
				break
			}
		}
	}
	return out
}

// probes are the sections that tell PID 1 when a program is ready, which is when it listens on the port that it has in
// config.yaml, and which files it must be restarted for.
func (p Parts) probes(seen []listens) []byte {
	var b strings.Builder
	for _, program := range p.restartOrder() {
		section := ""
		for _, l := range seen {
			if l.program != program.Name {
				continue
			}
			host := `"127.0.0.1"`
			if own := net.ParseIP(p.From.HostIP); own.Equal(l.address) && own.String() != "127.0.0.1" {
				host = ".host_ip"
			}
			section = fmt.Sprintf("ready_tcp={{hostPort %s .%s}}\nready_timeout=300\n", host, l.key)
		}
		if slices.ContainsFunc(p.Files, func(f *match.File) bool { return slices.Contains(f.Readers, program.Name) }) {
			section += fmt.Sprintf("files={{readBy %q}}\n", program.Name)
		}
		if section != "" {
			fmt.Fprintf(&b, "[omsinit:%s]\n%s\n", program.Name, section)
		}
	}
	if len(seen) == 0 {
		p.Report.Note("probes", finding.Place{File: "pack.yaml"}, msg.M("no program was seen listening on a port of config.yaml, so a program counts as ready when it runs; capture while the installation runs to learn more"))
	}
	if b.Len() == 0 {
		return nil
	}
	return []byte("; What was seen when this pack was captured. Supervisor itself ignores\n; these sections.\n" +
		strings.TrimRight(b.String(), "\n") + "\n")
}

// documentedColumns are what step 5 writes by itself (oms-facts §6), as far as
// it names columns.
var documentedColumns = map[string][]string{
	"rm.cluster_info":      {"region", "region_cn", "cm_url", "code", "is_default_cm"},
	"rm.oms_normal_config": {"cfg_name", "cfg_value"},
	"cm.resource_group":    {"id", "name"},
	"cm.location_cm":       {"location", "region", "cm_url"},
	"cm.host":              {"resource_group_id", "ip", "host_status"},
}

// register decides who registers regions and nodes: the calls, when they were
// recorded; omsinit itself, when the tables are as it knows them.
func (p Parts) register(t Tree) pack.Registration {
	registers := slices.ContainsFunc(p.Rows, func(row pack.Row) bool { return !row.Setting })
	if len(p.Calls) > 0 || registers {
		return pack.ByCalls
	}
	if p.From.Tables() == nil {
		return ""
	}
	for _, place := range slices.Sorted(maps.Keys(documentedColumns)) {
		role, table, _ := strings.Cut(place, ".")
		if missing := t.lacks(config.Role(role), table, documentedColumns[place]...); missing != "" {
			p.Report.Note("register", finding.Place{File: place, Key: missing},
				msg.M("the table or its column %s is not as documented, so step 5 registers nothing by itself; record the calls of the old step 5 with --record", missing))
			return pack.ByCalls
		}
	}
	p.Report.Note("register", finding.Place{File: "calls"},
		msg.M(
			"no call to the CM was recorded (--record): step 5 writes the documented tables itself, and sends nothing"))
	return ""
}
