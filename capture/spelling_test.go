package capture_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/capture/source"
	"omsinit/internal/pack"
)

// TestSpellings: every usual spelling of a password is learnt, and other values are escaped where a shell reads them.
func TestSpellings(t *testing.T) {
	t.Parallel()
	query := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	files := func(v map[string]any) map[string]string {
		password, region := v["oms_meta_password"].(string), v["cm_region_cn"].(string)
		python := strings.NewReplacer("&#39;", "&#x27;", "&#34;", "&quot;").Replace(html.EscapeString(password))
		shlex := "'" + strings.ReplaceAll(region, "'", `'"'"'`) + "'"
		return map[string]string{
			"/home/ds/cm/a.properties": "u=jdbc:x?p=" + query(password) + "\n",
			"/home/ds/cm/b.properties": "u=jdbc:x?p=" + strings.NewReplacer("%2A", "*", "~",
				"%7E").Replace(url.QueryEscape(password)) + "\n",
			"/home/ds/cm/c.xml":      "<a p=\"" + python + "\">" + html.EscapeString(password) + "</a>\n",
			"/home/ds/cm/env.sh":     "#!/bin/sh\nexport R=" + shlex + "\n",
			"/home/ds/cm/peers.conf": "peers=" + strings.Join(v["cm_nodes"].([]string), ":18088;") + ":18088\n",
		}
	}
	v, w, x := plainValues(), plainValues(), plainValues()
	v["oms_meta_password"], w["oms_meta_password"], x["oms_meta_password"] = "A1 !\"#$%&'()*+,-./:;<=>?@[]^_{|}~密",
		`tso\B'9"</p>&%40 $x`, `*'~ "`
	v["cm_region_cn"], w["cm_region_cn"], x["cm_region_cn"] = "杭州", `北京 "1" &`, `'; id; '`
	v["cm_nodes"], w["cm_nodes"], x["cm_nodes"] = []string{"10.0.0.2"}, []string{"10.0.0.7", "10.0.0.8"},
		[]string{"10.1.0.1", "10.1.0.2", "10.1.0.3"}
	for _, values := range []map[string]any{v, w, x} {
		values["cm_server_port"] = 18088
	}
	j := job(t, install(t, v, files(v)), install(t, w, files(w)))
	for name := range files(v) {
		j.Files = append(j.Files, name)
	}
	run(t, j)
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	want, third := files(x), install(t, x, nil)
	for _, f := range p.Files {
		made, err := p.Render(f, third.Data())
		if filepath.Base(f.Path) == "env.sh" { // the region may be a word without quotes, too
			made = []byte(strings.ReplaceAll(string(made), `'\''`, `'"'"'`))
		}
		if err != nil || string(made) != want[f.Path] {
			t.Errorf("%s: %v\n%s\nwant\n%s", f.Path, err, made, want[f.Path])
		}
	}
	j = job(t, install(t, v, files(v)), nil)
	j.Files, j.Leave = []string{"/home/ds/cm"}, []string{"/home/ds/cm/c.xml", "/home/ds/cm/env.sh"}
	if r := run(t, j); len(r.Files) != 3 {
		t.Errorf("%+v", r.Files)
	}
}

// TestMembers: the members of a JSON object are compared one by one, in a body too, and calls of two installations are
// told from each other by what their paths say.
func TestMembers(t *testing.T) {
	files := func(v map[string]any, odd string) map[string]string {
		data, _ := json.Marshal(v["cm_region"])
		return map[string]string{"/home/ds/cm/one.json": fmt.Sprintf(
			`{"x": {"odd": %q, "at": %v, "tags": ["a", %s]}, "u": %s}`, odd, v["cm_location"], data, data)}
	}
	calls := func(v map[string]any) []source.Exchange {
		return []source.Exchange{{Method: "PUT", Path: fmt.Sprintf("/location/%v", v["cm_location"]),
			ContentType: "application/json",
			Body: fmt.Appendf(nil, `{"no": %v, "name": {"en": %q}, "default": %v, "tags": ["oms", %q], "limit": 127}`,
				v["cm_location"], v["cm_region"], v["cm_is_default"], v["cm_region"])}}
	}
	v, w, x := plainValues(), plainValues(), plainValues()
	v["cm_location"], w["cm_location"], x["cm_location"] = 1, 12, 7
	v["cm_region"], w["cm_region"], x["cm_region"] = "cn-hz", "cn-beijing", `e"u`
	v["cm_is_default"], w["cm_is_default"], x["cm_is_default"] = true, false, false
	a, b := install(t, v, files(v, "first")), install(t, w, files(w, "second"))
	a.Calls, b.Calls = calls(v), append([]source.Exchange{{Method: "POST", Path: "/one/more",
		Form: map[string][]string{"a": {"1"}}, Status: 503}}, calls(w)...)
	j := job(t, a, b)
	j.Files = []string{"/home/ds/cm/one.json"}
	r := run(t, j)
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := p.Render(p.Files[0], install(t, x, nil).Data()); err != nil ||
		string(made) != files(x, "first")["/home/ds/cm/one.json"] {
		t.Errorf("%s, %v: %+v", made, err, r.Findings)
	}
	got, err := p.Request(p.Calls[0], install(t, x, nil).Data())
	if want := string(calls(x)[0].Body); err != nil || got.Target != "/location/7" || got.Body != want {
		t.Errorf("%+v, %v, want %s", got, err, want)
	}
}
