package program

import (
	"bytes"
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// iniFiles is every section of supervisord.conf and its includes, with the place of each option. It reads the format
// as Supervisor does (Python's RawConfigParser with inline comments): later files win, option names are
// case-insensitive, an indented line continues the value before it, [DEFAULT] holds for all sections. Where Supervisor
// refuses a file as a whole, only the line is left out.
type iniFiles struct {
	sections map[string]*iniSection
	order    []*iniSection // as they first appear
	files    []string      // files read, the main one first
	findings []finding.Finding
}

type iniSection struct {
	name    string
	file    string // where the section first appears
	line    int
	options map[string]iniOption
	order   []string
	torn    int // the first line of it that cannot be read
}

type iniOption struct {
	value string
	file  string
	line  int
}

// find returns what is wrong with an option of a section, or with the whole section where option is "".
func (s *iniSection) find(severity finding.Severity, option string, text, fix msg.Message) finding.Finding {
	place := finding.Place{File: s.file, Line: s.line}
	if s.name != "" {
		place.Key = "[" + s.name + "]"
	}
	if o, ok := s.options[option]; ok {
		place.File, place.Line = o.file, o.line
	}
	if option != "" {
		place.Key += " " + option
	}
	id := "program.ignored"
	if severity == finding.Error {
		id = "program.broken"
	}
	return finding.Finding{ID: id, Severity: severity, Place: place, Message: text, Fix: fix}
}

func (in *iniFiles) warn(s *iniSection, option string, text, fix msg.Message) {
	in.findings = append(in.findings, s.find(finding.Warning, option, text, fix))
}

// scanFiles reads conf and what it includes. The error is only ever that of reading conf itself.
func scanFiles(conf string, env map[string]string) (*iniFiles, error) {
	in := &iniFiles{sections: map[string]*iniSection{}}
	data, err := os.ReadFile(conf)
	if err != nil {
		return nil, err
	}
	in.scan(conf, data)
	in.include(conf, env)
	if defaults := in.sections["DEFAULT"]; defaults != nil {
		for _, s := range in.order {
			for _, key := range defaults.order {
				if _, ok := s.options[key]; !ok {
					s.options[key] = defaults.options[key]
				}
			}
		}
	}
	return in, nil
}

// include reads the files of the [include] section. Only the main file's section counts, as in Supervisor.
func (in *iniFiles) include(conf string, env map[string]string) {
	s := in.sections["include"]
	if s == nil {
		return
	}
	files, ok := s.options["files"]
	if !ok {
		in.warn(s, "", msg.M("has no files option; name the files to include, or remove the section"), msg.Message{})
	}
	for _, pattern := range strings.Fields(files.value) {
		expanded, err := expand(pattern, newVariables(filepath.Dir(files.file), env))
		if err != nil {
			in.warn(s, "files", msg.M("%v", err), msg.Message{})
			continue
		}
		if !filepath.IsAbs(expanded) {
			expanded = filepath.Join(filepath.Dir(conf), expanded)
		}
		names := glob(expanded)
		if len(names) == 0 && !strings.ContainsAny(expanded, "*?[") {
			in.warn(s, "files", msg.M("the included file %s does not exist; create it or remove it here", expanded),
				msg.Message{})
		}
		for _, name := range names {
			data, err := readRegular(name)
			if err != nil {
				in.warn(s, "files", msg.M("cannot read the included file: %v", err), msg.Message{})
				continue
			}
			in.scan(name, data)
		}
	}
}

// readRegular reads a file that has an end: reading a pipe would wait for ever.
func readRegular(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, msg.Errorf("%s is not a regular file", name)
	}
	return os.ReadFile(name)
}

// glob returns the files that a pattern of Python's glob means, sorted: a set of letters is negated by !, a star does
// not mean a name that begins with a dot, and a bracket that is not closed is a letter.
func glob(pattern string) []string {
	pattern = strings.ReplaceAll(pattern, "[!", "[^")
	if _, err := path.Match(pattern, ""); err != nil {
		pattern = strings.ReplaceAll(pattern, "[", `\[`)
	}
	wanted := strings.Split(filepath.Clean(pattern), "/")
	names, _ := filepath.Glob(pattern) // the pattern is sound
	return slices.DeleteFunc(names, func(name string) bool {
		for i, part := range strings.Split(filepath.Clean(name), "/") {
			if strings.HasPrefix(part, ".") && !strings.HasPrefix(wanted[i], ".") {
				return true
			}
		}
		return false
	})
}

// lineEnds are what Python takes for the end of a line in a text file.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// scan adds the sections of one file.
func (in *iniFiles) scan(file string, data []byte) {
	in.files = append(in.files, file)
	whole := &iniSection{file: file, line: 1}
	text, marked := bytes.CutPrefix(data, []byte("\ufeff"))
	if marked {
		in.warn(whole, "", msg.M("the file begins with a byte order mark, with which Supervisor refuses it"),
			msg.M("save it without"))
	}
	if !utf8.Valid(text) {
		in.warn(whole, "", msg.M("the file is not UTF-8, and Supervisor refuses such a file"),
			msg.M("save it as UTF-8"))
	}
	var section *iniSection
	key, indent := "", 0 // the option a continuation line belongs to
	for i, line := range strings.Split(lineEnds.Replace(string(text)), "\n") {
		line = withoutComment(line)
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		deep := len(line) - len(strings.TrimLeft(line, " \t"))
		if key != "" && deep > indent {
			o := section.options[key]
			o.value += "\n" + trimmed
			section.options[key] = o
			continue
		}
		indent = deep
		here := func() *iniSection {
			s := &iniSection{file: file, line: i + 1}
			if section != nil {
				s.name = section.name
			}
			return s
		}
		if strings.HasPrefix(trimmed, "[") {
			key = ""
			end := strings.LastIndexByte(trimmed, ']')
			head := here()
			head.name = strings.ToValidUTF8(trimmed[1:max(end, 1)], "?")
			if end < 0 {
				head.name = trimmed[1:]
				in.warn(head, "", msg.M("%q has no closing bracket", trimmed), msg.Message{})
			}
			if section = in.section(head); end < 0 {
				section.torn = cmp.Or(section.torn, i+1)
			}
			continue
		}
		at := strings.IndexAny(trimmed, "=:")
		switch {
		case section == nil:
			in.warn(here(), "", msg.M(
				"the line is before the first [section], and is left out; Supervisor refuses such a file"),
				msg.Message{})
		case at <= 0:
			in.warn(here(), "", msg.M(
				"the line is neither a [section] nor an option = value; Supervisor refuses such a file"),
				msg.Message{})
			section.torn, key = cmp.Or(section.torn, i+1), ""
		default:
			key = strings.ToLower(strings.TrimSpace(trimmed[:at]))
			before, again := section.options[key]
			if !again {
				section.order = append(section.order, key)
			} else if before.file == file {
				in.warn(section, key, msg.M("this option is given again at line %d, which counts", i+1), msg.Message{})
			}
			section.options[key] = iniOption{value: strings.TrimSpace(trimmed[at+1:]), file: file, line: i + 1}
		}
	}
}

// section returns the section of that name, which is a new one unless there is one.
func (in *iniFiles) section(named *iniSection) *iniSection {
	s := in.sections[named.name]
	if s == nil {
		s, named.options = named, map[string]iniOption{}
		in.sections[s.name] = s
		in.order = append(in.order, s)
	}
	return s
}

// withoutComment removes a whole-line comment, or an inline one: ; or # after white space. Like Python it looks at the
// first of each at once, then at the second of each, and stops at the first that is one.
func withoutComment(line string) string {
	for semicolon, hash := -1, -1; ; {
		end := len(line)
		for _, at := range []*int{&semicolon, &hash} {
			mark := byte(';')
			if at == &hash {
				mark = '#'
			}
			next := strings.IndexByte(line[min(*at+1, len(line)):], mark)
			if next < 0 {
				*at = len(line)
				continue
			}
			if *at += 1 + next; *at == 0 || line[*at-1] == ' ' || line[*at-1] == '\t' {
				end = min(end, *at)
			}
		}
		if end < len(line) || semicolon == len(line) && hash == len(line) {
			return line[:end]
		}
	}
}

// sortFindings puts findings into the order of the files and their lines.
func sortFindings(findings []finding.Finding, files []string) {
	slices.SortStableFunc(findings, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(files, a.Place.File), slices.Index(files, b.Place.File)),
			cmp.Compare(a.Place.Line, b.Place.Line))
	})
}
