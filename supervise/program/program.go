package program

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
)

// readPrograms reads the [program:NAME] sections.
func (b *definitionsBuilder) readPrograms() {
	autoDir := b.autoLogDir()
	shared, seen := map[string]string{}, map[string]bool{}
	if s := b.in.sections["supervisord"]; s != nil {
		shared = b.reader(s).environment("environment")
	}
	for _, name := range b.in.order {
		section, ok := strings.CutPrefix(name, "program:")
		if !ok {
			continue
		}
		s := b.in.sections[name]
		if section == "" || strings.ContainsAny(section, " :/") {
			b.problem(s, "", msg.M("%q cannot be a program's name: it must not be empty or contain a space, a colon or a slash", section))
			continue
		}
		group := b.groups.GetGroup(section, section)
		r := b.reader(s).with("program_name", section, "group_name", group)
		count := r.integer("numprocs", 1, 1)
		first := r.integer("numprocs_start", 0, 0)
		if count > 1 && !strings.Contains(s.options["process_name"].value, "%(process_num)") {
			b.problem(s, "numprocs", msg.M("more than one process needs %%(process_num)02d in process_name"))
			continue
		}
		for n := first; n < first+count; n++ {
			before := len(b.in.problems)
			p := b.readProgram(r.with("process_num", strconv.Itoa(n), "numprocs", strconv.Itoa(count)),
				section, shared, autoDir)
			p.Group, p.GroupPriority = group, p.Priority
			if priority, ok := b.priority[group]; ok {
				p.GroupPriority = priority
			}
			if seen[p.FullName()] {
				b.problem(s, "process_name", msg.M("another program is called %s too", p.FullName()))
			}
			seen[p.FullName()] = true
			i := len(b.definitions.Programs)
			b.definitions.Programs = append(b.definitions.Programs, p)
			b.byName[name] = append(b.byName[name], i)
			if p.Name != section {
				b.byName[p.Name] = append(b.byName[p.Name], i)
			}
			b.byName[section] = append(b.byName[section], i)
			if len(b.in.problems) > before {
				break // the other processes have the same faults
			}
		}
	}
}

func (b *definitionsBuilder) readProgram(r *optionReader, section string, shared map[string]string,
	autoDir string) Program {
	p := Program{
		Name:      r.Text("process_name", section),
		Directory: r.Text("directory", ""), User: r.Text("user", ""), Umask: r.octal("umask"),
		Priority:  r.integer("priority", 999, minInt),
		Autostart: r.boolean("autostart", true), Autorestart: r.autorestart("autorestart"),
		ExitCodes: r.exitCodes("exitcodes"),
		StartSecs: r.integer("startsecs", 1, 0), StartRetries: r.integer("startretries", 3, 0),
		StopSignal: r.Signal("stopsignal"), StopWaitSecs: r.integer("stopwaitsecs", 10, 0),
		StopAsGroup:    r.boolean("stopasgroup", false),
		RedirectStderr: r.boolean("redirect_stderr", false),
		ReadyTimeout:   defaultReadyTimeout,
	}
	p.KillAsGroup = r.boolean("killasgroup", p.StopAsGroup)
	if p.StopAsGroup && !p.KillAsGroup {
		r.problem("killasgroup", msg.M("it must not be false when stopasgroup is true"))
	}
	if strings.ContainsAny(p.Name, " :/") || p.Name == "" {
		r.problem("process_name", msg.M("%q cannot be a program's name: it must not be empty or contain a space, a colon or a slash", p.Name))
	}
	own := r.environment("environment")
	p.Environment = map[string]string{}
	var pairs []string
	for _, m := range []map[string]string{shared, own} {
		for key, value := range m {
			p.Environment[key] = value
			pairs = append(pairs, "ENV_"+key, value)
		}
	}
	r = r.with(pairs...)
	p.CommandLine = r.Text("command", "")
	words, err := splitCommand(p.CommandLine)
	switch {
	case err != nil:
		r.problem("command", msg.M("%q cannot be split into words: %v", p.CommandLine, err))
	case len(words) == 0 && !r.unexpandable("command"):
		r.problem("command", msg.M("the command is missing or empty"))
	}
	p.Command = words
	p.Stdout = r.logFile("stdout", autoDir, p.Name)
	if p.Stderr = r.logFile("stderr", autoDir, p.Name); p.RedirectStderr {
		p.Stderr = LogFile{}
	}
	return p
}

// unexpandable reports whether the option could not be expanded, which has
// been reported already.
func (r *optionReader) unexpandable(key string) bool {
	o, ok := r.section.options[key]
	if !ok {
		return false
	}
	_, err := expand(o.value, r.vars(o.file))
	return err != nil
}

func (r *optionReader) environment(key string) map[string]string {
	o, ok := r.section.options[key]
	if !ok {
		return nil
	}
	env, err := splitEnvironment(o.value, r.vars(o.file))
	if err != nil {
		r.problem(key, msg.M("%v", err))
		return nil
	}
	return env
}

// autoLogDir is where log files without a name go.
func (b *definitionsBuilder) autoLogDir() string {
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

// readExtensions reads the [omsinit:NAME] sections.
func (b *definitionsBuilder) readExtensions() {
	for _, name := range b.in.order {
		program, ok := strings.CutPrefix(name, "omsinit:")
		if !ok {
			continue
		}
		s := b.in.sections[name]
		indexes := b.byName[program]
		if len(indexes) == 0 {
			b.warn(s, "", msg.M("there is no program %q; the section is ignored", program))
			continue
		}
		r := b.reader(s).with("program_name", program)
		probe, alive, essential := r.probe("ready_"), r.probe("alive_"), r.boolean("essential", false)
		failures := r.integer("alive_failures", defaultAliveFailures, 1)
		if alive != nil && alive.Interval == 0 {
			alive.Interval = defaultAliveInterval
		}
		timeout := time.Duration(r.integer("ready_timeout", int(defaultReadyTimeout/time.Second), 1)) * time.Second
		depends, files, early := r.list("depends_on"), r.list("files"), r.boolean("early", false)
		slices.Sort(depends)
		for _, i := range indexes {
			p := &b.definitions.Programs[i]
			p.DependsOn, p.Files, p.Early, p.Probe, p.ReadyTimeout = depends, files, early, probe, timeout
			if p.Essential = essential; alive != nil {
				p.Alive, p.AliveFailures = alive, failures
			}
			if probe != nil && probe.Log != "" && p.Stdout.Path == "" && p.Stderr.Path == "" {
				b.problem(s, "ready_log", msg.M("the program has no log file that a line could appear in"))
			}
		}
	}
}

// checkDependencies reports unknown names and cycles, and replaces section
// names by the processes they stand for.
func (b *definitionsBuilder) checkDependencies() {
	programs := b.definitions.Programs
	const unseen, open, closed = 0, 1, 2
	color := make([]int, len(programs))
	var path []string
	var visit func(i int)
	visit = func(i int) {
		color[i] = open
		path = append(path, programs[i].Name)
		for _, name := range programs[i].DependsOn {
			for _, j := range b.byName[name] {
				switch color[j] {
				case unseen:
					visit(j)
				case open:
					at := slices.Index(path, programs[j].Name)
					cycle := strings.Join(append(slices.Clone(path[at:]), programs[j].Name), " -> ")
					b.problem(b.extension(i), "depends_on", msg.M("the programs depend on each other in a circle: %s; break it", cycle))
				}
			}
		}
		color[i] = closed
		path = path[:len(path)-1]
	}
	for i, p := range programs {
		for _, name := range p.DependsOn {
			if len(b.byName[name]) == 0 {
				b.problem(b.extension(i), "depends_on", msg.M("there is no program %q", name))
			}
		}
		if color[i] == unseen {
			visit(i)
		}
	}
	for i := range programs {
		var names []string
		for _, name := range programs[i].DependsOn {
			for _, j := range b.byName[name] {
				names = append(names, programs[j].Name)
			}
		}
		slices.Sort(names)
		programs[i].DependsOn = slices.Compact(names)
	}
}

// extension is the section that set the dependencies of a program.
func (b *definitionsBuilder) extension(i int) *iniSection {
	for _, name := range b.in.order {
		program, ok := strings.CutPrefix(name, "omsinit:")
		if ok && slices.Contains(b.byName[program], i) && b.in.sections[name].options["depends_on"].value != "" {
			return b.in.sections[name]
		}
	}
	return &iniSection{file: b.definitions.File}
}
