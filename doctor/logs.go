package doctor

import (
	"cmp"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
	"omsinit/supervise/api"
)

// Bounds of what is read of logs.
const (
	mostFile  = 4 << 20  // of the end of each
	mostBytes = 64 << 20 // of all together, the newest first
	mostLine  = 300      // characters that are shown of a line
	lastLines = 12
	lastBytes = 8 << 10
)

// Seen is a symptom in a log.
type Seen struct {
	ID      string    `json:"id"`
	Program string    `json:"program,omitempty"`
	File    string    `json:"file"`
	Line    string    `json:"line"`
	At      time.Time `json:"at,omitzero"` // of the last one
	Count   int       `json:"count"`
	// Past: the program was started after it, and is ready.
	Past bool `json:"past"`

	symptom pack.Symptom
}

// search looks for symptoms.
type search struct {
	Input
	ctx    context.Context
	status *api.Status // nil when it is not known
	now    time.Time
	table  *pack.Symptoms
	budget int64
}

// logFile is a file with whose it is.
type logFile struct {
	path, program string
	info          os.FileInfo
}

// run returns each symptom once for a program, with its last line.
func (s *search) run() []Seen {
	var out []Seen
	for _, f := range s.files() {
		if s.ctx.Err() != nil || s.budget <= 0 {
			break
		}
		text, cut := readEnd(f.path, min(mostFile, s.budget))
		s.budget -= int64(len(text))
		if cut {
			_, text, _ = strings.Cut(text, "\n")
		}
		for i, y := range s.table.Symptoms {
			found, ok := s.find(y, s.table.Symptoms[:i], f, text)
			if !ok {
				continue
			}
			i := slices.IndexFunc(out, func(o Seen) bool { return o.ID == found.ID && o.Program == found.Program })
			switch {
			case i < 0:
				out = append(out, found)
			case found.At.After(out[i].At):
				found.Count += out[i].Count
				out[i] = found
			default:
				out[i].Count += found.Count
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].At.After(out[j].At) })
	return out
}

// find looks for a symptom in the text of a file, from its end. A line that shows one of those before it in the table
// is theirs.
func (s *search) find(y pack.Symptom, before []pack.Symptom, f logFile, text string) (Seen, bool) {
	if !y.Of(f.program) && f.program != "" {
		return Seen{}, false
	}
	best := Seen{ID: y.ID, Program: f.program, File: f.path, symptom: y}
	for _, words := range y.Text {
		if !strings.Contains(text, words) { // many times faster than from the end
			continue
		}
		for end := len(text); ; {
			at := strings.LastIndex(text[:end], words)
			if at < 0 {
				break
			}
			from := strings.LastIndexByte(text[:at], '\n') + 1
			line, _, _ := strings.Cut(text[from:], "\n")
			end = from
			shows := func(o pack.Symptom) bool { return o.Shows(line) }
			if !y.Matches(line) || slices.ContainsFunc(before, shows) {
				continue
			}
			when := stamp(text, from, f.info.ModTime())
			if s.Since > 0 && when.Before(s.now.Add(-s.Since)) {
				break
			}
			best.Count++
			if best.Line == "" || when.After(best.At) {
				best.At, best.Line = when, msg.Shorten(s.Mask(printable(line)), mostLine)
			}
		}
	}
	if best.Count == 0 {
		return Seen{}, false
	}
	best.Past = s.healed(f.program, best.At)
	return best, true
}

// healed reports whether a program was started after a time, and is ready.
func (s *search) healed(program string, at time.Time) bool {
	if s.status == nil {
		return false
	}
	for _, p := range s.status.Programs {
		if p.Name == program {
			return p.Ready && p.StartedAt != nil && p.StartedAt.After(at)
		}
	}
	// A log of no program, such as that of an initialisation: healed when a later one has succeeded.
	setup := s.status.Setup
	return setup != nil && setup.State == api.SetupDone && setup.Since.After(at)
}

var stamps = pattern.New(`\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)?`)

// stamp returns the time of the line that begins at a place: its own, or that of the nearest line before, as in a
// stack trace; without any the time at which the file was written last.
func stamp(text string, at int, written time.Time) time.Time {
	end := at + 1
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		end = at + i
	}
	for range 200 {
		line := text[at:end]
		if m := stamps().FindString(line[:min(len(line), 400)]); m != "" {
			m = strings.Replace(strings.ReplaceAll(m, "/", "-"), " ", "T", 1)
			m = strings.Replace(m, ",", ".", 1)
			if t, err := time.Parse(time.RFC3339, m); err == nil {
				return t
			}
			if t, err := time.ParseInLocation("2006-01-02T15:04:05", m, time.Local); err == nil {
				return t
			}
		}
		if at == 0 {
			break
		}
		end = at - 1
		at = strings.LastIndexByte(text[:end], '\n') + 1
	}
	return written
}

// files returns the logs that were written to lately, the newest first.
func (s *search) files() []logFile {
	var out []logFile
	patterns := s.patterns()
	for _, program := range slices.Sorted(maps.Keys(patterns)) {
		for _, pattern := range patterns[program] {
			matches, _ := filepath.Glob(pattern)
			for _, path := range matches {
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() &&
					!slices.ContainsFunc(out, func(f logFile) bool { return os.SameFile(f.info, info) }) {
					out = append(out, logFile{path, program, info})
				}
			}
		}
	}
	out = slices.DeleteFunc(out, func(f logFile) bool {
		return s.Since > 0 && f.info.ModTime().Before(s.now.Add(-s.Since))
	})
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		return cmp.Or(b.info.ModTime().Compare(a.info.ModTime()), cmp.Compare(a.path, b.path)) < 0
	})
	return out
}

// patterns returns the logs of each program, the most telling first.
func (s *search) patterns() map[string][]string {
	out := map[string][]string{}
	for _, l := range s.table.Logs {
		for _, f := range l.Files {
			out[l.Program] = append(out[l.Program], s.Layout.Path(f))
		}
	}
	var kept map[string][]string
	if s.Logs != nil {
		kept, _ = s.Logs()
	}
	if s.status != nil {
		for _, p := range s.status.Programs {
			kept = withLogs(kept, p.Name, p.StderrLog, p.StdoutLog)
		}
	}
	for program, files := range kept {
		for _, f := range files {
			if f != "" && !slices.Contains(out[program], f) {
				out[program] = append(out[program], f)
			}
		}
	}
	return out
}

func withLogs(logs map[string][]string, program string, files ...string) map[string][]string {
	if logs == nil {
		logs = map[string][]string{}
	}
	logs[program] = append(logs[program], files...)
	return logs
}

// words returns the last lines of each program that is not ready: of the log that was written to last, for a program
// that dies says so in one of several.
func (s *search) words() []Words {
	if s.status == nil {
		return nil
	}
	patterns := s.patterns()
	var out []Words
	for _, p := range s.status.Programs {
		if p.Ready || !slices.Contains(s.Programs, p.Name) {
			continue
		}
		var best string
		var written time.Time
		for _, pattern := range patterns[p.Name] {
			matches, _ := filepath.Glob(pattern)
			for _, path := range matches {
				info, err := os.Stat(path)
				// Within a second the order of the table counts.
				if err == nil && info.Mode().IsRegular() && info.Size() > 0 &&
					info.ModTime().After(written.Add(time.Second)) {
					best, written = path, info.ModTime()
				}
			}
		}
		if best == "" {
			continue
		}
		text, cut := readEnd(best, lastBytes)
		out = append(out, Words{Program: p.Name, File: best, Lines: s.Mask(end(text, cut, lastLines))})
	}
	return out
}

// end returns the last lines of a text, whose first one may be cut.
func end(text string, cut bool, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	if cut && len(lines) > 1 {
		lines = lines[1:]
	}
	lines = lines[max(0, len(lines)-count):]
	for i := range lines {
		lines[i] = msg.Shorten(printable(lines[i]), mostLine)
	}
	return strings.Join(lines, "\n")
}

// readEnd returns at most so many bytes of the end of a file, and whether more are before them. A pipe in the place
// of a log is not waited for.
func readEnd(path string, most int64) (text string, cut bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	from := max(0, info.Size()-most)
	data, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return "", false
	}
	return string(data), from > 0
}

// printable takes out what would move the cursor of a terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.TrimRight(strings.ToValidUTF8(line, "?"), "\r"))
}

// runs returns the last logs of the initialisation with how each ended (docs/oms-facts.md §3).
func (in Input) runs(context.Context) (func(*Facts), error) {
	matches, _ := filepath.Glob(filepath.Join(in.Layout.LogDir(), "docker_init*.log*"))
	var list []InitRun
	for _, path := range matches {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		list = append(list, InitRun{File: path, At: info.ModTime()})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].At.After(list[j].At) })
	list = list[:min(len(list), 5)]
	for i := range list {
		text, cut := readEnd(list[i].File, 4<<10)
		lines := strings.Split(end(text, cut, 10), "\n")
		for _, line := range lines {
			if strings.Trim(line, "-# \t") != "" {
				list[i].LastLine = in.Mask(line)
			}
		}
	}
	return func(f *Facts) { f.Runs = list }, nil
}
