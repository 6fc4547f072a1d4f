package program

import (
	"os"
	"path/filepath"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// iniFiles is every section of supervisord.conf and its includes, with the
// place of each option. It reads the format as Supervisor does (Python's
// RawConfigParser with inline comments): later files win, option names are
// case-insensitive, an indented line continues the value before it.
type iniFiles struct {
	sections map[string]*iniSection
	order    []string // section names as they first appear
	files    []string // files read, the main one first
	problems []finding.Finding
	warnings []finding.Finding
}

type iniSection struct {
	name    string
	file    string // where the section first appears
	line    int
	options map[string]iniOption
	order   []string
}

type iniOption struct {
	value string
	file  string
	line  int
}

// problem returns what is wrong with an option of a section, or with the whole section where option is "".
func problem(file string, line int, section, option string, text msg.Message) finding.Finding {
	place := finding.Place{File: file, Line: line, Key: "[" + section + "]"}
	if option != "" {
		place.Key += " " + option
	}
	return finding.Finding{ID: "program.definition", Severity: finding.Error, Place: place, Message: text}
}

// scanFiles reads conf and what it includes. The error is only ever that of
// reading conf itself; everything else is collected as problems.
func scanFiles(conf string, env map[string]string) (*iniFiles, error) {
	in := &iniFiles{sections: map[string]*iniSection{}}
	data, err := os.ReadFile(conf)
	if err != nil {
		return nil, err
	}
	in.scan(conf, string(data))
	in.include(conf, env)
	return in, nil
}

// include reads the files of the [include] section. Only the main file's
// section counts, as in Supervisor.
func (in *iniFiles) include(conf string, env map[string]string) {
	s := in.sections["include"]
	if s == nil {
		return
	}
	files, ok := s.options["files"]
	if !ok {
		in.problems = append(in.problems, problem(s.file, s.line, "include", "",
			msg.M("has no files option; name the files to include, or remove the section")))
		return
	}
	for _, pattern := range strings.Fields(files.value) {
		place := problem(files.file, files.line, "include", "files", msg.Message{})
		expanded, err := expand(pattern, newVariables(filepath.Dir(files.file), env))
		if err != nil {
			place.Message = msg.M("%v", err)
			in.problems = append(in.problems, place)
			continue
		}
		if !filepath.IsAbs(expanded) {
			expanded = filepath.Join(filepath.Dir(conf), expanded)
		}
		names, err := filepath.Glob(expanded) // sorted
		if err != nil {
			place.Message = msg.M("%q is not a file pattern", pattern)
			in.problems = append(in.problems, place)
			continue
		}
		if len(names) == 0 && !strings.ContainsAny(expanded, "*?[") {
			place.Message = msg.M("the included file %s does not exist; create it or remove it here", expanded)
			in.problems = append(in.problems, place)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				place.Message = msg.M("cannot read the included file: %v", err)
				in.problems = append(in.problems, place)
				continue
			}
			in.scan(name, string(data))
		}
	}
}

// scan adds the sections of one file.
func (in *iniFiles) scan(file, text string) {
	in.files = append(in.files, file)
	var section *iniSection
	key, indent := "", 0 // the option a continuation line belongs to
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number := i + 1
		line = withoutComment(strings.TrimRight(line, "\r"))
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if n := indentOf(line); key != "" && n > indent {
			o := section.options[key]
			o.value += "\n" + trimmed
			section.options[key] = o
			continue
		}
		if strings.HasPrefix(trimmed, "[") {
			key = ""
			end := strings.IndexByte(trimmed, ']')
			if end < 0 {
				in.problems = append(in.problems, problem(file, number, trimmed[1:], "",
					msg.M("%q has no closing bracket", trimmed)))
				section = nil
				continue
			}
			section = in.section(trimmed[1:end], file, number)
			continue
		}
		at := strings.IndexAny(trimmed, "=:")
		if section == nil || at <= 0 {
			name := ""
			if section != nil {
				name = section.name
			}
			in.problems = append(in.problems, problem(file, number, name, "",
				msg.M("%q is neither a [section] nor an option = value", trimmed)))
			key = ""
			continue
		}
		key, indent = strings.ToLower(strings.TrimSpace(trimmed[:at])), indentOf(line)
		if _, again := section.options[key]; !again {
			section.order = append(section.order, key)
		}
		section.options[key] = iniOption{value: strings.TrimSpace(trimmed[at+1:]), file: file, line: number}
	}
}

func (in *iniFiles) section(name, file string, line int) *iniSection {
	s := in.sections[name]
	if s == nil {
		s = &iniSection{name: name, file: file, line: line, options: map[string]iniOption{}}
		in.sections[name] = s
		in.order = append(in.order, name)
	}
	return s
}

// withoutComment removes a whole-line comment, or an inline one: ; or # after
// white space, as Supervisor reads it.
func withoutComment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] != ';' && line[i] != '#' {
			continue
		}
		if i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
			return line[:i]
		}
	}
	return line
}

func indentOf(line string) int {
	return len(line) - len(strings.TrimLeft(line, " \t"))
}
