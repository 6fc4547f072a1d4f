package source

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/listener"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/supervise/program"
)

// Programs are what supervises the installation, and what it runs.
type Programs struct {
	// Conf is supervisord.conf, and Files are all program files that were read.
	Conf  string
	Files []string
	List  []Program
	// Broken is why some of the programs cannot run.
	Broken []finding.Finding `json:"-"`
	// Ignored is what of the program files is not done as they say: options and sections that are left out, and
	// programs that cannot run.
	Ignored []Ignored
}

// Ignored is a place in a program file, as a path of the container, with why it is not done.
type Ignored struct {
	Place finding.Place
	Why   msg.Text
}

// Program is one supervised program.
type Program struct {
	Name, Directory, User string
	Command               []string
	Files                 []string // that its definition says it reads
	PID                   int      // 0: it does not run
	// Paths are those of PathsOf, and Listens the address on each port of config.yaml that it listens on, by key; both
	// once they were asked for.
	Paths   []string
	Listens map[string]net.IP
}

// Has reports whether there is a program of that name.
func (p Programs) Has(name string) bool {
	return slices.ContainsFunc(p.List, func(p Program) bool { return p.Name == name })
}

// namedPath is an absolute path in a text.
var namedPath = pattern.New("/[^\\s\"'`=:;,|&<>(){}$*?\\[\\]\\\\]+")

// PathsOf returns the paths of the container that a program names, with all links followed: in its definition, in the
// scripts that it starts, and, where it runs, in the command lines of its processes and among their open files; and
// those that it opened when it was restarted.
func (i *Installation) PathsOf(p Program) []string {
	if p.Paths != nil {
		return p.Paths
	}
	texts := append(slices.Clone(p.Files), p.Directory)
	for _, word := range p.Command {
		if !strings.HasPrefix(word, "/") && p.Directory != "" {
			word = filepath.Join(p.Directory, word)
		}
		texts = append(texts, word)
		if script := i.Text(i.Container(word)); bytes.IndexByte(script, 0) < 0 {
			texts = append(texts, string(script))
		}
	}
	if p.PID > 0 {
		texts = append(texts, listener.Named(p.PID)...)
	}
	out := slices.Clone(i.Opened[p.Name])
	for _, text := range texts {
		for _, name := range namedPath().FindAllString(text, -1) {
			out = append(out, i.Real(i.Container(name)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Observe looks at the processes of the programs: what they name, and where they listen.
func (i *Installation) Observe() {
	for n := range i.Programs.List {
		p := &i.Programs.List[n]
		p.Paths, p.Listens = i.PathsOf(*p), map[string]net.IP{}
		for _, key := range config.KeysOf(config.ComponentPort) {
			port, _ := i.Config.Values()[key].(int)
			if p.PID == 0 {
				continue
			}
			if address := listener.Address(p.PID, port); address != nil {
				p.Listens[key] = address
			}
		}
	}
}

// ReadPrograms reads the program files of a tree, with variables of the form NAME=VALUE. Where there are none, there
// are no programs. It does not look for their processes.
func ReadPrograms(l layout.Layout, env ...string) (Programs, error) {
	d, err := loadPrograms(l, env)
	if errors.Is(err, program.ErrNoDefinitions) {
		return Programs{}, nil
	}
	if err != nil {
		return Programs{}, err
	}
	out := Programs{Conf: l.SupervisordConf(), Files: d.Files}
	for _, f := range d.Findings {
		if f.Severity == finding.Error {
			out.Broken = append(out.Broken, f)
		}
		why := f.Message
		if !f.Fix.IsZero() {
			why = msg.M("%v: %v", why, f.Fix)
		}
		at := f.Place
		if rest, ok := strings.CutPrefix(at.File, l.Root()); ok && l.Relocated() {
			at.File = rest
		}
		out.Ignored = append(out.Ignored, Ignored{at, msg.NewText(why)})
	}
	for _, p := range d.Programs {
		out.List = append(out.List, Program{
			Name: p.FullName(), Directory: p.Directory, User: p.User, Command: p.Command, Files: p.Files,
		})
	}
	for i, name := range out.Files {
		if abs, err := filepath.Abs(name); err == nil {
			out.Files[i] = abs
		}
	}
	return out, nil
}

// loadPrograms reads the program files. Those of a copy of a container name each other by their paths there, which are
// other files here.
func loadPrograms(l layout.Layout, env []string) (*program.Definitions, error) {
	conf := l.SupervisordConf()
	data, err := os.ReadFile(conf)
	if err != nil || !l.Relocated() {
		return program.Load(conf, env...)
	}
	dir, err := atomicfile.TempDir("capture")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	moved := filepath.Join(dir, filepath.Base(conf))
	data = moveIncludes(data, func(name string) string {
		switch {
		case !filepath.IsAbs(name):
			return filepath.Join(filepath.Dir(conf), name)
		case strings.HasPrefix(name, l.Root()+"/"):
			return name
		}
		return l.Path(name)
	})
	if err := os.WriteFile(moved, data, 0o600); err != nil {
		return nil, err
	}
	d, err := program.Load(moved, env...)
	if err != nil {
		return nil, err
	}
	d.Files[0] = conf
	for i := range d.Findings {
		if at := &d.Findings[i].Place; at.File == moved {
			at.File = conf
		}
	}
	return d, nil
}

// includeLine is the option of [include], which may go on in indented lines.
var includeLine = pattern.New(`(?mi)^files[ \t]*[=:].*(?:\r?\n[ \t]+.*)*$`)

// includeComment is one behind the names, or on a line between them.
var includeComment = pattern.New(`(?m)(?:^|[ \t])[;#].*$`)

// moveIncludes changes the names of the files that a supervisord.conf includes.
func moveIncludes(conf []byte, move func(string) string) []byte {
	return includeLine().ReplaceAllFunc(conf, func(l []byte) []byte {
		names := strings.Fields(includeComment().ReplaceAllString(string(l[bytes.IndexAny(l, "=:")+1:]), ""))
		for i, name := range names {
			names[i] = move(name)
		}
		return []byte("files=" + strings.Join(names, " "))
	})
}
