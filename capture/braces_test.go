package capture_test

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"omsinit/capture/prove"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
	"omsinit/testdata/testmaria"
)

// signs are texts that look like the placeholders of people, reports and templates.
var signs = []string{"‹a› > {{b}} }} {{", "{{.oms_meta_password}}‹n›>", `{{"{{"}} <c> › }}`,
	"{{{x}}} {{/* no */}} {{- y -}}", "{", "}}", "{{end}}", "{%x%} ${y} %(z)s"}

// signValues are configurations with such texts as values.
func signValues(n int) map[string]any {
	v := values(n)
	// config.yaml may hold no whole placeholder
	v["cm_region"] = []string{"‹cn› > {{hz", "}}-bj }} {{{", "{{if ‹eu›"}[n]
	v["cm_region_cn"] = []string{"杭州 {{x", `}}北京 › > {{"`, "}}欧洲{{"}[n]
	v["oms_meta_password"] = []string{"p›{{.x}}‹>}}-1", "{{end}}q-2 {{", "{{{r-3}}}›"}[n]
	v["cm_location"] = []int{1, 12, 7}[n]
	v["tsdb_enabled"] = false
	return v
}

// signFiles are files in which such texts are values, and constants too.
func signFiles(v map[string]any) map[string]string {
	region, zh, password := v["cm_region"].(string), v["cm_region_cn"].(string), v["oms_meta_password"].(string)
	quoted := func(s string) string { return spell["python"](s) }
	object, foreign, plain := "{\n", "", ""
	for i, sign := range signs {
		object += fmt.Sprintf("  \"c%d\": \"%s\",\n", i, quoted(sign))
		foreign += sign + "\n"
		plain += fmt.Sprintf("c%d=%s\n", i, sign)
	}
	return map[string]string{
		"/home/ds/ghana/config/one.json": object +
			fmt.Sprintf("  \"region\": \"%s\",\n  \"both\": \"{{x}} %s ‹y›\", \"pw\": \"%s\"\n}\n", quoted(region),
				quoted(zh), quoted(password)),
		"/home/ds/ghana/config/nginx.conf.tmpl": foreign +
			"{{range .Servers}}server {{ .host }}:{{ .port }};{{end}}\n# " + region + "\n",
		"/home/ds/ghana/config/plain.txt": plain + "<<" + region + ">> {{zh}} " + zh + "\nx=" + password + "\n",
		"/home/ds/ghana/config/a.xml": "<a b=\"" + spell["xml"](zh) + "\">" + spell["xml"](region) +
			" {{x}}</a>\n<!-- ‹{{y}}› -->\n",
		"/home/ds/ghana/config/mail.properties": "subject={{user}} \\u203a {{{raw}}}\nregion=" +
			spell["store"](region) + "\n",
		"/home/ds/ghana/config/{{odd}}‹name›.txt": "region " + region + "\n{{\n",
	}
}

func signCalls(v map[string]any) []source.Exchange {
	region, zh, password := v["cm_region"].(string), v["cm_region_cn"].(string), v["oms_meta_password"].(string)
	quoted := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var list []string
	for _, sign := range signs {
		list = append(list, quoted(sign))
	}
	body := fmt.Appendf(nil, `{"region": %s, "name": {"zh": %s, "text": "{{x}} ‹y› > }}"}, "auth": %s, "braces": [%s]}`,
		quoted(region), quoted(zh), quoted(password), strings.Join(list, ", "))
	form := "application/x-www-form-urlencoded"
	return []source.Exchange{
		{Method: "PUT", Path: "/region/" + url.PathEscape(region) + "/" + url.PathEscape("{{x}}"),
			Query: url.Values{"q": {zh}, "c": {"{{.cm_url}} ‹›>"}}, ContentType: "application/json", Body: body},
		{Method: "POST", Path: "/form", Form: url.Values{"a": {"{{a}}›"}, "b": {region}, "c": {"x " + zh + " {{"},
			"{{k}}": {"1"}}, ContentType: form},
		{Method: "POST", Path: "/several", Form: url.Values{"a": {"{{a}}›", "}}{{" + region}, "b": {zh},
			"c": {"{{c}}"}}, ContentType: form, Headers: map[string]string{"X-A": "‹{{x}}› " + region}},
		{Method: "POST", Path: "/text", ContentType: "text/plain",
			Body: []byte("‹" + region + "› > {{x}}\n" + zh + " {{ .y }}\n")},
	}
}

// TestSignsInFilesAndCalls: values and constants that look like placeholders, or like templates, are made as they are.
func TestSignsInFilesAndCalls(t *testing.T) {
	t.Parallel()
	of := func(n int) *source.Installation {
		i := install(t, signValues(n), signFiles(signValues(n)))
		i.Calls = signCalls(signValues(n))
		return i
	}
	for name, second := range map[string]*source.Installation{"two": of(1), "alone": nil} {
		j := job(t, of(0), second)
		j.Files = []string{"/home/ds/ghana/config"}
		r := run(t, j)
		if !r.Verified {
			t.Errorf("%s: %v", name, r.Differences)
		}
		p, err := pack.Open(j.Out)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := j.Verify(t.Context(), p, true)
		if err != nil || len(differences) > 0 {
			t.Errorf("%s: %v, %v", name, err, differences)
		}
		faults, err := (&prove.Linter{Pack: p, Config: j.From.Config}).Lint()
		if faults = slices.DeleteFunc(faults,
			func(f finding.Finding) bool { return f.Severity != finding.Error }); err != nil || len(faults) > 0 {
			t.Errorf("%s: %v, %v", name, err, faults)
		}
		n := 2
		if second == nil {
			n = 0 // one installation tells not everything apart
		}
		to := of(n)
		want := signFiles(signValues(n))
		if len(p.Files) != len(want) {
			t.Errorf("%s: %d files", name, len(p.Files))
		}
		for _, f := range p.Files {
			if made, err := p.Render(f, to.Data()); err != nil || string(made) != want[f.Path] {
				t.Errorf("%s: %s (%s): %v\n%s\nwant\n%s", name, f.Path, f.Format, err, made, want[f.Path])
			}
		}
		for i, e := range signCalls(signValues(n)) {
			got, err := p.Request(p.Calls[i], to.Data())
			if err != nil {
				t.Errorf("%s: %s: %v", name, e.Path, err)
				continue
			}
			path, query, _ := strings.Cut(got.Target, "?")
			asked, _ := url.ParseQuery(query)
			form, _ := url.ParseQuery(got.Body)
			if path != e.Path || asked.Encode() != e.Query.Encode() || got.Header["X-A"] != e.Headers["X-A"] ||
				e.Form != nil && !reflect.DeepEqual(form, e.Form) || e.Form == nil && got.Body != string(e.Body) {
				t.Errorf("%s: %+v\nwant %+v", name, got, e)
			}
		}
	}
}

// TestSignsInRows: the same of rows.
func TestSignsInRows(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	of := func(n int) *source.Installation {
		v := signValues(n)
		i := rowsWorld(t, s, fmt.Sprintf("b%d", n), 1, v)
		for k, sign := range signs {
			if _, err := i.DB.Exec(fmt.Sprintf("INSERT INTO b%d_rm.t_kv9 (k, v) VALUES (?, ?)", n),
				fmt.Sprint("sign", k), sign); err != nil {
				t.Fatal(err)
			}
		}
		return i
	}
	j := job(t, of(0), of(1))
	j.Scratch = scratch
	if r := run(t, j); !r.Verified {
		t.Errorf("%v", r.Differences)
	}
}
