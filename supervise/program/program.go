package program

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// maxProcesses bounds numprocs: a typing error must not take all processes and descriptors of the host.
const maxProcesses = 1024

// readPrograms reads the [group:NAME] and the [program:NAME] sections. A program that is in several groups is there
// for each of them.
func (b *builder) readPrograms() {
	groups := map[string][]string{} // of each program section
	priority := map[string]int{}    // of the groups
	for _, s := range b.in.order {
		group, ok := strings.CutPrefix(s.name, "group:")
		if !ok {
			continue
		}
		r := b.reader(s)
		priority[group] = get(r, "priority", 999, integer)
		members := r.list("programs")
		if len(members) == 0 {
			r.report("programs", msg.M("a group needs the names of its programs"))
		}
		for _, member := range members {
			if b.in.sections["program:"+member] == nil {
				r.report("programs", msg.M("there is no program %q", member))
			}
			groups[member] = append(groups[member], group)
		}
		r.reportUnknown()
	}
	autoDir := b.autoLogDir()
	for _, s := range b.in.order {
		name, ok := strings.CutPrefix(s.name, "program:")
		if !ok {
			continue
		}
		in := groups[name]
		if len(in) == 0 {
			in = []string{plainName(name)}
		}
		if _, ok := s.options["user"]; ok {
			b.definitions.users[name] = s.find(finding.Error, "user", msg.Message{}, msg.Message{}).Place
		}
		for _, group := range in {
			for _, p := range b.readSection(s, group, autoDir) {
				p.Section, p.Group, p.GroupPriority = name, group, p.Priority
				if n, ok := priority[group]; ok {
					p.GroupPriority = n
				}
				b.addProgram(s, p)
			}
		}
	}
}

// addProgram adds a program. Of several with one name the last one counts, as in Supervisor.
func (b *builder) addProgram(s *iniSection, p Program) {
	full := p.FullName()
	i := slices.IndexFunc(b.byName[p.Name], func(i int) bool { return b.definitions.Programs[i].FullName() == full })
	if i >= 0 {
		b.in.warn(s, "process_name", msg.M("another program is called %s too; this one takes its place", full),
			msg.Message{})
		b.definitions.Programs[b.byName[p.Name][i]] = p
		return
	}
	i = len(b.definitions.Programs)
	b.definitions.Programs = append(b.definitions.Programs, p)
	for _, name := range slices.Compact([]string{s.name, p.Name, p.Section}) {
		b.byName[name] = append(b.byName[name], i)
	}
}

// plainName replaces what must not be in the name of a program, so that a section with such a name can be listed.
func plainName(name string) string {
	return cmp.Or(separators.Replace(strings.TrimSpace(name)), "_")
}

var separators = strings.NewReplacer(" ", "_", ":", "_", "/", "_")

// readSection reads the processes of a [program:NAME] section. When something of it cannot be used, each has the first
// such thing as its Problem.
func (b *builder) readSection(s *iniSection, group, autoDir string) []Program {
	r := b.reader(s)
	reported := map[string]bool{} // once for all processes
	var broken *finding.Finding
	r.report = func(option string, text msg.Message) {
		f := s.find(finding.Error, option, text, msg.Message{})
		if broken == nil {
			broken = &f
		}
		if !reported[option] {
			b.in.findings = append(b.in.findings, f)
		}
		reported[option] = true
	}
	name := strings.TrimSpace(strings.TrimPrefix(s.name, "program:"))
	badName := func(option, name string) string {
		if plain := plainName(name); plain != name {
			r.report(option, msg.M(
				"%q cannot be a program's name: it must not be empty or contain a space, a colon or a slash", name))
			return plain
		}
		return name
	}
	name = badName("", name)
	if s.torn > 0 {
		r.report("", msg.M("line %d cannot be read, so that the section is not used", s.torn))
	}
	base := r.with("program_name", name, "group_name", group)
	count, first := get(base, "numprocs", 1, natural), get(base, "numprocs_start", 0, integer)
	switch {
	case count > maxProcesses:
		r.report("numprocs", msg.M("%d processes are too many; at most %d", count, maxProcesses))
		count = 1
	case count > 1 && !strings.Contains(s.options["process_name"].value, "%(process_num)"):
		r.report("numprocs", msg.M("more than one process needs %%(process_num)02d in process_name"))
		count = 1
	case count == 0:
		b.in.warn(s, "numprocs", msg.M("there are no processes of this program"), msg.Message{})
	}
	var out []Program
	for n := first; n < first+count; n++ {
		p := b.readProcess(base.with("process_num", strconv.Itoa(n), "numprocs", strconv.Itoa(count)), name, autoDir)
		p.Name = badName("process_name", p.Name)
		out = append(out, p)
	}
	if broken != nil {
		for i := range out {
			out[i].Problem = broken
		}
	}
	if count > 0 {
		r.reportUnknown()
	}
	return out
}

// readProcess reads one process of a section.
func (b *builder) readProcess(r *optionReader, name, autoDir string) Program {
	own := r.environment("environment")
	p := Program{Environment: map[string]string{}, ReadyTimeout: defaultReadyTimeout}
	maps.Copy(p.Environment, b.shared)
	maps.Copy(p.Environment, own)
	var pairs []string
	for key, value := range own {
		pairs = append(pairs, "ENV_"+key, value)
	}
	r = r.with(pairs...)
	p.Name = r.Text("process_name", name)
	p.Directory, p.User, p.Umask = r.Text("directory", ""), get(r, "user", "", given), get(r, "umask", -1, octal)
	p.Priority = get(r, "priority", 999, integer)
	p.Autostart, p.Autorestart = get(r, "autostart", true, boolean),
		get(r, "autorestart", RestartUnexpected, autorestart)
	p.ExitCodes = get(r, "exitcodes", []int{0}, exitCodes)
	p.StartSecs, p.StartRetries = get(r, "startsecs", 1, natural), get(r, "startretries", 3, natural)
	p.StopSignal, p.StopWaitSecs = get(r, "stopsignal", syscall.SIGTERM, stopSignal),
		get(r, "stopwaitsecs", 10, natural)
	p.StopAsGroup = get(r, "stopasgroup", false, boolean)
	if p.KillAsGroup = get(r, "killasgroup", p.StopAsGroup, boolean); p.StopAsGroup && !p.KillAsGroup {
		r.report("killasgroup", msg.M("it must not be false when stopasgroup is true"))
	}
	if p.CommandLine = r.Text("command", ""); p.CommandLine == "" {
		r.report("command", msg.M("the command is missing or empty"))
	}
	p.Command = r.words("command")
	p.RedirectStderr = get(r, "redirect_stderr", false, boolean)
	p.Stdout, p.Stderr = r.logFile("stdout", autoDir, p.Name), r.logFile("stderr", autoDir, p.Name)
	if p.RedirectStderr {
		p.Stderr.Path, p.Stderr.Auto = "", false
	}
	r.withoutEffect("serverurl")
	return p
}

// words splits a command into words.
func (r *optionReader) words(key string) []string {
	return get(r, key, nil, func(text string) ([]string, error) {
		words, err := splitCommand(text)
		switch {
		case err != nil:
			return nil, msg.Errorf("the command cannot be split into words: %w", err)
		case len(words) == 0:
			return nil, msg.Errorf("the command is missing or empty")
		}
		return words, nil
	})
}

func (r *optionReader) environment(key string) map[string]string {
	if !r.has(key) {
		return nil
	}
	o := r.section.options[key]
	env, plain, err := splitEnvironment(o.value, r.vars(o.file))
	if err != nil {
		r.report(key, msg.M("%v", err))
	} else if !plain {
		r.in.warn(r.section, key, msg.M(
			"Supervisor refuses a value without quotes that has other characters than letters, digits and _./+-():"),
			msg.M("write KEY=\"value\""))
	}
	return env
}

// autoLogDir is where log files without a name go.
func (b *builder) autoLogDir() string {
	s := b.in.sections["supervisord"]
	if s == nil {
		return os.TempDir()
	}
	r := b.reader(s)
	if dir := r.Text("childlogdir", ""); dir != "" {
		return dir
	}
	if log := r.Text("logfile", ""); filepath.IsAbs(log) {
		return filepath.Dir(log)
	}
	return os.TempDir()
}

const (
	defaultReadyTimeout  = 300 * time.Second
	defaultAliveInterval = 10 * time.Second
	defaultAliveFailures = 3
)

// readExtensions reads the [omsinit:NAME] sections. They are not Supervisor's: what is wrong with one is left out, and
// the program runs.
func (b *builder) readExtensions() {
	for _, s := range b.in.order {
		program, ok := strings.CutPrefix(s.name, "omsinit:")
		if !ok {
			continue
		}
		indexes := b.byName[program]
		if len(indexes) == 0 { // or one process, as supervisorctl names it
			for i := range b.definitions.Programs {
				if b.definitions.Programs[i].FullName() == program {
					indexes = append(indexes, i)
				}
			}
		}
		if len(indexes) == 0 {
			b.in.warn(s, "", msg.M("there is no program %q; the section is ignored", program), msg.Message{})
			continue
		}
		r := b.reader(s).with("program_name", program)
		probe, alive := r.probe("ready_", "http", "tcp", "command", "log"), r.probe("alive_", "http", "tcp", "command")
		failures := get(r, "alive_failures", defaultAliveFailures, atLeast(1))
		if alive != nil && alive.Interval == 0 {
			alive.Interval = defaultAliveInterval
		}
		timeout := get(r, "ready_timeout", int(defaultReadyTimeout/time.Second), atLeast(1))
		depends, files := r.list("depends_on"), r.list("files")
		early, essential := get(r, "early", false, boolean), get(r, "essential", false, boolean)
		slices.Sort(depends)
		for _, i := range indexes {
			p := &b.definitions.Programs[i]
			p.DependsOn, p.Files, p.Early, p.Essential = depends, files, early, essential
			p.Probe, p.ReadyTimeout = probe, time.Duration(timeout)*time.Second
			if alive != nil {
				p.Alive, p.AliveFailures = alive, failures
			}
			if probe != nil && probe.Log != "" && p.Stdout.Path == "" && p.Stderr.Path == "" {
				r.report("ready_log", msg.M("the program has no log file that a line could appear in"))
				p.Probe = nil
			}
		}
		r.reportUnknown()
	}
}

// checkDependencies replaces section names by the processes they stand for. Names that are not there, and the
// dependency that closes a circle, are left out.
func (b *builder) checkDependencies() {
	programs := b.definitions.Programs
	names := make([][]string, len(programs)) // of the processes that each depends on
	const unseen, open, closed = 0, 1, 2
	color := make([]int, len(programs))
	var path []string
	var visit func(i int)
	visit = func(i int) {
		color[i] = open
		path = append(path, programs[i].Name)
		for _, name := range programs[i].DependsOn {
			for _, j := range b.byName[name] {
				if color[j] == open {
					cycle := strings.Join(append(path[slices.Index(path, programs[j].Name):], programs[j].Name), " -> ")
					b.leaveOut(i, msg.M("the programs depend on each other in a circle: %s; break it", cycle))
					continue
				}
				if color[j] == unseen {
					visit(j)
				}
				names[i] = append(names[i], programs[j].Name)
			}
			if len(b.byName[name]) == 0 {
				b.leaveOut(i, msg.M("there is no program %q", name))
			}
		}
		color[i] = closed
		path = path[:len(path)-1]
	}
	for i := range programs {
		if color[i] == unseen {
			visit(i)
		}
	}
	for i := range programs {
		slices.Sort(names[i])
		programs[i].DependsOn = slices.Compact(names[i])
	}
}

// leaveOut warns of a dependency, at the section that has it.
func (b *builder) leaveOut(i int, text msg.Message) {
	for _, s := range b.in.order {
		program, ok := strings.CutPrefix(s.name, "omsinit:")
		if ok && slices.Contains(b.byName[program], i) && s.options["depends_on"].value != "" {
			b.reader(s).report("depends_on", text)
			return
		}
	}
}
