package pack

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/magiconair/properties"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
)

const password = `p"a$s\w;o#r%d {}&汉`

// renderOne renders a body through a whole pack, as the only template.
func renderOne(t *testing.T, format Format, body string, d Data) (string, error) {
	t.Helper()
	p, err := Open(overlayDir(t, map[string]string{"t": body, "pack.yaml": fmt.Sprintf(
		"version: 1\nrelease: 9.9.9\nfiles: [{template: t, path: /t, owner: root, mode: 0600, format: %s}]\n",
		format)}))
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Render(p.Files[0], d)
	return string(data), err
}

func TestEscapes(t *testing.T) {
	tests := []struct {
		format      Format
		value, want string
	}{
		{Properties, password, `p"a$s\\w;o#r%d {}&\u6c49`},
		{Properties, " x ", `\ x `},
		{Properties, "#=:!", `\#=:!`},
		{Properties, "=x", `\=x`},
		{Properties, "a\tb\x7fé", `a\tb\u007f\u00e9`},
		{Properties, "𐐷", `\ud801\udc37`},
		{Properties, "http://[::1]:8088", "http://[::1]:8088"}, // for people and awk
		{JSON, password, `p\"a$s\\w;o#r%d {}&汉`},
		{JSON, "a\tb</é", `a\tb</é`},
		{Nginx, `a"b\c d;{}#`, `a\"b\\c d;{}#`},
		{SSHD, password, `p\"a$s\\w;o#r%d {}&汉`},
		{INI, password, `p"a$s\w;o#r%%d {}&汉`},
		{Plain, password, password},
	}
	for _, tt := range tests {
		got, err := renderOne(t, tt.format, "{{.oms_meta_password}}",
			Data{Config: &config.Config{MetaPassword: config.Secret(tt.value)}})
		if err != nil || got != tt.want {
			t.Errorf("%s %q: %q, %v; want %q", tt.format, tt.value, got, err, tt.want)
		}
	}
}

func TestNginxDollar(t *testing.T) {
	d := Data{Config: &config.Config{MetaPassword: "a$b"}}
	if _, err := renderOne(t, Nginx, `x "{{.oms_meta_password}}";`, d); err == nil ||
		!strings.Contains(err.Error(), "oms_meta_password") {
		t.Errorf("a dollar that nginx would take for a variable: %v", err)
	}
	got, err := renderOne(t, Nginx, `geo $dollar { default "$"; } x "{{.oms_meta_password}}";`, d)
	if want := `geo $dollar { default "$"; } x "a${dollar}b";`; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// Whatever the value is, it comes back as it was, and the lines around it too.
func TestEscapesRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab =:#!\\\"'\t\f{}$%;,&<>é汉\u2028\u00a0\x01\x7f")
	for range 3000 {
		value := make([]rune, random.IntN(8))
		for i := range value {
			value[i] = alphabet[random.IntN(len(alphabet))]
		}
		d := string(value)
		p, err := escapeProperties(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, encoding := range []properties.Encoding{properties.ISO_8859_1, properties.UTF8} {
			got, err := (&properties.Loader{Encoding: encoding, DisableExpansion: true}).LoadBytes([]byte("x=1\nkey=" +
				p + "\ny=2\n"))
			if err != nil {
				t.Fatalf("%q as %q: %v", d, p, err)
			}
			if diff := cmp.Diff(map[string]string{"x": "1", "key": d, "y": "2"}, got.Map()); diff != "" {
				t.Fatalf("%q as %q: %s", d, p, diff)
			}
		}
		j, err := escapeJSON(d)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(`{"key":"`+j+`"}`), &got); err != nil || got["key"] != d {
			t.Fatalf("%q as %q: %q, %v", d, j, got["key"], err)
		}
		if ini, err := escapeINI(d); err == nil && strings.TrimFunc(ini, unicode.IsSpace) != ini {
			t.Fatalf("%q as %q loses white space", d, ini)
		}
	}
}

func TestRenderRefusesValues(t *testing.T) {
	tests := []struct {
		format Format
		body   string
		config config.Config
		want   string
	}{
		{Properties, "{{.cm_region}}", config.Config{CMRegion: "a\nb"}, "cm_region"},
		{JSON, `"{{.cm_region}}"`, config.Config{CMRegion: "a\rb"}, "cm_region"},
		{Nginx, "{{.oms_meta_password}}", config.Config{MetaPassword: "sec\x00ret"}, "oms_meta_password"},
		{SSHD, "{{.cm_region}}", config.Config{CMRegion: "\xff"}, "not valid UTF-8"},
		{Plain, "{{jdbcURL .oms_meta_host .oms_meta_port .drc_rm_db}}", config.Config{MetaHost: "a\nb"},
			"oms_meta_host, oms_meta_port, drc_rm_db"},
		{INI, "{{.oms_meta_password}}", config.Config{MetaPassword: "secret ;x"}, "would start a comment"},
		{INI, "{{.oms_meta_password}}", config.Config{MetaPassword: "secret "}, "white space at the start or the end"},
		{Plain, "{{.cm_nodes}}", config.Config{CMNodes: []string{"a"}}, "use {{range}} for a list"},
	}
	for _, tt := range tests {
		got, err := renderOne(t, tt.format, tt.body, Data{Config: &tt.config})
		if err == nil || !strings.Contains(err.Error(), tt.want) ||
			!strings.Contains(err.Error(), "cannot make /t from ") {
			t.Errorf("%s %s: %q, %v; want an error with %q", tt.format, tt.body, got, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "sec") || strings.Contains(msg.Chinese.Text(err), "sec") {
			t.Errorf("the error shows the secret: %v", err)
		}
		if zh := msg.Chinese.Text(err); !strings.HasPrefix(zh, "无法根据模板生成") {
			t.Errorf("in Chinese: %s", zh)
		}
	}
}

func TestDerivedValuesAndFunctions(t *testing.T) {
	root := filepath.Join(t.TempDir(), "ro ot")
	d := Data{
		Config: &config.Config{MetaHost: "fd00::1", MetaPort: 2883, RMDatabase: "oms_rm",
			CMNodes: []string{"10.0.0.1", "10.0.0.2"}, CMPort: 8088},
		Layout: layout.New(root), HostIP: "10.0.0.1", HTTPS: true, EUIDRoot: true,
	}
	body := `{{.host_ip}} {{.https}} {{.release}} {{.relocated}} {{.euid_root}}
{{.root}} {{.cert_file}} {{.key_file}} {{path "/home/admin/../ds"}}
{{jdbcURL .oms_meta_host .oms_meta_port .drc_rm_db}} {{hostPort .oms_meta_host .cm_server_port}} {{hostPort "h" 1}}
{{$x := .release}}{{range $i, $n := .cm_nodes}}{{if $i}},{{end}}{{$n}}/{{$.cm_server_port}}/{{$x}}{{end}} {{with .cm_region}}never{{else}}{{.host_ip}}{{end}}
{{quote "a \"b\\"}}{{/* a comment */}}`
	want := `10.0.0.1 true 9.9.9 true true
ROOT ROOT/etc/pki/nginx/oms_server.crt ROOT/etc/pki/nginx/oms_server.key ROOT/home/ds
jdbc:mysql://[fd00::1]:2883/oms_rm?useUnicode=true&characterEncoding=utf8 [fd00::1]:8088 h:1
10.0.0.1/8088/9.9.9,10.0.0.2/8088/9.9.9 10.0.0.1
"a \"b\\"`
	got, err := renderOne(t, Plain, body, d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(want, "ROOT", root), got); diff != "" {
		t.Error(diff)
	}
}

func TestTrialValuesMustBeGiven(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	extra := map[string]any{"mariadbd": "/usr/sbin/mariadbd", "datadir": "/r/o o%t/\"x\"", "tmpdir": "/r/tmp",
		"port": 3307, "user": "mysql"}
	data, err := p.Render(p.Trial[0], Data{Extra: extra})
	if want := `--datadir="/r/o o%%t/\"x\""`; err != nil || !strings.Contains(string(data), want) {
		t.Errorf("%v; want %s in:\n%s", err, want, data)
	}
	delete(extra, "port")
	if _, err := p.Render(p.Trial[0], Data{Extra: extra}); err == nil || !strings.Contains(err.Error(), `"port"`) {
		t.Errorf("a value that was not given: %v", err)
	}
}

func TestRequest(t *testing.T) {
	p, err := Open(overlayDir(t, map[string]string{"pack.yaml": `
version: 1
release: 9.9.9
calls:
  - {name: a, method: POST, path: /a, form: {consumer: drc, region: "{{.cm_region}} & co", where: "{{.cm_location}}"}, done: [302]}
  - {name: b, method: GET, path: /b}
  - {name: c, method: GET, path: "/c/{{.cm_location}}", form: {x: "{{.cm_region}}"}, query: {y: "1"}}
  - {name: d, method: PUT, path: "/d/{{urlpath .cm_region}}", query: {q: "a b"}, content_type: application/json, body: '{"r": "{{.cm_region}}", "n": {{.cm_location}}}'}
  - {name: e, method: PATCH, path: /e, content_type: text/plain, body: "x={{.cm_region}}"}
  - {name: f, method: SEARCH, path: "/f?n=1&n=2", query: {q: "{{.cm_region}}"}, body: "{}", header: {X-Region: "{{.cm_region}}"}, timeout: 60, answer: status, status: [201]}
`}))
	if err != nil {
		t.Fatal(err)
	}
	d := Data{Config: &config.Config{CMRegion: `杭"/`, CMLocation: 3}}
	for i, want := range []Request{
		{"POST", "/a", "application/x-www-form-urlencoded", "consumer=drc&region=%E6%9D%AD%22%2F+%26+co&where=3", nil},
		{"GET", "/b", "", "", nil},
		{"GET", "/c/3?x=%E6%9D%AD%22%2F&y=1", "", "", nil},
		{"PUT", "/d/%E6%9D%AD%22%2F?q=a+b", "application/json", `{"r": "杭\"/", "n": 3}`, nil},
		{"PATCH", "/e", "text/plain", `x=杭"/`, nil},
		{"SEARCH", "/f?n=1&n=2&q=%E6%9D%AD%22%2F", "", "{}", map[string]string{"X-Region": `杭"/`}},
	} {
		if got, err := p.Request(p.Calls[i], d); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v\nwant %+v", got, err, want)
		}
	}
	if _, err := p.Request(p.Calls[0], Data{Config: &config.Config{CMRegion: "a\nb"}}); err == nil ||
		!strings.Contains(err.Error(), "region") {
		t.Errorf("a line break: %v", err)
	}
}
