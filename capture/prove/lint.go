// Package prove looks at a pack from outside: what is wrong with it, and how it differs from another one.
package prove

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/pattern"
	"omsinit/internal/release"
)

// Linter looks for faults of a pack that Open does not refuse.
type Linter struct {
	Pack *pack.Pack
	// Config is that of the installation that the pack was captured from, whose secrets are looked for; nil when it is
	// not there.
	Config *config.Config

	faults []finding.Finding
}

// Lint returns everything that is wrong, errors first.
func (l *Linter) Lint() ([]finding.Finding, error) {
	l.faults = []finding.Finding{}
	names, err := l.Pack.Names()
	if err != nil {
		return nil, err
	}
	if l.Pack.Script != nil {
		l.fault("script", finding.Warning, "pack.yaml", 0, msg.M("step 5 runs the image's own script: what it does can be neither planned nor compared, and it may not stand a second run"))
	}
	files := append(slices.Clone(l.Pack.Files), l.Pack.Trial...)
	l.unused(names, files)
	if _, err := l.Pack.Symptoms(); err != nil {
		l.fault("symptoms", finding.Error, pack.SymptomsName, 0, msg.M("%v", err))
	}
	for _, f := range files {
		if !l.own(f.Template) {
			continue
		}
		l.Template(f)
		generated := f.Format != pack.INI && f.Policy != pack.Create
		if generated && len(f.Readers) == 0 && !f.Unread && len(l.Pack.Restart) > 0 {
			l.fault("readers", finding.Error, "pack.yaml", 0,
				msg.M("no program reads %s, so that a changed key restarts nothing: name its readers, or say unread: true", f.Path))
		}
	}
	if err := l.versions(names); err != nil {
		return nil, err
	}
	l.programs(files)
	if l.Config != nil {
		found, err := leaks(l.Pack, l.Config)
		if err != nil {
			return nil, err
		}
		l.faults = append(l.faults, found...)
	}
	sort.SliceStable(l.faults, func(i, j int) bool { return l.faults[i].Severity < l.faults[j].Severity })
	return l.faults, nil
}

// own leaves the files of the reference pack alone, which are below this one.
func (l *Linter) own(name string) bool {
	return l.Pack.Source(name) != "embedded" || l.Pack.Source("pack.yaml") == "embedded"
}

func (l *Linter) fault(id string, severity finding.Severity, file string, line int, m msg.Message) {
	l.faults = append(l.faults, finding.Finding{ID: "pack." + id, Severity: severity,
		Place: finding.Place{File: file, Line: line}, Message: m})
}

// unused finds files that nothing is made from.
func (l *Linter) unused(names []string, files []pack.File) {
	for _, name := range names {
		parts := strings.Split(name, "/")
		switch {
		case name == "pack.yaml", name == pack.SymptomsName, strings.HasSuffix(name, ".md"), !l.own(name):
		case slices.ContainsFunc(files, func(f pack.File) bool { return f.Template == name }):
		case len(parts) == 3 && parts[0] == "schema" && slices.Contains(config.Roles, config.Role(parts[1])) &&
			strings.HasSuffix(name, ".sql"):
		default:
			l.fault("unused", finding.Warning, name, 0,
				msg.M("nothing is made from this file; name it in pack.yaml, or remove it"))
		}
	}
}

var (
	action  = pattern.New(`\{\{[^}]*\}\}`)
	encoder = pattern.New(`\{\{-? *(urlquery|urlpath|base64|xml|xmltext|shell|dquoted|shlex|doubled|javastore|javaupper|json|jsonascii|quote|if|else|end|range|len|with|"|path)\b?`)
)

// syntaxes are those of plain files in which a value that is not escaped can do something, by the names of the files.
var syntaxes = map[string]bool{".json": true, ".properties": true, ".xml": true, ".yaml": true, ".yml": true,
	".ini": true,
	".sh":  true, ".bash": true, ".env": true, ".profile": true}

var exports = pattern.New(`(?m)^\s*export\s+\w+=`)

// Template looks at one template line by line.
func (l *Linter) Template(f pack.File) {
	data, err := fs.ReadFile(l.Pack.FS(), f.Template)
	if err != nil {
		return // Open has read it
	}
	syntax := syntaxes[path.Ext(f.Path)] || exports().Match(data)
	for n, text := range strings.Split(string(data), "\n") {
		for _, a := range action().FindAllString(text, -1) {
			free, secret := holdsAny(a)
			severity := finding.Warning
			if secret {
				severity = finding.Error
			}
			switch {
			case !free || encoder().MatchString(a):
			case f.Spelling == pack.Raw:
				l.fault("escape", severity, f.Template, n+1,
					msg.M("%s is written without escaping (spelling: raw): a special character in it changes the file",
						a))
			case f.Format == pack.Plain && syntax:
				l.fault("escape", severity, f.Template, n+1,
					msg.M("%s is not escaped, because the format is plain: use %s, or another format", a,
						msg.List(pack.Encoders())))
			case f.Format == pack.Plain && secret:
				l.fault("escape", finding.Warning, f.Template, n+1,
					msg.M("%s is not escaped, because the format is plain: use %s, or another format", a,
						msg.List(pack.Encoders())))
			}
		}
		for _, m := range pairs().FindAllStringSubmatch(bare(text), -1) {
			if config.SoundsSecret(m[1]) && !harmless().MatchString(m[2]) {
				l.fault("secret", finding.Error, f.Template, n+1,
					msg.M("%s is named like a secret, and its value is text", m[1]))
			}
		}
	}
}

// holdsAny reports whether an action is a value of config.yaml that may hold any character, and whether that is a
// secret.
func holdsAny(action string) (free, secret bool) {
	name := strings.Trim(action, "{}- ")
	if setting, ok := strings.CutPrefix(name, "setting "); ok {
		return true, config.SoundsSecret(setting)
	}
	for _, k := range config.Keys() {
		if "."+k.Name == name {
			return k.Form == config.Text || k.Form == config.Account, k.Secret
		}
	}
	return false, false
}

var (
	// pairs are names with values, as a property, in JSON, in XML, or within another value.
	pairs = pattern.New(`([\w.-]+)["']?(?:\s*[=:]\s*|[^<>]*>)["']?([^\s"'<>&;,]+)`)
	// harmless are values that are certainly no secret: switches, numbers, files, addresses, references, and what comes
	// from config.yaml.
	harmless = pattern.New(`(?i)^(true|false|null|none|yes|no|on|off|enabled|disabled|required|optional|[-+.\d]+|\$\w+|\$[{(].*|%\(.*|%\w+%|@\w+@|[\w+.-]+:/.*|\.{0,2}/[^+=]*|\*+|x+|.*\x00.*|[[{]+)$`)
)

// versions looks for schema files that are never applied, and for gaps in what
// brings the databases from one release to the next.
func (l *Linter) versions(names []string) error {
	target, err := release.Parse(l.Pack.Release)
	if err != nil {
		l.fault("release", finding.Error, "pack.yaml", 0, msg.M("%v", err))
		return nil
	}
	oldest := map[config.Role]release.Version{}
	current := false
	for _, name := range names {
		parts := strings.Split(name, "/")
		if len(parts) != 3 || parts[0] != "schema" {
			continue
		}
		version, err := release.Parse(strings.TrimSuffix(parts[2], ".sql"))
		order := version.Compare(target)
		switch {
		case err != nil:
			l.fault("version", finding.Error, name, 0, msg.M("its name is no version: %v", err))
			continue
		case order > 0:
			l.fault("version", finding.Error, name, 0,
				msg.M("it is newer than the release %s of the pack, so it is never applied", l.Pack.Release))
			continue
		}
		current = current || order == 0
		if first, ok := oldest[config.Role(parts[1])]; !ok || version.Compare(first) < 0 {
			oldest[config.Role(parts[1])] = version
		}
	}
	byAge := slices.SortedFunc(maps.Values(oldest), release.Version.Compare)
	for _, role := range config.Roles {
		switch {
		case oldest[role].String() == "":
			l.fault("schema", finding.Error, "schema/"+string(role), 0,
				msg.M("there is no schema file for this database up to the release %s", l.Pack.Release))
		case byAge[0].Compare(oldest[role]) < 0:
			l.fault("schema", finding.Warning, "schema/"+string(role), 0,
				msg.M("its oldest schema file is of %s, while another database begins with %s: nothing brings it from there", oldest[role].String(), byAge[0].String()))
		}
	}
	if !current {
		l.fault("schema", finding.Warning, "schema", 0,
			msg.M("no schema file is of the release %s itself, which is right only when it changes nothing",
				l.Pack.Release))
	}
	return nil
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
			l.unsupported(f.Template, string(data))
		}
	}
	if !found {
		return // the image brings them
	}
	for _, name := range l.Pack.Restart {
		program := name[strings.LastIndex(name, ":")+1:]
		if !strings.Contains(defined.String(), "[program:"+program+"]") && !strings.Contains(name, ":") {
			l.fault("program", finding.Warning, "pack.yaml", 0,
				msg.M("restart names the program %s, which no program file of the pack defines", name))
		}
	}
}

// unsupportedSection is one of Supervisor that PID 1 does not run.
var unsupportedSection = pattern.New(`(?m)^[ \t]*(\[(?:eventlistener|fcgi-program):.*\])`)

// unsupported finds what Supervisor runs and PID 1 does not.
func (l *Linter) unsupported(name, text string) {
	for _, m := range unsupportedSection().FindAllStringSubmatchIndex(text, -1) {
		l.fault("section", finding.Warning, name, 1+strings.Count(text[:m[2]], "\n"),
			msg.M("%s: event listeners and FastCGI programs are not run; where its work is needed, make it a program",
				text[m[2]:m[3]]))
	}
}
