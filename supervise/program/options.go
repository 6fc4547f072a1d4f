package program

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/msg"
)

const minInt = math.MinInt32

// sectionOptions are the options of Supervisor 4.2.5 per kind of section
// (its options.py), and those of our own [omsinit:NAME]. Where the list is
// nil, anything goes.
var sectionOptions = map[string][]string{
	"supervisord": {"logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "umask",
		"nodaemon", "silent", "minfds", "minprocs", "nocleanup", "childlogdir", "user", "directory",
		"strip_ansi", "environment", "identifier"},
	"unix_http_server": {"file", "chmod", "chown", "username", "password"},
	"inet_http_server": {"port", "username", "password"},
	"supervisorctl":    nil,
	"rpcinterface":     nil,
	"ctlplugin":        nil,
	"eventlistener":    nil,
	"fcgi-program":     nil,
	"include":          {"files"},
	"group":            {"programs", "priority"},
	"program": {"command", "process_name", "numprocs", "numprocs_start", "priority", "autostart",
		"startsecs", "startretries", "autorestart", "exitcodes", "stopsignal", "stopwaitsecs",
		"stopasgroup", "killasgroup", "user", "redirect_stderr", "environment", "directory", "umask",
		"serverurl",
		"stdout_logfile", "stdout_logfile_maxbytes", "stdout_logfile_backups",
		"stdout_capture_maxbytes", "stdout_events_enabled", "stdout_syslog",
		"stderr_logfile", "stderr_logfile_maxbytes", "stderr_logfile_backups",
		"stderr_capture_maxbytes", "stderr_events_enabled", "stderr_syslog"},
	"omsinit": {"depends_on", "files", "early", "essential",
		"ready_http", "ready_status", "ready_json", "ready_insecure", "ready_tcp", "ready_command", "ready_log",
		"ready_interval", "ready_attempt_timeout", "ready_timeout",
		"alive_http", "alive_status", "alive_json", "alive_insecure", "alive_tcp", "alive_command",
		"alive_interval", "alive_attempt_timeout", "alive_failures"},
}

// withoutEffect are options of a program that Supervisor knows and that do
// nothing here, since there are no event listeners and no syslog.
var withoutEffect = []string{"serverurl",
	"stdout_capture_maxbytes", "stdout_events_enabled", "stdout_syslog",
	"stderr_capture_maxbytes", "stderr_events_enabled", "stderr_syslog"}

// isOff reports whether a value asks for nothing.
func isOff(value string) bool {
	on, ok := parseBool(value)
	return ok && !on || strings.EqualFold(value, "AUTO") || strings.Trim(value, "0") == "" || strings.EqualFold(value, "0MB")
}

// optionReader reads the options of one section as values, and reports what
// it cannot read.
type optionReader struct {
	section *iniSection
	vars    func(file string) variables
	problem func(option string, text msg.Message)
}

func (b *definitionsBuilder) reader(s *iniSection) *optionReader {
	return &optionReader{
		section: s,
		vars:    func(file string) variables { return newVariables(filepath.Dir(file), b.env) },
		problem: func(option string, text msg.Message) { b.problem(s, option, text) },
	}
}

// with returns a reader that expands more names.
func (r *optionReader) with(pairs ...string) *optionReader {
	more, vars := *r, r.vars
	more.vars = func(file string) variables { return vars(file).with(pairs...) }
	return &more
}

func (r *optionReader) has(key string) bool {
	_, ok := r.section.options[key]
	return ok
}

// Text is the expanded value, or missing when the option is not there.
func (r *optionReader) Text(key, missing string) string {
	o, ok := r.section.options[key]
	if !ok {
		return missing
	}
	if !strings.Contains(o.value, "%") {
		return o.value // most values; the variables are hundreds
	}
	value, err := expand(o.value, r.vars(o.file))
	if err != nil {
		r.problem(key, msg.M("%v", err))
		return missing
	}
	return value
}

func (r *optionReader) integer(key string, missing, least int) int {
	if !r.has(key) {
		return missing
	}
	value := r.Text(key, strconv.Itoa(missing))
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || int(n) < least {
		if least == minInt {
			r.problem(key, msg.M("%q is not a whole number", value))
		} else {
			r.problem(key, msg.M("%q is not a whole number of at least %d", value, least))
		}
		return missing
	}
	return int(n)
}

func (r *optionReader) boolean(key string, missing bool) bool {
	if !r.has(key) {
		return missing
	}
	value := r.Text(key, "false")
	truth, ok := parseBool(value)
	if !ok {
		r.problem(key, msg.M("%q is neither true nor false", value))
		return missing
	}
	return truth
}

// parseBool knows Supervisor's spellings.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "yes", "true", "on", "1":
		return true, true
	case "no", "false", "off", "0":
		return false, true
	}
	return false, false
}

// size reads 50MB, 100kb, 1GB or a number of bytes.
func (r *optionReader) size(key string, missing int64) int64 {
	if !r.has(key) {
		return missing
	}
	value := r.Text(key, "0")
	digits, factor := strings.ToLower(value), int64(1)
	for _, unit := range []struct {
		suffix string
		factor int64
	}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}} {
		if rest, ok := strings.CutSuffix(digits, unit.suffix); ok {
			digits, factor = strings.TrimSpace(rest), unit.factor
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		r.problem(key, msg.M("%q is not a size such as 50MB", value))
		return missing
	}
	return n * factor
}

// octal reads a umask, -1 when the option is not there.
func (r *optionReader) octal(key string) int {
	if !r.has(key) {
		return -1
	}
	value := r.Text(key, "022")
	n, err := strconv.ParseUint(strings.TrimPrefix(value, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		r.problem(key, msg.M("%q is not an octal number such as 022", value))
		return -1
	}
	return int(n)
}

// list reads words separated by commas.
func (r *optionReader) list(key string) []string {
	var out []string
	for _, word := range strings.Split(r.Text(key, ""), ",") {
		if word = strings.TrimSpace(word); word != "" && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

func (r *optionReader) exitCodes(key string) []int {
	if !r.has(key) {
		return []int{0}
	}
	codes := []int{}
	for _, word := range r.list(key) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 || n > 255 {
			r.problem(key, msg.M("%q is not an exit status from 0 to 255", word))
			continue
		}
		codes = append(codes, n)
	}
	return codes
}

func (r *optionReader) autorestart(key string) Autorestart {
	value := strings.ToLower(r.Text(key, "unexpected"))
	if value == "unexpected" {
		return RestartUnexpected
	}
	always, ok := parseBool(value)
	switch {
	case !ok:
		r.problem(key, msg.M("%q is not one of true, false and unexpected", value))
	case always:
		return RestartAlways
	case !always:
		return RestartNever
	}
	return RestartUnexpected
}

func (r *optionReader) Signal(key string) syscall.Signal {
	value := r.Text(key, "TERM")
	sig, ok := ParseSignal(value)
	if !ok {
		r.problem(key, msg.M("%q is not a signal such as TERM, HUP, INT, QUIT, KILL, USR1 or USR2", value))
		return syscall.SIGTERM
	}
	return sig
}

// ParseSignal reads TERM, SIGTERM or 15.
func ParseSignal(s string) (syscall.Signal, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if n, err := strconv.Atoi(s); err == nil {
		return syscall.Signal(n), unix.SignalName(syscall.Signal(n)) != ""
	}
	if !strings.HasPrefix(s, "SIG") {
		s = "SIG" + s
	}
	sig := unix.SignalNum(s)
	return sig, sig != 0
}

// logFile reads the file, size and backups of one output stream. AUTO and
// unset mean a file of our choosing in autoDir.
func (r *optionReader) logFile(stream, autoDir, program string) LogFile {
	key := stream + "_logfile"
	file := LogFile{
		Path:     r.Text(key, "AUTO"),
		MaxBytes: r.size(key+"_maxbytes", 50<<20),
		Backups:  r.integer(key+"_backups", 10, 0),
	}
	switch strings.ToLower(file.Path) {
	case "none", "off", "":
		file.Path = ""
	case "auto":
		file.Path = filepath.Join(autoDir, program+"-"+stream+".log")
	default:
		if !filepath.IsAbs(file.Path) {
			file.Path, _ = filepath.Abs(file.Path)
		}
	}
	return file
}
