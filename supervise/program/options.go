package program

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// optionReader reads the options of one section as values, and reports what it cannot read. What nobody has asked for
// is unknown.
type optionReader struct {
	in      *iniFiles
	section *iniSection
	vars    func(file string) variables
	report  func(option string, text msg.Message)
	asked   *[]string // shared by all that with returns
}

// reader returns a reader that reports what it cannot read as warnings: the option counts as absent.
func (b *builder) reader(s *iniSection) *optionReader {
	asked := make([]string, 0, 48) // a [program:x] section has about 40
	return &optionReader{
		in:      b.in,
		section: s,
		vars:    func(file string) variables { return newVariables(filepath.Dir(file), b.env) },
		report:  func(option string, text msg.Message) { b.in.warn(s, option, text, msg.M("this is left out")) },
		asked:   &asked,
	}
}

// with returns a reader that expands more names.
func (r *optionReader) with(pairs ...string) *optionReader {
	more, vars := *r, r.vars
	more.vars = func(file string) variables { return vars(file).with(pairs...) }
	return &more
}

func (r *optionReader) has(key string) bool {
	if !slices.Contains(*r.asked, key) {
		*r.asked = append(*r.asked, key)
	}
	_, ok := r.section.options[key]
	return ok
}

// reportUnknown reports the options of the section that nobody has asked for. Supervisor ignores them, too.
func (r *optionReader) reportUnknown() {
	for _, key := range r.section.order {
		if slices.Contains(*r.asked, key) {
			continue
		}
		var fix msg.Message
		if near := finding.Nearest(key, slices.Sorted(slices.Values(*r.asked))); near != "" {
			fix = msg.M("did you mean %s?", near)
		}
		r.in.warn(r.section, key, msg.M("this option is not known and is ignored"), fix)
	}
}

// Text returns the expanded value, or missing when the option is not there or cannot be expanded.
func (r *optionReader) Text(key, missing string) string {
	return get(r, key, missing, func(text string) (string, error) { return text, nil })
}

// get returns the value of an option, or missing when it is not there or cannot be read.
func get[T any](r *optionReader, key string, missing T, parse func(text string) (T, error)) T {
	if !r.has(key) {
		return missing
	}
	o := r.section.options[key]
	text, err := o.value, error(nil)
	if strings.Contains(text, "%") { // few values; the variables are hundreds
		text, err = expand(text, r.vars(o.file))
	}
	value := missing
	if err == nil {
		value, err = parse(text)
	}
	if err != nil {
		r.report(key, msg.M("%v", err))
		return missing
	}
	return value
}

// given reads a text that must not be empty.
func given(text string) (string, error) {
	if text == "" {
		return "", msg.Errorf("there is no value")
	}
	return text, nil
}

// whole reads a whole number as Python does: 1_000 is one, and none is too large.
func whole(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, msg.Errorf("%q is not a whole number", text)
	}
	return n, nil
}

// integer reads a whole number of 32 bits, the nearest one where it has more.
func integer(text string) (int, error) {
	n, err := whole(text)
	return int(min(max(n, math.MinInt32), math.MaxInt32)), err
}

// natural reads a whole number; a negative one does what 0 does, as in Supervisor.
func natural(text string) (int, error) {
	n, err := integer(text)
	return max(n, 0), err
}

// atLeast reads a whole number that is not smaller.
func atLeast(least int) func(string) (int, error) {
	return func(text string) (int, error) {
		if n, err := integer(text); err == nil && n >= least {
			return n, nil
		}
		return 0, msg.Errorf("%q is not a whole number of at least %d", text, least)
	}
}

// boolean knows Supervisor's spellings.
func boolean(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "on", "1":
		return true, nil
	case "no", "false", "off", "0":
		return false, nil
	}
	return false, msg.Errorf("%q is neither true nor false", text)
}

// size reads 50MB, 100kb, 1GB or a number of bytes.
func size(text string) (int64, error) {
	digits, factor := strings.ToLower(text), int64(1)
	for _, unit := range []struct {
		suffix string
		factor int64
	}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}} {
		if rest, ok := strings.CutSuffix(digits, unit.suffix); ok {
			digits, factor = rest, unit.factor
			break
		}
	}
	n, err := whole(digits)
	if err != nil {
		return 0, msg.Errorf("%q is not a size such as 50MB", text)
	}
	return min(max(n, 0), math.MaxInt64/factor) * factor, nil
}

// octal reads a umask, of which the kernel takes nine bits.
func octal(text string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "0o"), 8, 32)
	if err != nil {
		return -1, msg.Errorf("%q is not an octal number such as 022", text)
	}
	return int(n) & 0o777, nil
}

// list reads words separated by commas.
func list(text string) (out []string, err error) {
	for _, word := range strings.Split(text, ",") {
		if word = strings.TrimSpace(word); word != "" && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out, nil
}

func (r *optionReader) list(key string) []string { return get(r, key, nil, list) }

func exitCodes(text string) ([]int, error) {
	codes := []int{}
	words, _ := list(text)
	for _, word := range words {
		n, err := integer(word)
		if err != nil || n < 0 || n > 255 {
			return nil, msg.Errorf("%q is not an exit status from 0 to 255", word)
		}
		codes = append(codes, n)
	}
	return codes, nil
}

func autorestart(text string) (Autorestart, error) {
	if strings.EqualFold(text, "unexpected") {
		return RestartUnexpected, nil
	}
	always, err := boolean(text)
	switch {
	case err != nil:
		return RestartUnexpected, msg.Errorf("%q is not one of true, false and unexpected", text)
	case always:
		return RestartAlways, nil
	}
	return RestartNever, nil
}

func stopSignal(text string) (syscall.Signal, error) {
	sig, ok := ParseSignal(text)
	if !ok {
		return 0, msg.Errorf("%q is not a signal such as TERM, HUP, INT, QUIT, KILL, USR1 or USR2", text)
	}
	return sig, nil
}

// otherSignals are names that Python knows beside those of the kernel.
var otherSignals = map[string]syscall.Signal{"SIGCLD": syscall.SIGCHLD, "SIGPOLL": syscall.SIGIO,
	"SIGIOT":   syscall.SIGABRT,
	"SIGRTMIN": 34, "SIGRTMAX": 64}

// ParseSignal reads TERM, SIGTERM or 15, as Supervisor does. Signal 0 only asks whether the process is there.
func ParseSignal(s string) (syscall.Signal, bool) {
	name := strings.ToUpper(strings.TrimSpace(s))
	if n, err := strconv.Atoi(name); err == nil {
		sig := syscall.Signal(n)
		return sig, sig == 0 || sig == 34 || sig == 64 || unix.SignalName(sig) != ""
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig, ok := otherSignals[name]; ok {
		return sig, true
	}
	sig := unix.SignalNum(name)
	return sig, sig != 0
}

// home replaces a leading ~ by the home folder, as Supervisor does in the paths of log files.
func home(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if dir, err := os.UserHomeDir(); err == nil {
			return filepath.Join(dir, rest)
		}
	}
	return path
}

// logFile reads the file, size and backups of one output stream. AUTO and unset mean a file of our choosing in autoDir.
func (r *optionReader) logFile(stream, autoDir, program string) LogFile {
	key := stream + "_logfile"
	file := LogFile{
		Path:     home(r.Text(key, "AUTO")),
		MaxBytes: get(r, key+"_maxbytes", 50<<20, size),
		Backups:  get(r, key+"_backups", 10, natural),
	}
	switch strings.ToLower(file.Path) {
	case "none", "off", "":
		file.Path = ""
	case "syslog":
		file.Path = ""
		r.in.warn(r.section, key, msg.M("there is no syslog under omsinit; the output is thrown away"), msg.Message{})
	case "auto":
		file.Path, file.Auto = filepath.Join(autoDir, program+"-"+stream+".log"), true
	default:
		if !filepath.IsAbs(file.Path) {
			file.Path, _ = filepath.Abs(file.Path)
		}
	}
	for _, off := range []string{"_capture_maxbytes", "_events_enabled", "_syslog"} {
		r.withoutEffect(stream + off)
	}
	return file
}

// withoutEffect warns of an option that Supervisor knows and that does nothing here, since there are no event
// listeners and no syslog, unless it asks for nothing.
func (r *optionReader) withoutEffect(key string) {
	value := r.Text(key, "")
	if value == "" { // most often: there is no need to word what is wrong with it as a number
		return
	}
	on, err := boolean(value)
	switch n, bad := size(value); {
	case strings.EqualFold(value, "AUTO"), err == nil && !on, bad == nil && n == 0:
	default:
		r.in.warn(r.section, key, msg.M("this option has no effect under omsinit"), msg.Message{})
	}
}
