// Package program reads supervisord.conf and what it includes into definitions of programs, as Supervisor 4.2 does,
// and asks the probes that a definition may have.
package program

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ochinchina/supervisord/config"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// ErrNoDefinitions is returned when there is no supervisord.conf. PID 1 then starts
// with no programs and waits for an update.
var ErrNoDefinitions = msg.Errorf("no program definitions")

// Autorestart is when a program that ended by itself is started again.
type Autorestart int

// The values of the autorestart option.
const (
	RestartUnexpected Autorestart = iota // when the exit status is not one of exitcodes
	RestartAlways
	RestartNever
)

// LogFile is where a program's output stream goes. An empty Path throws it
// away.
type LogFile struct {
	Path     string
	MaxBytes int64 // rotate beyond it; 0 never
	Backups  int
}

// Program is one supervised process, as supervisord.conf and the files it
// includes define it. Options and defaults are those of Supervisor 4.2;
// what Supervisor does not have comes from the [omsinit:NAME] section.
type Program struct {
	Name, Group   string
	GroupPriority int
	CommandLine   string   // as written, expanded
	Command       []string // never empty
	Directory     string   // "" is PID 1's own
	User          string   // "" is PID 1's own
	Environment   map[string]string
	Umask         int // -1 is that of PID 1's [supervisord] section
	Priority      int

	Autostart    bool
	Autorestart  Autorestart
	ExitCodes    []int
	StartSecs    int
	StartRetries int

	StopSignal   syscall.Signal
	StopWaitSecs int
	StopAsGroup  bool
	KillAsGroup  bool

	RedirectStderr bool
	Stdout, Stderr LogFile

	DependsOn    []string      // names of other programs, sorted
	Probe        *Probe        // nil: ready when RUNNING
	ReadyTimeout time.Duration // after which an operation stops waiting
	Files        []string      // configuration files the program reads
	Early        bool          // start even while the others are held

	// Alive is asked again and again once the program is ready; after
	// AliveFailures bad answers in a row it is stopped and started again.
	Alive         *Probe // nil for none
	AliveFailures int
	// Essential programs that are FATAL end PID 1, where Options say so.
	Essential bool
}

// FullName is group:name, or the name alone when both are the same: what
// supervisorctl prints and accepts.
func (p *Program) FullName() string {
	if p.Group == p.Name {
		return p.Name
	}
	return p.Group + ":" + p.Name
}

// Definitions is everything the program files say.
type Definitions struct {
	File       string   // supervisord.conf
	Files      []string // every file read
	Programs   []Program
	SocketPath string     // [unix_http_server] file, "" when unset
	TCP        *TCPServer // [inet_http_server], nil when there is none
	Umask      int        // of [supervisord], 022 when unset
	PIDFile    string     // of [supervisord], "" when unset
	Warnings   []finding.Finding
}

// DefinitionsError lists everything that is wrong with the program files.
type DefinitionsError struct {
	Problems []finding.Finding
	err      error
}

// Error names every problem with its place, in English.
func (e *DefinitionsError) Error() string { return e.err.Error() }

// Unwrap returns the same error in both languages.
func (e *DefinitionsError) Unwrap() error { return e.err }

func newDefinitionsError(problems []finding.Finding) error {
	text := problems[0].Headline()
	for _, p := range problems[1:] {
		text = msg.M("%v\n  %v", text, p.Headline())
	}
	return &DefinitionsError{Problems: problems,
		err: msg.Errorf("cannot use the program files:\n  %v", text)}
}

// Load reads and validates supervisord.conf and the files it includes. env
// are KEY=value pairs that %(ENV_KEY)s may use beside PID 1's own
// environment. The error is ErrNoDefinitions when conf does not exist, and a
// *DefinitionsError with all problems at once when it is not usable.
//
// Of ochinchina/supervisord/config only the program groups are used. Its
// reader panics on values that Supervisor accepts (an empty environment, a
// comma in single quotes), expands some for ever, answers with the default for
// what it cannot read (yes, 50mb), silently drops a program whose %(ENV_x)s is
// not set, rewrites backslashes and ${…} in commands, and knows no lines.
func Load(conf string, env ...string) (*Definitions, error) {
	vars := EnvironMap(append(os.Environ(), env...))
	in, err := scanFiles(conf, vars)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, msg.Errorf("there is no program file %s: %w", conf, ErrNoDefinitions)
	}
	if err != nil {
		return nil, msg.Errorf("cannot read the program file: %w", err)
	}
	b := &definitionsBuilder{in: in, env: vars,
		definitions: &Definitions{File: conf, Files: in.files, Umask: 0o022},
		byName:      map[string][]int{}, groups: config.NewProcessGroup(), priority: map[string]int{}}
	b.checkSections()
	b.readServer()
	b.readGroups()
	b.readPrograms()
	b.readExtensions()
	b.checkDependencies()
	if len(in.problems) > 0 {
		return nil, newDefinitionsError(in.problems)
	}
	d := b.definitions
	d.Warnings = in.warnings
	slices.SortStableFunc(d.Programs, func(a, b Program) int {
		return cmp.Or(cmp.Compare(a.GroupPriority, b.GroupPriority), cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	return d, nil
}

// definitionsBuilder turns scanned sections into Definitions, collecting
// problems in in.
type definitionsBuilder struct {
	in          *iniFiles
	env         map[string]string
	definitions *Definitions
	byName      map[string][]int // program section or process name -> indexes into Programs
	groups      *config.ProcessGroup
	priority    map[string]int // of the groups
}

// checkSections reports unknown sections and options.
func (b *definitionsBuilder) checkSections() {
	for _, name := range b.in.order {
		s := b.in.sections[name]
		kind, _, _ := strings.Cut(name, ":")
		known, ok := sectionOptions[kind]
		switch {
		case !ok:
			b.warn(s, "", msg.M("this section is not known and is ignored"))
			continue
		case kind == "eventlistener" || kind == "fcgi-program":
			b.warn(s, "", msg.M("event listeners and FastCGI programs are not supported; the section is ignored"))
			continue
		case known == nil:
			continue
		}
		for _, key := range s.order {
			switch value := s.options[key].value; {
			case !slices.Contains(known, key):
				b.problem(s, key, msg.M("this option is not known; correct or remove it"))
			case kind == "program" && slices.Contains(withoutEffect, key) && !isOff(value):
				b.warn(s, key, msg.M("this option has no effect under omsinit"))
			}
		}
	}
}

// readServer reads what is not about one program.
func (b *definitionsBuilder) readServer() {
	d := b.definitions
	if s := b.in.sections["unix_http_server"]; s != nil {
		d.SocketPath = b.in.socketPath(b.env)
		if d.SocketPath == "" {
			b.problem(s, "file", msg.M("the path of the control socket is missing or cannot be expanded"))
		}
	}
	if s := b.in.sections["supervisord"]; s != nil {
		r := b.reader(s)
		if umask := r.octal("umask"); umask >= 0 {
			d.Umask = umask
		}
		if d.PIDFile = r.Text("pidfile", ""); d.PIDFile != "" && !filepath.IsAbs(d.PIDFile) {
			d.PIDFile = filepath.Join(filepath.Dir(s.options["pidfile"].file), d.PIDFile)
		}
	}
	d.TCP = b.readTCP()
}

// readGroups finds out which program is in which group.
func (b *definitionsBuilder) readGroups() {
	for _, name := range b.in.order {
		group, ok := strings.CutPrefix(name, "group:")
		if !ok {
			continue
		}
		s := b.in.sections[name]
		r := b.reader(s)
		b.priority[group] = r.integer("priority", 999, minInt)
		members := r.list("programs")
		if len(members) == 0 {
			b.problem(s, "programs", msg.M("a group needs the names of its programs"))
		}
		for _, member := range members {
			if b.in.sections["program:"+member] == nil {
				b.problem(s, "programs", msg.M("there is no program %q", member))
			}
			b.groups.Add(group, member)
		}
	}
}

func (b *definitionsBuilder) problem(s *iniSection, option string, text msg.Message) {
	b.in.problems = append(b.in.problems, s.problem(option, text))
}

func (b *definitionsBuilder) warn(s *iniSection, option string, text msg.Message) {
	w := s.problem(option, text)
	w.Severity = finding.Warning
	b.in.warnings = append(b.in.warnings, w)
}

func (s *iniSection) problem(option string, text msg.Message) finding.Finding {
	if o, ok := s.options[option]; ok {
		return problem(o.file, o.line, s.name, option, text)
	}
	return problem(s.file, s.line, s.name, option, text)
}
