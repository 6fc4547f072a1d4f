package prove_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"omsinit/capture/prove"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
)

// TestLeaks: lint finds the passwords of the captured installation in whatever file of the pack they are.
func TestLeaks(t *testing.T) {
	const password = `Zq'7"\x $y<&密k{{%+`
	c := &config.Config{MetaPassword: password, TSDBPassword: "oms1"}
	for name, tc := range map[string]struct {
		text string
		key  string
	}{
		"as it is":      {strings.ReplaceAll(password, "{{", `{{"{{"}}`), "oms_meta_password"},
		"shlex":         {`'Zq'"'"'7"\x $y<&密k{{"{{"}}%+'`, "oms_meta_password"},
		"lower percent": {"Zq%277%22%5cx+%24y%3c%26%e5%af%86k%7b%7b%25%2b", "oms_meta_password"},
		"basic": {"Basic " + base64.StdEncoding.EncodeToString([]byte("root@oms:"+password)),
			"oms_meta_password"},
		"URL in base64": {base64.URLEncoding.EncodeToString([]byte("x=" + url.QueryEscape(password) + "&")),
			"oms_meta_password"},
		"XML":              {`Zq&#39;7&#34;\x $y&lt;&amp;密k{{"{{"}}%+`, "oms_meta_password"},
		"JSON":             {`Zq'7\"\\x $y\u003c\u0026密k{{"{{"}}%+`, "oms_meta_password"},
		"reversed":         {`+%{{"{{"}}k密&<y$ x\"7'qZ`, "oms_meta_password"},
		"a short one":      {"oms1", "tsdb_password"},
		"not the whole":    {"oms1x", ""},
		"an expression":    {"{{.oms_meta_password}}{{.tsdb_password}}", ""},
		"only a part":      {`Zq'7"\x`, ""},
		"a word like many": {"x-oms1-x", ""},
	} {
		files := good()
		files["templates/a.properties"] = "a=1\nsome.value=" + tc.text + "\n"
		files["pack.yaml"] = strings.Replace(files["pack.yaml"], "format: properties", "format: plain", 1)
		p, err := pack.Open(folder(t, files))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		faults, err := (&prove.Linter{Pack: p, Config: c}).Lint()
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(faults, func(f finding.Finding) bool { return f.ID != "pack.leak" })
		if tc.key == "" && len(got) > 0 || tc.key != "" && (len(got) != 1 ||
			!strings.Contains(got[0].Message.String(), tc.key) ||
			got[0].Place != (finding.Place{File: "templates/a.properties", Line: 2})) {
			t.Errorf("%s: %v, want %s", name, got, tc.key)
		}
	}
}
