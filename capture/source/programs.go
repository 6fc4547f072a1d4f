package source

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"omsinit/internal/layout"
	"omsinit/supervise/program"
)

// Programs are what supervises the installation, and what it runs.
type Programs struct {
	// Conf is supervisord.conf, and Files are all program files that were read.
	Conf  string
	Files []string
	List  []Program
}

// Program is one supervised program.
type Program struct {
	Name, Directory, User string
	Command               []string
	Files                 []string // that its definition says it reads
	PID                   int      // 0: it does not run
}

// ReadPrograms reads the program files of a tree, with variables of the form NAME=VALUE. Where there are none, there are
// no programs. It does not look for their processes.
func ReadPrograms(l layout.Layout, env ...string) (Programs, error) {
	d, err := loadPrograms(l, env)
	if errors.Is(err, program.ErrNoDefinitions) {
		return Programs{}, nil
	}
	if err != nil {
		return Programs{}, err
	}
	out := Programs{Conf: l.SupervisordConf(), Files: d.Files}
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
	dir, err := os.MkdirTemp("", "omsinit-capture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	moved := filepath.Join(dir, filepath.Base(conf))
	data = MoveIncludes(data, func(name string) string {
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
	if err == nil {
		d.Files[0] = conf
	}
	return d, err
}

// includeLine is the option of [include].
var includeLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^files[ \t]*=.*$`) })

// MoveIncludes changes the names of the files that a supervisord.conf includes.
func MoveIncludes(conf []byte, move func(string) string) []byte {
	return includeLine().ReplaceAllFunc(conf, func(l []byte) []byte {
		names := strings.Fields(string(l[bytes.IndexByte(l, '=')+1:]))
		for i, name := range names {
			names[i] = move(name)
		}
		return []byte("files=" + strings.Join(names, " "))
	})
}
