package control

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

const (
	followBacklog = 1024 // bytes sent at once, as Supervisor does
	followEvery   = 500 * time.Millisecond
)

// logtail is what supervisorctl tail -f reads: the end of a log file and then
// everything that is added.
func (srv *Server) logtail(w http.ResponseWriter, r *http.Request) {
	p := srv.s.Find(r.PathValue("name"))
	if p == nil {
		http.NotFound(w, r)
		return
	}
	file := p.Definition().Stdout
	if r.PathValue("stream") == "stderr" {
		file = p.Definition().Stderr
	}
	srv.follow(w, r, file)
}

func (srv *Server) mainlogtail(w http.ResponseWriter, r *http.Request) {
	srv.follow(w, r, program.LogFile{Path: srv.s.Settings().LogFile})
}

// follow streams a file as it grows. It looks at the file while somebody reads, and begins again at the top when the
// file was rotated. A file of our choosing is waited for until the program starts.
func (srv *Server) follow(w http.ResponseWriter, r *http.Request, file program.LogFile) {
	info, err := os.Stat(file.Path)
	absent := file.Auto && errors.Is(err, os.ErrNotExist)
	if !absent && (err != nil || !info.Mode().IsRegular()) {
		http.NotFound(w, r)
		return
	}
	slow(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	control := http.NewResponseController(w)
	at := int64(0)
	if !absent {
		at = max(info.Size()-followBacklog, 0)
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		now, err := os.Stat(file.Path)
		if err == nil {
			if absent || !os.SameFile(info, now) || now.Size() < at {
				absent, info, at = false, now, 0
			}
			_ = control.SetWriteDeadline(time.Now().Add(api.IoTimeout))
			n, err := copyFrom(w, file.Path, at)
			if err != nil {
				return
			}
			at += n
			if control.Flush() != nil {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-srv.s.Lifetime().Done():
			return
		}
	}
}

// copyFrom writes what a file holds behind an offset. Only what w says is an
// error.
func copyFrom(w io.Writer, path string, offset int64) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return 0, nil
	}
	n, err := io.Copy(w, f)
	if unreadable := (*os.PathError)(nil); errors.As(err, &unreadable) {
		return n, nil
	}
	return n, err
}
