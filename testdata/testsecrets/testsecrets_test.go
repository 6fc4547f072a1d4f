package testsecrets

import (
	"archive/tar"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const planted = `Pä$$ "w0rd&<%40`

func TestIn(t *testing.T) {
	s := For(Of([]byte("oms_meta_host: somewhere\noms_meta_password: '"+planted+"'\ntsdb_password: short\n")),
		"root@oms")
	spelled := map[string]string{"nothing": ""}
	quoted, _ := json.Marshal(planted)
	twice, _ := json.Marshal(string(quoted))
	for name, text := range map[string]string{
		"as it is": planted, "JSON": string(quoted), "JSON in JSON": string(twice), "URL": url.QueryEscape(planted),
		"path": url.PathEscape(planted), "XML": html.EscapeString(planted),
		"hexadecimal": hex.EncodeToString([]byte(planted)),
		"shell":       `'` + planted + `'`, "base64 of JSON": base64.StdEncoding.EncodeToString([]byte(`{"a":` +
			string(quoted) + `}`)),
		"binary": "\x00\xff" + planted + "\x00",
	} {
		spelled[name] = text
	}
	for before := range 3 {
		spelled[strings.Repeat("x", before)+
			" base64"] = base64.URLEncoding.EncodeToString([]byte(strings.Repeat("x", before) + planted + "more"))
	}
	for name, text := range spelled {
		how := s.In("2026-11-28 a line\nkey: " + text + "\nanother line, 'quoted' & \\escaped %20\n")
		if (how != "") != (text != "") {
			t.Errorf("%s: %q", name, how)
		}
		if strings.Contains(how, planted) {
			t.Errorf("%s: the secret is told", name)
		}
	}
}

func BenchmarkIn(b *testing.B) {
	s := For([]string{planted})
	text := strings.Repeat(
		`{"time":"2026-11-28T02:30:00+00:00","msg":"program started","program":"nginx","path":"/home/admin/logs"}`+"\n",
		1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if s.In(text) != "" {
			b.Fatal("found")
		}
	}
}

func TestLeaks(t *testing.T) {
	file := func(name string, mode int64, text string) File {
		return File{tar.Header{Name: name, Mode: mode, Typeflag: tar.TypeReg}, text}
	}
	s := For([]string{planted})
	clean := Container{Logs: "ready\n", Processes: "PID COMMAND\n1 omsinit run PATH=/bin\n", Files: []File{
		file(ConfigFile, 0o600, planted), file("/home/ds/run/.omsinit/history/1/0", 0o600, planted),
		file("/home/admin/logs/a.log", 0o644, "nothing"),
	}}
	if leaks := clean.Leaks(s); len(leaks) > 0 {
		t.Errorf("%q", leaks)
	}
	for name, leak := range map[string]func(*Container){
		"logs":         func(c *Container) { c.Logs += "password: " + planted },
		"arguments":    func(c *Container) { c.Processes += "7 mysql -p" + planted },
		"environment":  func(c *Container) { c.Processes += "7 java MYSQL_PWD=" + planted },
		"a file":       func(c *Container) { c.Files = append(c.Files, file("/home/admin/logs/b.log", 0o600, planted)) },
		"a core dump":  func(c *Container) { c.Files = append(c.Files, file("/core.7", 0o600, "\x7fELF\x00"+planted+"\x00")) },
		"a name":       func(c *Container) { c.Files = append(c.Files, file("/tmp/"+planted, 0o600, "")) },
		"its own file": func(c *Container) { c.Files[1].Mode = 0o644 },
	} {
		c := clean
		c.Files = slices.Clone(clean.Files)
		leak(&c)
		if leaks := c.Leaks(s); len(leaks) != 1 || strings.Contains(leaks[0], planted) {
			t.Errorf("%s: %q", name, leaks)
		}
	}
}
