package pack

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"omsinit/scripts"
)

// overlayDir makes a pack directory.
func overlayDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReferencePack(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		p, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if p.Release != "4.2.3-CE" {
			t.Errorf("release %q", p.Release)
		}
		want := []string{"crond", "nginx", "oms_console", "oms_drc_cm", "oms_drc_supervisor", "sshd"}
		if !slices.Equal(p.Restart, want) {
			t.Errorf("restart %v, want the documented order %v", p.Restart, want)
		}
		used := map[string]bool{}
		for _, f := range append(slices.Clone(p.Files), p.Trial...) {
			used[f.Template] = true
			for _, reader := range f.Readers {
				if !slices.Contains(p.Restart, reader) {
					t.Errorf("%s is read by %s, which step 4 does not restart", f.Path, reader)
				}
			}
		}
		for _, folder := range []string{"templates", "supervisor"} {
			entries, err := fs.ReadDir(p.FS(), folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if !used[folder+"/"+e.Name()] {
					t.Errorf("pack.yaml does not name %s/%s", folder, e.Name())
				}
			}
		}
		if p.Source(manifestName) != embedded {
			t.Errorf("source %q", p.Source(manifestName))
		}
	}
}

func TestSecretFilesAreMarked(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	var secret []string
	for _, f := range p.Files {
		if f.Secret {
			secret = append(secret, filepath.Base(f.Path))
		}
	}
	want := []string{"application-oms.properties", "jdbc.properties", "drc.properties", "supervisor.json"}
	if !slices.Equal(secret, want) {
		t.Errorf("files with a secret: %v, want %v", secret, want)
	}
}

func TestOverlay(t *testing.T) {
	dir := overlayDir(t, map[string]string{
		"templates/tengine.conf": "# ours\n",
		"templates/extra":        "x",
		"schema/rm/9.9.9.sql":    "SELECT 1;",
	})
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(p.FS(), "templates/tengine.conf"); err != nil || string(got) != "# ours\n" {
		t.Errorf("overlaid file: %q, %v", got, err)
	}
	if got, want := p.Source("templates/tengine.conf"), filepath.Join(dir, "templates/tengine.conf"); got != want {
		t.Errorf("source %q, want %q", got, want)
	}
	if got := p.Source("templates/jdbc.properties"); got != embedded {
		t.Errorf("source %q of a file that is not overlaid", got)
	}
	names := func(pattern string) []string {
		got, err := fs.Glob(p.FS(), pattern)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	templates := names("templates/*")
	if !slices.Contains(templates, "templates/extra") || !slices.Contains(templates, "templates/jdbc.properties") ||
		!slices.IsSorted(templates) {
		t.Errorf("templates of both trees, sorted: %v", templates)
	}
	if got := names("schema/rm/*.sql"); !slices.Contains(got, "schema/rm/9.9.9.sql") {
		t.Errorf("schema: %v", got)
	}
	if err := fstest.TestFS(p.FS(), "pack.yaml", "templates/extra", "templates/tengine.conf",
		"supervisor/base.ini"); err != nil {
		t.Error(err)
	}
}

// manifest with one line replaced, to see that each fault is found at its
// place. The line numbers are counted here, not written down.
func edited(t *testing.T, old, replacement string) (text string, line int) {
	t.Helper()
	data, err := fs.ReadFile(scripts.Pack, manifestName)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(data), old)
	if !ok {
		t.Fatalf("pack.yaml has no %q", old)
	}
	return before + replacement + after, strings.Count(before, "\n") + 1
}

func TestOpenRefusesManifest(t *testing.T) {
	tests := map[string]struct{ old, replacement, want string }{
		"version":          {"version: 1", "version: 2", "version is 2"},
		"no release":       {"release: 4.2.3-CE", "release: ''", `release is ""`},
		"unknown field":    {"edition: CE", "editoin: CE", `there is no field "editoin"`},
		"field of a file":  {"owner: root\n    mode: 0600", "ownr: root\n    mode: 0600", `there is no field "ownr"`},
		"wrong type":       {"restart: [crond", "restart: {a: b} #", "cannot unmarshal !!map"},
		"no YAML":          {"edition: CE", "edition: [", "did not find"},
		"twice to restart": {"[crond, nginx", "[nginx, nginx", `"nginx" stands in the list twice`},
		"relative path": {"path: /home/ds/ghana/config/tengine.conf", "path: tengine.conf",
			`path is "tengine.conf"`},
		"path with dots": {"path: /home/ds/ghana/config/tengine.conf", "path: /home/../etc/passwd",
			"must be an absolute path"},
		"same path": {"path: /home/ds/ghana/config/tengine.conf",
			"path: /home/ds/ghana/config/application-oms.properties", "twice"},
		"owner":        {"owner: ds\n    mode: 0600", "owner: 'd s'\n    mode: 0600", `owner is "d s"`},
		"decimal mode": {"mode: 0644\n    format: nginx", "mode: 644\n    format: nginx", "mode is 01204"},
		"no mode":      {"    mode: 0644\n    format: nginx", "    format: nginx", "mode is 0;"},
		"readable secret": {"mode: 0600\n    format: json", "mode: 0644\n    format: json",
			"supervisor.json holds a secret"},
		"format": {"format: nginx", "format: ngnix", `no format "ngnix"`},
		"evidence": {"evidence: {path: observed, template: guess}", "evidence: {path: rumour}",
			`no evidence called "rumour"`},
		"evidence of a call": {"evidence: guess # the path", "evidence: gues # the path", `no evidence called "gues"`},
		"port":               {"key: cm_server_port", "key: cm_location", `"cm_location" is no port`},
		"file of a port":     {"http.ini, evidence", "other.ini, evidence", "start.d/other.ini\""},
		"policy":             {"policy: create", "policy: keep", `no policy "keep"`},
		"validator":          {"validate: nginx", "validate: apache", `no validator "apache"`},
		"validator command":  {`command: [nginx, -t, -q, -c, "{file}"]`, "command: []", `"nginx" has no command`},
		"condition": {"when: [own_supervisor, euid_root]", "when: [own_supervisor, root]",
			`no condition "root"`},
		"missing template": {"template: templates/tengine.conf", "template: templates/nginx.conf",
			"cannot read the template"},
		"folder as template": {"template: templates/tengine.conf", "template: templates", "cannot read the template"},
		"method":             {"method: POST", "method: fetch", `method is "fetch"`},
		"body and form": {"form: {consumer: drc}",
			"form: {consumer: drc}\n    body: x\n    content_type: text/plain", "a call has body or form"},
		"header":           {"form: {consumer: drc}", "header: {Host: a}", `"Host" is no header`},
		"timeout":          {"form: {consumer: drc}", "timeout: 4000", "timeout is 4000"},
		"script":           {"edition: CE", "edition: CE\nscript: {command: ' '}", "has no command"},
		"time of a script": {"edition: CE", "edition: CE\nscript: {command: x, timeout: 4000}", "timeout is 4000"},
		"answer":           {"form: {consumer: drc}", "answer: no", "answer is"},
		"call path":        {"path: /consumer/create", "path: consumer/create", "must start with a slash"},
		"TSDB database":    {"database: oms", "database: o'ms", `database is "o'ms"`},
		"TSDB policy":      {"retention_policy: oms_30d", "retention_policy: 30d", `retention_policy is "30d"`},
		"TSDB duration":    {"duration: 30d", "duration: 30 days", `duration is "30 days"`},
		"call value": {"form: {consumer: drc}", "form: {consumer: '{{.cm_locatoin}}'}",
			`no value "cm_locatoin"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, line := edited(t, tt.old, tt.replacement)
			dir := overlayDir(t, map[string]string{"pack.yaml": text})
			_, err := Open(dir)
			if err == nil {
				t.Fatal("opened")
			}
			place := filepath.Join(dir, "pack.yaml") + ":"
			if !strings.Contains(err.Error(), place) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwants %s and %q", err, place, tt.want)
			}
			number := 0
			for _, r := range strings.SplitN(err.Error(), place, 2)[1] {
				if r < '0' || r > '9' {
					break
				}
				number = number*10 + int(r-'0')
			}
			if number < line-4 || number > line+4 {
				t.Errorf("%v\nthe fault is in line %d", err, line)
			}
		})
	}
}

func TestOpenRefusesTemplates(t *testing.T) {
	const name = "templates/tengine.conf"
	tests := map[string]struct{ body, place, want string }{
		"unknown key":       {"a\nlisten {{.nginx_port}};\n", ":2:", `no value "nginx_port"`},
		"key of $":          {"{{range .cm_nodes}}{{$.cm_node}}{{end}}", ":1:", `no value "cm_node"`},
		"key in an if":      {"\n\n{{if .htps}}x{{end}}", ":3:", `no value "htps"`},
		"key in else":       {"{{if .https}}{{else}}{{.htps}}{{end}}", ":1:", `no value "htps"`},
		"key as argument":   {`{{hostPort (or .hostip "x") 1}}`, ":1:", `no value "hostip"`},
		"key after a range": {"{{range .cm_nodes}}{{.}}{{else}}{{.node}}{{end}}", ":1:", `no value "node"`},
		"part of a value":   {"{{.cm_url.Host}}", ":1:", `no part "Host"`},
		"unknown function":  {"x\n{{jdbc .cm_url}}", ":2:", `function "jdbc" not defined`},
		"not closed":        {"x\n{{if .https}}", ":2:", "unexpected EOF"},
		"define":            {`{{define "x"}}{{end}}`, ":", "{{define}}"},
		"template":          {`{{template "x" .}}`, ":1:", "{{template}}"},
	}
	for name2, tt := range tests {
		t.Run(name2, func(t *testing.T) {
			dir := overlayDir(t, map[string]string{name: tt.body})
			_, err := Open(dir)
			if err == nil {
				t.Fatal("opened")
			}
			if want := filepath.Join(dir, name) + tt.place; !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwants %q and %q", err, want, tt.want)
			}
		})
	}
}

func TestOpenRefusesDirectories(t *testing.T) {
	dir := overlayDir(t, map[string]string{"file": "", "empty/pack.yaml": "", "folder/pack.yaml/x": ""})
	for name, want := range map[string]string{"file": "not a directory", "empty": "is empty", "folder": "pack.yaml"} {
		if _, err := Open(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}
