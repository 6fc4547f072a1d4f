package capture_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"omsinit/capture"
	"omsinit/capture/source"
	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/pack"
)

// install writes an installation's files, and reads its configuration.
func install(t *testing.T, values map[string]any, files map[string]string) *source.Installation {
	t.Helper()
	root := t.TempDir()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		data, err := json.Marshal(values[key])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", key, data)
	}
	cfg, _, err := config.Parse("config.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(files)
	if all == nil {
		all = map[string]string{}
	}
	all["/home/admin/conf/config.yaml"] = b.String()
	for name, text := range all {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &source.Installation{Tree: layout.New(root), Config: cfg, HostIP: cfg.CMNodes[0]}
}

func job(t *testing.T, from, second *source.Installation) *capture.Job {
	return &capture.Job{From: from, Second: second,
		Options: capture.Options{Release: "4.2.7-CE", Out: filepath.Join(t.TempDir(), "pack")}, Check: component.Check}
}

// values are three configurations in which values are parts of each other,
// empty, Chinese, or full of characters that mean something somewhere.
func values(n int) map[string]any {
	pick := func(v ...any) any { return v[n] }
	return map[string]any{
		"oms_meta_host": pick("10.0.0.1", "10.0.0.11", "db.example"), "oms_meta_port": pick(2881, 3306, 2883),
		"oms_meta_user": pick("oms", "root@oms#c", "a'b"),
		"oms_meta_password": pick(`oms`+` !"#$%&'()*+,-./:;<=>?@[\]^_{|}~`+"`{{x}}密码😀", `密\n`+`"</p> &%41'`,
			` x=\u4e2d{{`),
		"drc_rm_db": pick("oms", "rm_b", "q"), "drc_cm_db": pick("oms_cm", "rm_b_cm", "q_q"),
		"drc_cm_heartbeat_db": pick("oms_cm_hb", "b", "q_q_q"),
		"cm_url":              pick("http://10.0.0.2:8088", "http://vip.example:18088", "https://[fd00::1]:80"),
		"cm_location":         pick(1, 12, 0),
		"cm_nodes": pick([]string{"10.0.0.2"}, []string{"10.0.0.21", "10.0.0.2"},
			[]string{"10.9.9.1", "10.9.9.2", "fd00::3"}),
		"cm_region": pick("cn", "cn-hangzhou", "e u"), "cm_region_cn": pick("杭州", `北"京\`, "欧'洲#1"),
		"cm_is_default": pick(true, false, false),
		"tsdb_enabled":  pick(false, true, true), "tsdb_service": pick("CERESDB", "INFLUXDB", "INFLUXDB"),
		"tsdb_url": pick("", "10.0.0.9:8086", "t:1"), "tsdb_username": pick("", "u&s é", "'"),
		"tsdb_password":     pick("", `p"\t/+%`, `1`),
		"ghana_server_port": pick(8090, 18090, 20001), "nginx_server_port": pick(8089, 18089, 20002),
		"cm_server_port":         pick(8088, 18088, 20003),
		"supervisor_server_port": pick(9000, 19000, 20004), "sshd_server_port": pick(2023, 12023, 20005),
	}
}

// The spelling of the old programs, written here once more so that a fault of
// ours is not our own witness.
var spell = map[string]func(string) string{
	"store": func(s string) string {
		var b strings.Builder
		for i, r := range s {
			switch {
			case strings.ContainsRune(`\=:#!`, r), r == ' ' && i == 0:
				b.WriteString(`\` + string(r))
			case r < 32 || r > 126:
				for _, u := range utf16.Encode([]rune{r}) {
					fmt.Fprintf(&b, `\u%04X`, u)
				}
			default:
				b.WriteRune(r)
			}
		}
		return b.String()
	},
	"raw": func(s string) string { return s },
	"python": func(s string) string {
		data, _ := json.Marshal(s)
		s = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(data[1 : len(data)-1]))
		var b strings.Builder
		for _, r := range s {
			if r < 127 {
				b.WriteRune(r)
				continue
			}
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
		return b.String()
	},
	"xml":    strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace,
	"sh":     func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"url":    url.QueryEscape,
	"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
}

// oldFiles are 128 files as an old script makes them from a configuration,
// under keys that tell nothing.
func oldFiles(v map[string]any) map[string]string {
	r := rand.New(rand.NewPCG(9, 9))
	text := func(key string) string { return fmt.Sprint(v[key]) }
	keys := slices.Sorted(maps.Keys(v))
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == "cm_nodes" || k == "tsdb_service" })
	meta := func() string { return text("oms_meta_host") + ":" + text("oms_meta_port") }
	files := map[string]string{}
	for i := range 128 {
		var b strings.Builder
		var name string
		key := func() string { return text(keys[r.IntN(len(keys))]) }
		constant := []string{"1", "root", "true", "8088x", "10.0.0.1.5", "oms_cmx", "{{", "}}", "{{.cm_url}}",
			"a{", "12"}
		switch i % 8 {
		case 0, 1:
			s := spell["store"]
			name = fmt.Sprintf("%d.properties", i)
			for n := range 12 {
				fmt.Fprintf(&b, "k%d=%s\n", n, s(key()))
				fmt.Fprintf(&b, "c%d = %s\n", n, constant[r.IntN(len(constant))])
			}
			fmt.Fprintf(&b, "u=jdbc\\:mysql\\://%s/%s?a\\=b&c\\=%s\n", s(meta()), text("drc_cm_db"),
				s(spell["url"](text("oms_meta_password"))))
		case 2, 3:
			s := spell["python"]
			name = fmt.Sprintf("%d.json", i)
			b.WriteString("{\"a\": {\"b\": [")
			for range 9 {
				fmt.Fprintf(&b, "{\"k\": \"%s\", \"c\": \"%s\"}, ", s(key()), constant[r.IntN(len(constant))])
			}
			fmt.Fprintf(&b, "%s, %s]}}", text("cm_server_port"), text("cm_is_default"))
		case 4:
			name = fmt.Sprintf("%d.conf", i)
			fmt.Fprintf(&b, "server {\r\n  listen %s;\r\n  server_name %s;\r\n  proxy_pass %s/x;\r\n}",
				text("nginx_server_port"), v["cm_nodes"].([]string)[0], text("cm_url"))
			fmt.Fprintf(&b, "\n# %s %s", constant[r.IntN(len(constant))], strings.Join(v["cm_nodes"].([]string), ";"))
		case 5:
			name = fmt.Sprintf("%d.xml", i)
			fmt.Fprintf(&b, "<a b=\"%s\">%s</a><c>%s</c>\n", spell["xml"](text("cm_region_cn")),
				spell["xml"](text("oms_meta_password")), constant[r.IntN(len(constant))])
			for _, n := range v["cm_nodes"].([]string) {
				fmt.Fprintf(&b, "  <node>%s</node>\n", n)
			}
		case 6:
			name = fmt.Sprintf("%d.env", i)
			fmt.Fprintf(&b, "A='%s'\nB='%s'\nC=%s\n", spell["sh"](text("oms_meta_password")),
				spell["sh"](text("cm_region_cn")), spell["base64"](text("oms_meta_password")))
		case 7:
			name = fmt.Sprintf("%d.txt", i)
			for range 10 {
				fmt.Fprintf(&b, "<<%s>> %s\n", key(), constant[r.IntN(len(constant))])
			}
		}
		files["/home/ds/ghana/config/"+name] = b.String()
	}
	return files
}

// What two installations teach is exactly right for a third one: 128 files, the
// values parts of each other, empty, Chinese, with every special character.
func TestExact(t *testing.T) {
	t.Parallel()
	from, second := install(t, values(0), oldFiles(values(0))), install(t, values(1), oldFiles(values(1)))
	j := job(t, from, second)
	report, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences {
		t.Errorf("%s:%d: %v", d.Place.File, d.Place.Line, d.Message)
	}
	for _, f := range report.Findings {
		if f.ID == "capture.differs" {
			t.Errorf("%s:%d: %s: %v", f.Place.File, f.Place.Line, f.ID, f.Message)
		}
	}
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	third := install(t, values(2), nil)
	want := oldFiles(values(2))
	made := 0
	for _, f := range p.Files {
		text, err := p.Render(f, pack.Data{Config: third.Config, HostIP: third.HostIP})
		if err != nil {
			t.Errorf("%s: %v", f.Path, err)
			continue
		}
		made++
		if string(text) != want[f.Path] {
			t.Errorf("%s (%s %s):\n%s\nthe old script writes\n%s", f.Path, f.Format, f.Spelling, text, want[f.Path])
		}
	}
	if made != 128 {
		t.Errorf("%d files, want 128", made)
	}
}
