package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"omsinit/doctor"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/mask"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/spelling"
)

var (
	now     = time.Date(2026, 11, 28, 3, 0, 0, 0, time.Local)
	secrets = []string{`p@ss w/rd+"x'<y>&z\q`, "Secret42", "密码Über#1$x"}
	// spellings of a secret in files, logs, arguments and URLs.
	spellings = []func(string) string{
		func(s string) string { return s }, url.QueryEscape, url.PathEscape,
		func(s string) string { return strings.ToLower(url.QueryEscape(s[:1])) + url.QueryEscape(s[1:]) },
		func(s string) string { data, _ := json.Marshal(s); return string(data) },
		html.EscapeString,
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s)) },
		func(s string) string { return base64.URLEncoding.EncodeToString([]byte("xy" + s + "z")) },
		func(s string) string { return hex.EncodeToString([]byte(s)) },
		func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
		func(s string) string { return strings.NewReplacer(`\`, `\\`, ":", `\:`, "=", `\=`).Replace(s) },
	}
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, now, now); err != nil {
		t.Fatal(err)
	}
}

// planted is a text with every secret in every spelling, a line each.
func planted() string {
	var b strings.Builder
	for _, s := range secrets {
		for i, spell := range spellings {
			fmt.Fprintf(&b, "2026-11-28 02:59:00 line %d of 10.1.2.3 on db.example.org: %s\n", i, spell(s))
		}
	}
	return b.String()
}

// input is a node with secrets everywhere.
func input(t *testing.T) Input {
	in := Input{Layout: layout.New(t.TempDir()), System: t.TempDir(), Mask: mask.New(secrets, "root@oms"),
		Since: time.Hour, Build: "1",
		Lang: msg.English, Now: func() time.Time { return now }}
	in.Files = []string{in.Layout.ConfigFile()}
	in.Logs, _ = pack.BuiltinSymptoms()
	write(t, in.Layout.ConfigFile(), "oms_meta_host: db.example.org\noms_meta_password: old\n"+planted())
	write(t, in.Layout.LogDir()+"/cm/log/service.log", planted())
	write(t, in.Layout.LogDir()+"/old.log.gz", planted())
	write(t, in.Layout.Path("/home/ds/supervisor/log/out.log"), planted())
	write(t, in.System+"/proc/7/status", "Name:\tjava\nState:\tS (sleeping)\nPPid:\t1\nThreads:\t3\nVmRSS:\t2048 kB\n")
	write(t, in.System+"/proc/7/cmdline", "java\x00-Dp="+secrets[0]+"\x00--password\x00"+secrets[1])
	write(t, in.System+"/proc/net/tcp", "0: 0302010A:1F98 0100007F:0016 0A\n")
	write(t, in.Layout.LogFile(), `{"time":"2026-11-28T02:30:00+00:00","msg":"program started","program":"nginx"}
{"time":"2026-11-28T02:31:00+00:00","msg":"program ready","program":"nginx"}
{"time":"2026-11-28T02:40:00+00:00","msg":"program ended","program":"nginx","state":"EXITED"}
not json
`)
	in.Diagnose = func(context.Context) doctor.Diagnosis {
		d := doctor.Diagnosis{Facts: doctor.Facts{At: now, Programs: []doctor.Words{{Program: "x", Lines: planted()}}}}
		d.Causes = []doctor.Cause{{Log: "x", Lines: planted()}}
		d.Causes[0].ID, d.Causes[0].Message = "x.y", msg.M("%s", "<script>alert(1)</script>"+secrets[0])
		return d
	}
	in.More = map[string]func(context.Context) ([]byte, error){
		"more.json": func(context.Context) ([]byte, error) {
			return json.Marshal(map[string]any{"a": secrets, "tsdb_password": "unknown-one", "password_length": 8,
				secrets[1]: true})
		},
		"broken.json": func(context.Context) ([]byte, error) { return nil, errors.New("refused: " + secrets[0]) },
	}
	in.Memory = func(context.Context) ([]Sample, error) {
		return []Sample{{now.Add(-time.Minute), 1 << 30}, {now, 2 << 30}}, nil
	}
	in.Heartbeats = func(context.Context) ([]Sample, error) { return nil, errors.New("no MetaDB") }
	return in
}

// unpack returns the files of a bundle, by their names below its folder.
func unpack(t *testing.T, bundle []byte) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(bundle))
	if err != nil {
		t.Fatal(err)
	}
	files, r, top := map[string]string{}, tar.NewReader(z), ""
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || h.Mode != 0o600 {
			t.Fatal(h.Name, h.Mode, err)
		}
		folder, name, _ := strings.Cut(h.Name, "/")
		if top == "" {
			top = folder
		}
		if folder != top {
			t.Errorf("two folders, %s and %s", top, folder)
		}
		files[name] = string(data)
	}
}

func bundle(t *testing.T, in Input) map[string]string {
	t.Helper()
	var out bytes.Buffer
	if err := New(in).Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return unpack(t, out.Bytes())
}

// TestNoSecrets plants secrets everywhere and looks for them in every encoding in what comes out.
func TestNoSecrets(t *testing.T) {
	in := input(t)
	at := now
	in.Now = func() time.Time { at = at.Add(time.Second); return at } // one folder all the same
	files := bundle(t, in)
	for _, name := range []string{"README.txt", "report.html", "report.json", "doctor.en.txt", "doctor.zh.txt",
		"files" + configName(in),
		"logs/home/admin/logs/cm/log/service.log", "logs/home/ds/supervisor/log/out.log", "system/processes.txt",
		"system/proc/net/tcp",
		"system/environment.txt", "more.json", "broken.json.error.txt"} {
		if files[name] == "" {
			t.Errorf("there is no %s", name)
		}
	}
	if len(files) > 30 || files["logs/home/admin/logs/old.log.gz"] != "" {
		t.Errorf("%d files", len(files))
	}
	for name, text := range files {
		for line := range strings.Lines(text) {
			for _, r := range spelling.Readings(line) {
				for _, s := range append(secrets, "unknown-one") {
					if strings.Contains(r.Text, s) {
						t.Fatalf("%s holds %q by %v: %s", name, s, r.How, line)
					}
				}
			}
		}
	}
	if text := files["files"+configName(in)]; !strings.Contains(text, "oms_meta_password: ******") ||
		!strings.Contains(text, "db.example.org") {
		t.Errorf("config.yaml:\n%s", text)
	}
	for _, name := range []string{"report.json", "more.json"} {
		var v map[string]any
		if err := json.Unmarshal([]byte(files[name]), &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func configName(in Input) string { return strings.TrimPrefix(in.Layout.ConfigFile(), in.Layout.Root()) }

// TestReport: the page stands alone, shows what there is of the past, and says where there is nothing.
func TestReport(t *testing.T) {
	page := bundle(t, input(t))["report.html"]
	for _, want := range []string{"&lt;script&gt;", "<polyline", "no history: no MetaDB", "#2e7d32", "nginx", "2 MiB"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if regexp.MustCompile(`<script|<link|<img|https?://|src=|@import|url\(`).MatchString(page) {
		t.Error("the page loads something")
	}
	in := input(t)
	in.Lang, in.Memory = msg.Chinese, nil
	if page := bundle(t, in)["report.html"]; !strings.Contains(page, `lang="zh"`) ||
		strings.Contains(page, "no history") {
		t.Error("not in Chinese")
	}
}

// TestCut: the end of a long log goes in, and no end of a secret that the cut goes through.
func TestCut(t *testing.T) {
	const most = 3000
	for _, newline := range []string{"\n", ""} {
		in := input(t)
		long := secrets[0]
		for i := range len(long) {
			filler := strings.Repeat("x", most-i) + newline
			path := in.Layout.LogDir() + "/long.log"
			write(t, path, strings.Repeat("y", 10000)+long+filler[:most-i])
			b := New(in)
			data, err := b.end(path, most)
			data = b.clean("long.log", data)
			if err != nil || len(data) > most+100 {
				t.Fatal(len(data), err)
			}
			if i > 2 && strings.Contains(string(data), long[len(long)-i:]) {
				t.Fatalf("the end of a secret, %q, is left", long[len(long)-i:])
			}
		}
	}
}

// TestAnonymize: the same names and addresses everywhere, none of the real ones left.
func TestAnonymize(t *testing.T) {
	in := input(t)
	in.Anonymize = true
	in.Config = &config.Config{MetaHost: "db.example.org", CMURL: "http://10.1.2.3:8088"}
	files := bundle(t, in)
	for name, text := range files {
		if strings.Contains(text, "10.1.2.3") || strings.Contains(text, "db.example.org") ||
			strings.Contains(text, "0302010A") {
			t.Errorf("%s has a real name", name)
		}
	}
	a := newAliases([]Alias{{"host", "db"}, {"host", "db.example.org"}, {"region", "杭州"}, {"host", "127.0.0.1"}})
	text := "db database db.example.org 10.1.2.3 10.1.2.3 10.1.2.4 127.0.0.1 0.0.0.0 fe80::1 ::1 04:32:18 a@b.com 杭州区 300.1.1.1"
	got := a.replace(text)
	if want := "host-1 database host-2 198.18.0.1 198.18.0.1 198.18.0.2 127.0.0.1 0.0.0.0 2001:db8::1 ::1 04:32:18 person-1@example.com region-1区 300.1.1.1"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if a.replace(got) != got {
		t.Errorf("again: %s", a.replace(got))
	}
}

// TestSave: only the owner can read it, nothing is overwritten, and nothing is left of a bundle that was cut.
func TestSave(t *testing.T) {
	in := input(t)
	b := New(in)
	path, size, err := b.Save("", func(w io.Writer) error { return b.Write(t.Context(), w) })
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || info.Mode().Perm() != 0o600 || info.Size() != size ||
		filepath.Dir(path) != in.Layout.LogDir() {
		t.Fatalf("%s %v %v %v", path, info, err, statErr)
	}
	if _, _, err := b.Save(path, func(io.Writer) error { t.Error("written over"); return nil }); err == nil ||
		!strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	if _, _, err := b.Save(dir,
		func(w io.Writer) error { fmt.Fprint(w, "half"); return errors.New("cut") }); err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Write(ctx, io.Discard); err == nil {
		t.Error("an interrupted bundle is whole")
	}
	if _, _, err := b.Save(filepath.Join(dir, "none", "x"), nil); err == nil ||
		!strings.Contains(err.Error(), "--out -") {
		t.Errorf("%v", err)
	}
}

// TestList: a dry run reads no contents.
func TestList(t *testing.T) {
	in := input(t)
	in.Diagnose = func(context.Context) doctor.Diagnosis { t.Error("asked"); return doctor.Diagnosis{} }
	listed := New(in).List()
	var b bytes.Buffer
	if err := listed.Print(&b, msg.English); err != nil || !strings.Contains(b.String(), "report.html") ||
		!strings.Contains(b.String(), "service.log") {
		t.Errorf("%v\n%s", err, &b)
	}
}
