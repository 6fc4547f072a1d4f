package pack

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/scripts"
)

// SymptomsName is the file of the pack with what components write into their logs when something is wrong.
const SymptomsName = "symptoms.yaml"

// Symptoms are that file.
type Symptoms struct {
	Version  int       `yaml:"version"` // 1
	Logs     []Logs    `yaml:"logs"`
	Symptoms []Symptom `yaml:"symptoms"`
}

// Logs are where a program writes, beside what PID 1 keeps of its output.
type Logs struct {
	Program string   `yaml:"program"` // "" is none
	Files   []string `yaml:"files"`   // patterns of container paths, the most telling first
}

// Symptom is a text in a log and what it means.
type Symptom struct {
	ID string `yaml:"id"`
	// Text are words of which one stands in a line of the log.
	Text []string `yaml:"text"`
	// Regexp matches the line as well; empty matches every one.
	Regexp string `yaml:"regexp,omitempty"`
	// Program are those in whose logs it counts; empty means all.
	Program  []string         `yaml:"program,omitempty"`
	Severity finding.Severity `yaml:"severity"`
	Cause    Words            `yaml:"cause"`
	Fix      Words            `yaml:"fix"`
	Next     string           `yaml:"next"` // command; "" for none
	Source   string           `yaml:"source"`

	line *regexp.Regexp
}

// Words are a sentence in both languages.
type Words struct {
	English string `yaml:"en"`
	Chinese string `yaml:"zh"`
}

// Message returns the sentence.
func (w Words) Message() msg.Message { return msg.M("%v", msg.Text(w)) }

// Matches reports whether a line of a log that has one of the texts shows the symptom.
func (s Symptom) Matches(line string) bool { return s.line == nil || s.line.MatchString(line) }

// Shows reports whether a line of a log shows the symptom.
func (s Symptom) Shows(line string) bool {
	has := func(text string) bool { return strings.Contains(line, text) }
	return s.Matches(line) && slices.ContainsFunc(s.Text, has)
}

// Of reports whether the symptom counts in the logs of a program.
func (s Symptom) Of(program string) bool {
	return len(s.Program) == 0 || slices.Contains(s.Program, program)
}

// Symptoms returns the symptoms of the pack, those of the binary where it has none: they hold for most releases.
func (p *Pack) Symptoms() (*Symptoms, error) {
	data, err := fs.ReadFile(p.fsys, SymptomsName)
	if errors.Is(err, fs.ErrNotExist) {
		return BuiltinSymptoms()
	}
	if err != nil {
		return nil, msg.Errorf("cannot read the pack: %w", err)
	}
	return parseSymptoms(p.fsys.place(SymptomsName), data)
}

// BuiltinSymptoms returns those of the binary.
func BuiltinSymptoms() (*Symptoms, error) {
	data, err := fs.ReadFile(scripts.Pack, SymptomsName)
	if err != nil {
		return nil, err
	}
	return parseSymptoms(embedded+":"+SymptomsName, data)
}

var symptomID = pattern.New(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// parseSymptoms reads the text strictly. Errors name file and line.
func parseSymptoms(place string, data []byte) (*Symptoms, error) {
	s := new(Symptoms)
	root, err := readYAML(place, data, s)
	if err != nil {
		return nil, err
	}
	c := checker{place: place, root: root}
	if s.Version != 1 {
		c.fail(msg.M("version is %d; this omsinit reads version 1", s.Version), "version")
	}
	for i, l := range s.Logs {
		for j, f := range l.Files {
			if _, err := path.Match(f, ""); err != nil || !path.IsAbs(f) {
				c.fail(msg.M("%q is no pattern of absolute paths of the container", f), "logs", i, "files", j)
			}
		}
	}
	seen := map[string]bool{}
	for i := range s.Symptoms {
		c.symptom(&s.Symptoms[i], seen, i)
	}
	return s, c.err
}

func (c *checker) symptom(s *Symptom, seen map[string]bool, i int) {
	at := func(field string) []any { return []any{"symptoms", i, field} }
	if !symptomID().MatchString(s.ID) || seen[s.ID] {
		c.fail(msg.M("id is %q; it must be words in lower case with dashes between, and another for each", s.ID),
			at("id")...)
	}
	seen[s.ID] = true
	if len(s.Text) == 0 || slices.ContainsFunc(s.Text, func(t string) bool {
		return len(strings.TrimSpace(t)) < 4 || strings.Contains(t, "\n")
	}) {
		c.fail(msg.M("text must be words of at least four characters in one line"), at("text")...)
	}
	if s.Regexp != "" {
		var err error
		if s.line, err = regexp.Compile(s.Regexp); err != nil {
			c.fail(msg.M("regexp cannot be used: %v", err), at("regexp")...)
		}
	}
	if !slices.Contains([]finding.Severity{finding.Error, finding.Warning, finding.Note}, s.Severity) {
		c.fail(msg.M("severity is %q; it is error, warning or note", s.Severity), at("severity")...)
	}
	for field, w := range map[string]Words{"cause": s.Cause, "fix": s.Fix} {
		if w.English == "" || w.Chinese == "" {
			c.fail(msg.M("%s must be given in both languages, en and zh", field), at(field)...)
		}
	}
	if s.Source == "" {
		c.fail(msg.M("source must say where it is known from"), at("source")...)
	}
}
