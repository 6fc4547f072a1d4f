// Package testinflux runs a real InfluxDB 1.x for tests.
package testinflux

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is an InfluxDB with authentication on and one user with all
// privileges.
type Server struct {
	Addr string // host:port

	t        testing.TB
	influxd  string
	conf     string
	text     []byte // of conf
	small    string // /proc/PID of who holds the small file system
	cmd      *exec.Cmd
	user     string
	password string
}

// Start runs an InfluxDB until the test ends, and gives its host:port. A
// machine without InfluxDB fails the test.
func Start(t testing.TB, user, password string) string {
	t.Helper()
	return New(t, user, password, "").Addr
}

// New runs an InfluxDB that can be stopped and started again. settings are
// lines that are added to the [data] section of its file.
func New(t testing.TB, user, password, settings string) *Server {
	t.Helper()
	s := prepare(t, t.TempDir(), user, password, settings)
	s.Start()
	s.createUser()
	return s
}

// NewSmall runs an InfluxDB on a file system of this size in bytes, which can
// be filled. It needs root.
func NewSmall(t testing.TB, user, password string, size int) *Server {
	t.Helper()
	dir := t.TempDir()
	s := prepare(t, dir, user, password, "")
	// The file system belongs to a process that waits, so that InfluxDB can be
	// stopped and find it again.
	holder := exec.Command("unshare", "--mount", "sh", "-c",
		fmt.Sprintf(`mount -t tmpfs -o size=%d none "$0" && echo ready && exec sleep infinity`, size), dir)
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { holder.Process.Kill(); holder.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("cannot make a small file system: %q, %v", line, err)
	}
	s.small = fmt.Sprintf("/proc/%d", holder.Process.Pid)
	conf := filepath.Join(s.small, "root", dir, "influxdb.conf")
	if err := os.WriteFile(conf, s.text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Start()
	s.createUser()
	return s
}

func prepare(t testing.TB, dir, user, password, settings string) *Server {
	t.Helper()
	influxd, err := exec.LookPath("influxd")
	if err != nil {
		t.Fatalf("this test needs a real InfluxDB 1.x: install Debian's package influxdb (%v)", err)
	}
	s := &Server{Addr: freeAddress(t), t: t, influxd: influxd, conf: filepath.Join(dir, "influxdb.conf"), user: user,
		password: password}
	text := fmt.Sprintf("reporting-disabled = true\nbind-address = %q\n[meta]\n dir = %q\n[data]\n dir = %q\n wal-dir = %q\n%s\n[http]\n bind-address = %q\n auth-enabled = true\n log-enabled = false\n[monitor]\n store-enabled = false\n",
		freeAddress(t), dir+"/meta", dir+"/data", dir+"/wal", settings, s.Addr)
	s.text = []byte(text)
	if err := os.WriteFile(s.conf, s.text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Start starts it and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(s.influxd, "-config", s.conf)
	if s.small != "" {
		s.cmd = exec.Command("nsenter", "--mount="+s.small+"/ns/mnt", s.influxd, "-config", s.conf)
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.until("answer", func() error {
		resp, err := http.Get("http://" + s.Addr + "/ping")
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
}

// Stop ends it at once; what it has acknowledged is on its disk.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.cmd = nil
}

// createUser goes on until the user is there: while it starts, InfluxDB 1.6
// forgets one that it has acknowledged, and writes its first one down together
// with the next change only.
func (s *Server) createUser() {
	s.t.Helper()
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s.password)
	create := url.Values{"q": {`CREATE USER "` + s.user + `" WITH PASSWORD '` + quoted + `' WITH ALL PRIVILEGES`}}
	s.until("take its first user", func() error {
		resp, err := http.PostForm("http://"+s.Addr+"/query", create)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if _, err = s.query("CREATE DATABASE testinflux"); err == nil {
			_, err = s.query("DROP DATABASE testinflux")
		}
		return err
	})
}

func (s *Server) until(what string, try func() error) {
	s.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("InfluxDB did not %s: %v", what, err)
		}
	}
}

// Query runs a statement with the user's credentials, and gives the rows of all
// series, each with its columns by name.
func (s *Server) Query(statement string) []map[string]any {
	s.t.Helper()
	rows, err := s.query(statement)
	if err != nil {
		s.t.Fatalf("%s: %v", statement, err)
	}
	return rows
}

// QueryAs is Query with another account.
func (s *Server) QueryAs(user, password, statement string) []map[string]any {
	s.t.Helper()
	other := *s
	other.user, other.password = user, password
	return other.Query(statement)
}

func (s *Server) query(statement string) (rows []map[string]any, err error) {
	req, err := http.NewRequest(http.MethodPost,
		"http://"+s.Addr+"/query?"+url.Values{"q": {statement}, "epoch": {"ms"}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(s.user, s.password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error   string
		Results []struct {
			Error  string
			Series []struct {
				Tags    map[string]string
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	for _, result := range answer.Results {
		if result.Error != "" {
			return nil, errors.New(result.Error)
		}
		for _, series := range result.Series {
			for _, values := range series.Values {
				row := map[string]any{}
				for i, column := range series.Columns {
					row[column] = values[i]
				}
				for name, value := range series.Tags {
					row[name] = value
				}
				rows = append(rows, row)
			}
		}
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return rows, nil
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Fill takes all the space of the file system of NewSmall; the function gives
// it back.
func (s *Server) Fill() (empty func()) {
	s.t.Helper()
	name := filepath.Join(s.small, "root", filepath.Dir(s.conf), "filler")
	f, err := os.Create(name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 4096); ; {
		if _, err := f.Write(piece); errors.Is(err, syscall.ENOSPC) {
			return func() { os.Remove(name) }
		} else if err != nil {
			s.t.Fatal(err)
		}
	}
}
