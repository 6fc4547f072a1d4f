package capture

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/capture/match"
	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/scripts"
)

// manifest adds pack.yaml to the tree, and what trial mode needs.
func (j *Job) manifest(t tree, files []*match.File, calls []call) error {
	m := written{Version: 1, Release: j.Release, Edition: edition(j.Release), Standalone: true,
		Register: j.register(t, calls)}
	for _, p := range j.restartOrder() {
		m.Restart = append(m.Restart, p.Name)
	}
	reference, err := pack.Open("")
	if err != nil {
		return err
	}
	for _, folder := range reference.Folders {
		if info, err := os.Stat(j.From.Tree.Path(folder.Path)); err == nil && info.IsDir() && len(folder.When) == 0 {
			m.Folders = append(m.Folders, writtenFolder{Path: folder.Path, Owner: folder.Owner,
				Mode: octal(info.Mode().Perm()), Claim: folder.Claim})
		}
	}
	for _, f := range files {
		w := writtenFile{Template: f.Template(), Path: f.Path, Owner: f.Owner, Mode: octal(f.Mode),
			Format:   string(f.Format),
			Spelling: string(f.Spelling), Merge: string(f.Merge), Readers: f.Readers, Validate: f.Validate}
		if f.Policy != pack.Replace {
			w.Policy = string(f.Policy)
		}
		m.Files = append(m.Files, w)
	}
	const own = "/etc/supervisor/conf.d/omsinit.ini" // an installation that omsinit made has it already
	has := slices.ContainsFunc(files, func(f *match.File) bool { return f.Path == own })
	if probes := j.probes(has); len(probes) > 0 {
		const name = "supervisor/omsinit.ini"
		t[name] = probes
		m.Files = append(m.Files, writtenFile{Template: name, Path: own, Owner: "root", Mode: 0o644,
			Format: string(pack.INI)})
	}
	for _, f := range reference.Trial {
		data, err := fs.ReadFile(scripts.Pack, f.Template)
		if err != nil {
			return err
		}
		t[f.Template] = data
		m.Trial = append(m.Trial, writtenFile{Template: f.Template, Path: f.Path, Owner: f.Owner, Mode: octal(f.Mode),
			Format: string(f.Format), Values: f.Values})
	}
	m.Calls, m.Upgrade = calls, j.upgrade(t, reference.Upgrade)
	j.report.Calls = len(calls)
	m.Validators = map[string]writtenValidator{}
	for name, v := range reference.Validators {
		if slices.ContainsFunc(files, func(f *match.File) bool { return f.Validate == name }) {
			m.Validators[name] = writtenValidator(v)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Captured from a running installation of OMS %s by `omsinit pack capture`.\n", j.Release)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(m); err != nil {
		return err
	}
	t["pack.yaml"] = b.Bytes()
	return nil
}

// written is pack.yaml as it is written.
type written struct {
	Version    int                         `yaml:"version"`
	Release    string                      `yaml:"release"`
	Edition    string                      `yaml:"edition"`
	Standalone bool                        `yaml:"standalone"`
	Register   string                      `yaml:"register,omitempty"`
	Restart    []string                    `yaml:"restart,flow"`
	Folders    []writtenFolder             `yaml:"folders,omitempty"`
	Files      []writtenFile               `yaml:"files"`
	Trial      []writtenFile               `yaml:"trial,omitempty"`
	Validators map[string]writtenValidator `yaml:"validators,omitempty"`
	Calls      []call                      `yaml:"calls,omitempty"`
	Upgrade    writtenUpgrade              `yaml:"upgrade"`
}

// writtenUpgrade is the documented part of upgrades, as far as it fits this
// installation's programs and tables.
type writtenUpgrade struct {
	Stop   []string         `yaml:"stop,flow,omitempty"`
	Routes []writtenRoute   `yaml:"routes,omitempty"`
	Lost   []writtenWatched `yaml:"lost,omitempty"`
	Busy   []writtenWatched `yaml:"busy,omitempty"`
}

type writtenRoute struct {
	Edition  string   `yaml:"edition"`
	To       string   `yaml:"to"`
	From     []string `yaml:"from,flow"`
	Requires string   `yaml:"requires,omitempty"`
	Schema   string   `yaml:"schema,omitempty"`
}

type writtenWatched struct {
	Table  string   `yaml:"table"`
	Name   string   `yaml:"name"`
	Column string   `yaml:"column,omitempty"`
	Values []string `yaml:"values,flow,omitempty"`
	Refuse bool     `yaml:"refuse,omitempty"`
}

// upgrade takes over what is documented of upgrades. The route to the captured
// release itself is not always among it: that is for people to add.
func (j *Job) upgrade(t tree, u pack.Upgrade) writtenUpgrade {
	var out writtenUpgrade
	for _, name := range u.Stop {
		if slices.ContainsFunc(j.Programs.List, func(p source.Program) bool { return p.Name == name }) {
			out.Stop = append(out.Stop, name)
		}
	}
	for _, r := range u.Routes {
		out.Routes = append(out.Routes, writtenRoute(r))
	}
	watched := func(list []pack.Watched) (kept []writtenWatched) {
		for _, w := range list {
			if t.lacks(config.RM, w.Table, w.Name, w.Column) == "" {
				kept = append(kept, writtenWatched(w))
			}
		}
		return kept
	}
	out.Lost, out.Busy = watched(u.Lost), watched(u.Busy)
	return out
}

type writtenFolder struct {
	Path  string `yaml:"path"`
	Owner string `yaml:"owner"`
	Mode  octal  `yaml:"mode"`
	Claim bool   `yaml:"claim,omitempty"`
}

type writtenFile struct {
	Template string   `yaml:"template"`
	Path     string   `yaml:"path"`
	Owner    string   `yaml:"owner"`
	Mode     octal    `yaml:"mode"`
	Format   string   `yaml:"format"`
	Spelling string   `yaml:"spelling,omitempty"`
	Merge    string   `yaml:"merge,omitempty"`
	Policy   string   `yaml:"policy,omitempty"`
	Readers  []string `yaml:"readers,flow,omitempty"`
	Validate string   `yaml:"validate,omitempty"`
	Values   []string `yaml:"values,flow,omitempty"`
}

type writtenValidator struct {
	Command []string `yaml:"command,flow"`
	Unable  []string `yaml:"unable,flow,omitempty"`
}

// octal is a mode as people write it.
type octal fs.FileMode

// MarshalYAML implements yaml.Marshaler.
func (o octal) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprintf("%04o", uint32(o))}, nil
}

func edition(release string) string {
	if strings.Contains(strings.ToUpper(release), "CE") {
		return "CE"
	}
	return "EE"
}

// restartOrder is the documented order (oms-facts §4), and the others after it.
func (j *Job) restartOrder() []source.Program {
	order := []string{"crond", "nginx", "oms_console", "oms_drc_cm", "oms_drc_supervisor", "sshd"}
	list := slices.Clone(j.Programs.List)
	rank := func(p source.Program) int {
		if i := slices.Index(order, p.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(list, func(a, b source.Program) int { return rank(a) - rank(b) })
	return list
}

// probes are the sections that tell PID 1 when a program is ready: when it
// listens on the port that it has in config.yaml. What listens now is seen in
// the running installation.
func (j *Job) probes(has bool) []byte {
	if has {
		return nil
	}
	var b strings.Builder
	for _, p := range j.restartOrder() {
		if p.PID == 0 {
			continue
		}
		for _, key := range config.KeysOf(config.ComponentPort) {
			port, _ := j.From.Config.Values()[key].(int)
			address := listening(p.PID, port)
			if address == nil {
				continue
			}
			host := `"127.0.0.1"`
			if own := net.ParseIP(j.From.HostIP); own.Equal(address) && own.String() != "127.0.0.1" {
				host = ".host_ip"
			}
			fmt.Fprintf(&b, "[omsinit:%s]\nready_tcp={{hostPort %s .%s}}\nready_timeout=300\n\n", p.Name, host, key)
			break
		}
	}
	if b.Len() == 0 {
		j.note(Finding{Kind: "probes", Path: "pack.yaml", Text: msg.M("no program was seen listening on a port of config.yaml, so a program counts as ready when it runs; capture while the installation runs to learn more")})
		return nil
	}
	return []byte("; What was seen listening when this pack was captured. Supervisor itself ignores\n; these sections.\n" + strings.TrimRight(b.String(), "\n") + "\n")
}

// listening returns the address on which a process, or one below it, listens to a
// port; nil when it does not.
func listening(pid, port int) net.IP {
	sockets := source.Listeners(pid, port)
	if len(sockets) == 0 {
		return nil
	}
	for _, p := range source.Family(pid) {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p))
		if err != nil {
			continue
		}
		for _, e := range entries {
			target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p, e.Name()))
			if err != nil {
				continue
			}
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				if ip, ok := sockets[strings.TrimSuffix(inode, "]")]; ok {
					return ip
				}
			}
		}
	}
	return nil
}
