package program

import (
	"os"
	"path/filepath"
	"strings"
)

// Addresses are where the supervisor of a program file can be reached.
type Addresses struct {
	Socket string // the control socket, "" where the file names none or cannot be read
	// URL is the TCP port of the section [supervisorctl], without a slash at the end, "" for none.
	URL                string
	Username, Password string // of the TCP port
}

// ReadAddresses reads the addresses from supervisord.conf. env are KEY=value pairs that the file may use.
func ReadAddresses(conf string, env ...string) Addresses {
	vars := EnvironMap(append(os.Environ(), env...))
	in, err := scanFiles(conf, vars)
	if err != nil {
		return Addresses{}
	}
	at := Addresses{Socket: in.socketPath(vars)}
	if s := in.sections["supervisorctl"]; s != nil {
		r := (&definitionsBuilder{in: in, env: vars}).reader(s)
		at.Username, at.Password = r.Text("username", ""), r.Text("password", "")
		if url := r.Text("serverurl", ""); strings.HasPrefix(url, "http://") {
			at.URL = strings.TrimSuffix(url, "/")
		}
	}
	return at
}

// socketPath returns the control socket that the files name, "" for none.
func (in *iniFiles) socketPath(env map[string]string) string {
	s := in.sections["unix_http_server"]
	if s == nil {
		return ""
	}
	o, ok := s.options["file"]
	if !ok {
		return ""
	}
	path, err := expand(o.value, newVariables(filepath.Dir(o.file), env))
	if err != nil || path == "" {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(o.file), path)
	}
	return path
}
