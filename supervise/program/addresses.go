package program

import (
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
	b, err := newBuilder(conf, env)
	if err != nil {
		return Addresses{}
	}
	at := Addresses{Socket: b.socketPath()}
	if s := b.in.sections["supervisorctl"]; s != nil {
		r := b.reader(s)
		at.Username, at.Password = r.Text("username", ""), r.Text("password", "")
		if url := r.Text("serverurl", ""); strings.HasPrefix(url, "http://") {
			at.URL = strings.TrimSuffix(url, "/")
		}
	}
	return at
}

// socketPath returns the control socket that the files name, "" for none.
func (b *builder) socketPath() string {
	s := b.in.sections["unix_http_server"]
	if s == nil {
		return ""
	}
	o := s.options["file"]
	path, err := expand(o.value, newVariables(filepath.Dir(o.file), b.env))
	if err != nil || path == "" {
		return ""
	}
	if path = home(path); !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(o.file), path)
	}
	return path
}
