// Package program reads supervisord.conf and what it includes into definitions of programs, as Supervisor 4.2 does,
// and asks the probes that a definition may have.
package program

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

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
	Auto     bool  // the path is of our choosing
	MaxBytes int64 // rotate beyond it; 0 never
	Backups  int
}

// Program is one supervised process, as supervisord.conf and the files it
// includes define it. Options and defaults are those of Supervisor 4.2;
// what Supervisor does not have comes from the [omsinit:NAME] section.
type Program struct {
	Name, Group   string
	Section       string // NAME of its [program:NAME]
	GroupPriority int
	// Problem is why the section cannot be used; nil when it can. Such a program is FATAL.
	Problem     *finding.Finding
	CommandLine string   // as written, expanded
	Command     []string // empty only with a Problem
	Directory   string   // "" is PID 1's own
	User        string   // "" is PID 1's own
	Environment map[string]string
	Umask       int // -1 is that of PID 1's [supervisord] section
	Priority    int

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

// Compare orders programs by their priorities, as Supervisor starts them, and by their names.
func (p Program) Compare(q Program) int {
	return cmp.Or(cmp.Compare(p.GroupPriority, q.GroupPriority), cmp.Compare(p.Group, q.Group),
		cmp.Compare(p.Priority, q.Priority), cmp.Compare(p.Name, q.Name))
}

// LookupUser finds the user that a program is to run as, by name or by number.
func LookupUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if _, number := strconv.Atoi(name); number == nil {
			u, err = user.LookupId(name)
		}
	}
	if err != nil {
		return nil, msg.Errorf("there is no user %q", name)
	}
	return u, nil
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
	Identifier string     // of [supervisord], "supervisor" when unset
	// Findings are what is wrong with the files: a warning for what is left out, an error for what makes a program
	// unusable. They are in the order of the files and their lines.
	Findings []finding.Finding

	users map[string]finding.Place // where the user of a section is set
}

// Warnings returns the findings that make no program unusable.
func (d *Definitions) Warnings() []finding.Finding {
	isError := func(f finding.Finding) bool { return f.Severity == finding.Error }
	return slices.DeleteFunc(slices.Clone(d.Findings), isError)
}

// CheckUsers adds findings for the users that are not there, which a start would come upon.
func (d *Definitions) CheckUsers() {
	reported := map[string]bool{} // once for all processes of a section
	for _, p := range d.Programs {
		at, ok := d.users[p.Section]
		if !ok || p.User == "" || reported[p.Section] {
			continue
		}
		if _, err := LookupUser(p.User); err != nil {
			reported[p.Section] = true
			d.Findings = append(d.Findings, finding.Finding{ID: "program.broken", Severity: finding.Error, Place: at,
				Message: msg.M("%v", err)})
		}
	}
	sortFindings(d.Findings, d.Files)
}

// Load reads supervisord.conf and the files it includes. env are KEY=value pairs that %(ENV_KEY)s may use beside PID
// 1's own environment. The error is ErrNoDefinitions when conf does not exist, or says why it cannot be read. Nothing
// in the files is an error: what Supervisor ignores is a warning, and a section that cannot be used is a program with
// a Problem.
//
// Of ochinchina/supervisord/config nothing is used. Its reader panics on values that Supervisor accepts (an empty
// environment, a comma in single quotes), expands some for ever, answers with the default for what it cannot read (yes,
// 50mb), silently drops a program whose %(ENV_x)s is not set, rewrites backslashes and ${…} in commands, and knows no
// lines.
func Load(conf string, env ...string) (*Definitions, error) {
	b, err := newBuilder(conf, env)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, msg.Errorf("there is no program file %s: %w", conf, ErrNoDefinitions)
	}
	if err != nil {
		return nil, msg.Errorf("cannot read the program file: %w", err)
	}
	b.checkSections()
	b.readServer()
	b.readPrograms()
	b.readExtensions()
	b.checkDependencies()
	d := b.definitions
	d.Findings = b.in.findings
	sortFindings(d.Findings, d.Files)
	d.Sort()
	return d, nil
}

// Sort puts the programs into the order of their priorities, in which Supervisor starts them.
func (d *Definitions) Sort() {
	slices.SortStableFunc(d.Programs, Program.Compare)
}

// builder turns scanned sections into Definitions.
type builder struct {
	in          *iniFiles
	env         map[string]string // that %(ENV_x)s may use
	shared      map[string]string // of all programs, from [supervisord]
	definitions *Definitions
	byName      map[string][]int // section or process name -> indexes into Programs
}

// newBuilder reads the files, and of them what everything else needs.
func newBuilder(conf string, env []string) (*builder, error) {
	b := &builder{env: ParseEnviron(append(os.Environ(), env...)), byName: map[string][]int{}}
	in, err := scanFiles(conf, b.env)
	if err != nil {
		return nil, err
	}
	b.in = in
	b.definitions = &Definitions{File: conf, Files: in.files, Umask: 0o022, Identifier: "supervisor",
		users: map[string]finding.Place{}}
	if s := in.sections["supervisord"]; s != nil {
		b.shared = b.reader(s).environment("environment")
		b.env = maps.Clone(b.env)
		maps.Copy(b.env, b.shared)
	}
	return b, nil
}

// sectionKinds are the sections of Supervisor, and our own. Where a name follows, they end in a colon.
var sectionKinds = []string{"supervisord", "unix_http_server", "inet_http_server", "supervisorctl", "include",
	"program:", "group:", "rpcinterface:", "ctlplugin:", "eventlistener:", "fcgi-program:", "omsinit:"}

var unsupported = msg.M("event listeners and FastCGI programs are not supported; the section is ignored")

// checkSections reports sections that mean nothing here.
func (b *builder) checkSections() {
	for _, s := range b.in.order {
		kind, rest, named := strings.Cut(s.name, ":")
		if named {
			kind += ":"
		}
		switch {
		case kind == "eventlistener:":
			b.in.warn(s, "", unsupported, msg.M(
				"where its work is needed, make it a [program:%s] that asks supervisorctl status", rest))
		case kind == "fcgi-program:":
			b.in.warn(s, "", unsupported, msg.M(
				"where its work is needed, make it a [program:%s] that opens its socket by itself", rest))
		case kind != "DEFAULT" && !slices.Contains(sectionKinds, kind):
			var fix msg.Message
			if near := finding.Nearest(kind, sectionKinds); strings.HasSuffix(near, ":") {
				fix = msg.M("did you mean %s?", "["+near+cmp.Or(rest, "NAME")+"]")
			} else if near != "" {
				fix = msg.M("did you mean %s?", "["+near+"]")
			}
			b.in.warn(s, "", msg.M("this section is not known and is ignored"), fix)
		}
	}
	if b.in.sections["supervisord"] == nil {
		b.in.warn(&iniSection{file: b.definitions.File}, "",
			msg.M("there is no [supervisord] section, without which Supervisor refuses the file"), msg.Message{})
	}
}

// readServer reads what is not about one program.
func (b *builder) readServer() {
	d := b.definitions
	if s := b.in.sections["supervisord"]; s != nil {
		r := b.reader(s)
		r.has("environment") // read already
		d.Umask = get(r, "umask", d.Umask, octal)
		d.Identifier = r.Text("identifier", d.Identifier)
		if d.PIDFile = r.Text("pidfile", ""); d.PIDFile != "" && !filepath.IsAbs(d.PIDFile) {
			d.PIDFile = filepath.Join(filepath.Dir(s.options["pidfile"].file), d.PIDFile)
		}
		// Supervisor refuses the file for a bad value of these, which do nothing here.
		for _, key := range []string{"minfds", "minprocs", "logfile_backups"} {
			get(r, key, 0, integer)
		}
		for _, key := range []string{"nodaemon", "silent", "nocleanup", "strip_ansi"} {
			get(r, key, false, boolean)
		}
		get(r, "logfile_maxbytes", 0, size)
		for _, key := range []string{"logfile", "loglevel", "childlogdir", "user", "directory"} {
			r.has(key)
		}
		r.reportUnknown()
	}
	if s := b.in.sections["unix_http_server"]; s != nil {
		r := b.reader(s)
		if d.SocketPath = b.socketPath(); d.SocketPath == "" {
			r.report("file", msg.M("the path of the control socket is missing or cannot be expanded"))
		}
		for _, key := range []string{"file", "chmod", "chown", "username", "password"} {
			r.has(key)
		}
		r.reportUnknown()
	}
	if s := b.in.sections["include"]; s != nil {
		r := b.reader(s)
		r.has("files")
		r.reportUnknown()
	}
	d.TCP = b.readTCP()
}
