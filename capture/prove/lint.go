// Package prove looks at a pack from outside: what is wrong with it, and how it differs from another one.
package prove

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"omsinit/capture/match"
	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Fault is one thing that is wrong with a pack, or may be.
type Fault struct {
	Severity string      `json:"severity"` // error or warning
	File     string      `json:"file"`     // of the pack
	Line     int         `json:"line,omitempty"`
	Text     msg.Message `json:"text"`
}

// Linter looks for faults of a pack that Open does not refuse.
type Linter struct {
	Pack *pack.Pack
	// Compare orders two versions of OMS; an error says which is none.
	Compare func(a, b string) (int, error)

	faults []Fault
}

// Lint returns everything that is wrong, errors first.
func (l *Linter) Lint() ([]Fault, error) {
	l.faults = []Fault{}
	names, err := l.Pack.Names()
	if err != nil {
		return nil, err
	}
	files := append(slices.Clone(l.Pack.Files), l.Pack.Trial...)
	l.unused(names, files)
	for _, f := range files {
		if l.own(f.Template) {
			l.Template(f)
		}
	}
	if err := l.versions(names); err != nil {
		return nil, err
	}
	l.programs(files)
	slices.SortStableFunc(l.faults, func(a, b Fault) int { return strings.Compare(a.Severity, b.Severity) })
	return l.faults, nil
}

// own leaves the files of the reference pack alone, which are below this one.
func (l *Linter) own(name string) bool {
	return l.Pack.Source(name) != "embedded" || l.Pack.Source("pack.yaml") == "embedded"
}

func (l *Linter) fault(severity, file string, line int, text msg.Message) {
	l.faults = append(l.faults, Fault{Severity: severity, File: file, Line: line, Text: text})
}

// unused finds files that nothing is made from.
func (l *Linter) unused(names []string, files []pack.File) {
	for _, name := range names {
		parts := strings.Split(name, "/")
		switch {
		case name == "pack.yaml", strings.HasSuffix(name, ".md"), !l.own(name):
		case slices.ContainsFunc(files, func(f pack.File) bool { return f.Template == name }):
		case len(parts) == 3 && parts[0] == "schema" && slices.Contains(config.Roles, config.Role(parts[1])) &&
			strings.HasSuffix(name, ".sql"):
		default:
			l.fault("warning", name, 0, msg.M("nothing is made from this file; name it in pack.yaml, or remove it"))
		}
	}
}

var (
	action  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{\{[^}]*\}\}`) })
	encoder = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\{\{-? *(urlquery|urlpath|base64|xml|shell|doubled|quote|if|else|end|range|len|with|"|path)\b?`)
	})
)

// Template looks at one template line by line.
func (l *Linter) Template(f pack.File) {
	data, err := fs.ReadFile(l.Pack.FS(), f.Template)
	if err != nil {
		return // Open has read it
	}
	syntax := map[string]bool{".json": true, ".properties": true, ".xml": true, ".yaml": true, ".yml": true, ".ini": true}
	for n, text := range strings.Split(string(data), "\n") {
		for _, a := range action().FindAllString(text, -1) {
			name := strings.Trim(a, "{}- ")
			key, isKey := strings.CutPrefix(name, ".")
			free := isKey && match.FreeText(key) || strings.HasPrefix(name, "setting ")
			switch {
			case !free || encoder().MatchString(a):
			case f.Spelling == pack.Raw:
				l.fault("warning", f.Template, n+1, msg.M("%s is written without escaping (spelling: raw): a special character in it changes the file", a))
			case f.Format == pack.Plain && (syntax[path.Ext(f.Path)] || match.SecretKey(key)):
				l.fault("warning", f.Template, n+1, msg.M("%s is not escaped, because the format is plain: use xml, shell, doubled, urlquery or base64, or another format", a))
			}
		}
		for _, sp := range match.Spans(f.Format, text) {
			if value := strings.TrimSpace(text[sp.Start:sp.End]); match.NamesSecret(sp.Key) &&
				match.LooksLikeSecret(value) {
				l.fault("error", f.Template, n+1, msg.M("%s is named like a secret, and its value is text", sp.Key))
			}
		}
	}
}

// versions looks for schema files that are never applied, and for gaps in what
// brings the databases from one release to the next.
func (l *Linter) versions(names []string) error {
	oldest := map[config.Role]string{}
	current := false
	for _, name := range names {
		parts := strings.Split(name, "/")
		if len(parts) != 3 || parts[0] != "schema" {
			continue
		}
		version := strings.TrimSuffix(parts[2], ".sql")
		order, err := l.Compare(version, l.Pack.Release)
		switch {
		case err != nil:
			l.fault("error", name, 0, msg.M("its name is no version: %v", err))
			continue
		case order > 0:
			l.fault("error", name, 0, msg.M("it is newer than the release %s of the pack, so it is never applied", l.Pack.Release))
			continue
		}
		current = current || order == 0
		if first, ok := oldest[config.Role(parts[1])]; !ok || l.before(version, first) {
			oldest[config.Role(parts[1])] = version
		}
	}
	first := ""
	for _, version := range oldest {
		if first == "" || l.before(version, first) {
			first = version
		}
	}
	for _, role := range config.Roles {
		switch {
		case oldest[role] == "":
			l.fault("error", "schema/"+string(role), 0, msg.M("there is no schema file for this database up to the release %s", l.Pack.Release))
		case l.before(first, oldest[role]):
			l.fault("warning", "schema/"+string(role), 0, msg.M("its oldest schema file is of %s, while another database begins with %s: nothing brings it from there", oldest[role], first))
		}
	}
	if !current {
		l.fault("warning", "schema", 0, msg.M("no schema file is of the release %s itself, which is right only when it changes nothing", l.Pack.Release))
	}
	return nil
}

// before orders two versions that were read before.
func (l *Linter) before(a, b string) bool {
	order, err := l.Compare(a, b)
	return err == nil && order < 0
}

// programs looks for names that no program file of a pack that stands alone
// defines.
func (l *Linter) programs(files []pack.File) {
	if !l.Pack.Standalone {
		return
	}
	var defined strings.Builder
	found := false
	for _, f := range files {
		if data, err := fs.ReadFile(l.Pack.FS(), f.Template); err == nil && f.Format == pack.INI {
			found = found || strings.Contains(string(data), "[program:")
			defined.Write(data)
		}
	}
	if !found {
		return // the image brings them
	}
	for _, name := range l.Pack.Restart {
		program := name[strings.LastIndex(name, ":")+1:]
		if !strings.Contains(defined.String(), "[program:"+program+"]") && !strings.Contains(name, ":") {
			l.fault("warning", "pack.yaml", 0, msg.M("restart names the program %s, which no program file of the pack defines", name))
		}
	}
}
