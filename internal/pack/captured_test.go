package pack

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"omsinit/internal/config"
)

// folder writes a pack.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Nothing of the reference pack is in one that stands alone.
func TestStandalone(t *testing.T) {
	dir := folder(t, map[string]string{
		"pack.yaml":              "version: 1\nrelease: 9.9.9-CE\nstandalone: true\n",
		"schema/rm/9.9.9-CE.sql": "CREATE TABLE a (b int);\n",
	})
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	names, err := p.Names()
	if err != nil || strings.Join(names, " ") != "pack.yaml schema/rm/9.9.9-CE.sql" {
		t.Errorf("%q, %v", names, err)
	}
	if all, _ := fs.Glob(p.FS(), "schema/*/*.sql"); len(all) != 1 {
		t.Errorf("%q", all)
	}
	if p.Register != ByRows {
		t.Errorf("register is %q", p.Register)
	}
}

func TestSpellings(t *testing.T) {
	const value = ` =a:#!\é😀"` + "\u007f'"
	for _, tc := range []struct {
		format   Format
		spelling Spelling
		want     string
	}{
		{Properties, Standard, `\ =a:#!\\\u00e9\ud83d\ude00"\u007f'`},
		{Properties, UTF8, `\ =a:#!\\é😀"\u007f'`},
		{Properties, Store, `\ \=a\:\#\!\\\u00E9\uD83D\uDE00"\u007F'`},
		{JSON, Standard, ` =a:#!\\é😀\"` + "\u007f'"},
		{JSON, ASCII, ` =a:#!\\\u00e9\ud83d\ude00\"\u007f'`},
		{Properties, Raw, value}, {JSON, Raw, value}, {INI, Raw, value},
		{SQL, Standard, ` =a:#!\\é😀"` + "\u007f''"},
	} {
		if got, ok := EscapeAs(tc.format, tc.spelling, value); !ok || got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.format, tc.spelling, got, tc.want)
		}
	}
	for _, tc := range []struct {
		format   Format
		spelling Spelling
	}{{JSON, Store}, {Nginx, UTF8}, {SQL, Raw}, {"x", Standard}, {INI, "x"}} {
		if _, ok := EscapeAs(tc.format, tc.spelling, value); ok {
			t.Errorf("%s has no spelling %s", tc.format, tc.spelling)
		}
	}
}

func TestFunctions(t *testing.T) {
	c := &config.Config{CMURL: "https://[fd00::1]:8088", TSDBURL: "h:1", CMNodes: []string{"a", "b"}, MetaUser: "u@t#c",
		MetaPassword: `a'b&"<`,
		Extra:        map[string]any{"plain": "x", "sso_secret": config.Secret("y"), "list": []any{}}}
	for expression, want := range map[string]string{
		"{{withoutScheme .cm_url}}": "[fd00::1]:8088", "{{urlHost .cm_url}}": "fd00::1", "{{urlPort .cm_url}}": "8088",
		"{{urlHost .tsdb_url}}":         "h",
		`{{before "@" .oms_meta_user}}`: "u", `{{after "@" .oms_meta_user}}`: "t#c",
		`{{before "%" .oms_meta_user}}`: "u@t#c", `{{after "%" .oms_meta_user}}`: "",
		`{{join .cm_nodes ";"}}`: "a;b", `{{setting "plain"}}`: "x", `{{setting "none"}}`: "",
		`{{setting "sso_secret"}}`:   "y",
		"{{xml .oms_meta_password}}": "a'b&amp;&quot;&lt;", "{{shell .oms_meta_password}}": `a'\''b&"<`,
		"{{doubled .oms_meta_password}}":  `a''b&"<`,
		"{{urlquery .oms_meta_password}}": "a%27b%26%22%3C", "{{base64 .oms_meta_password}}": "YSdiJiI8",
		"{{lower .oms_meta_user}}": "u@t#c",
		`{{urlall "a /*~'("}}`:     "a%20%2F%2A~%27%28", `{{urlslash "a /*~'("}}`: "a%20/%2A~%27%28",
		`{{urljava "a /*~'("}}`: "a+%2F*%7E%27%28", `{{urlscript "a /*~'("}}`: "a%20%2F*~'(",
		"{{xmlapos .oms_meta_password}}":   "a&apos;b&amp;&quot;&lt;",
		"{{xmlpython .oms_meta_password}}": "a&#x27;b&amp;&quot;&lt;",
		"{{xmlnumber .oms_meta_password}}": "a&#39;b&amp;&#34;&lt;",
		`{{javastore "t:\\é\u00A0= x"}}`:   `t\:\\\u00E9\u00A0\= x`, `{{javaupper ":t:é= x"}}`: `\:t:\u00E9= x`,
		"{{xmlmixed .oms_meta_password}}": "a&#39;b&amp;&quot;&lt;", "{{xmlopen .oms_meta_password}}": `a'b&amp;"&lt;`,
		"{{xmlquot .oms_meta_password}}": `a'b&amp;&quot;&lt;`,
	} {
		if got, err := Fill(expression, "", Plain, Standard, Data{Config: c}); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", expression, got, err, want)
		}
	}
	if _, err := Fill(`{{setting "list"}}`, "", Plain, Standard, Data{Config: c}); err == nil {
		t.Error("a list was written")
	}
}

// What is wrong in the new fields is found when the pack is opened.
func TestOpenRefusesTheNew(t *testing.T) {
	const file = "version: 1\nrelease: a\nstandalone: true\nfiles:\n- {template: t, path: /t, owner: root, mode: 0644, format: properties}\n"
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"spelling": {map[string]string{"pack.yaml": strings.Replace(file, "properties}",
			"properties, spelling: ascii}", 1), "t": ""},
			`pack.yaml:5: there is no spelling "ascii" of the format "properties"`},
		"sql file": {map[string]string{"pack.yaml": strings.Replace(file, "properties}", "sql}", 1), "t": ""},
			`there is no format "sql"`},
		"register": {map[string]string{"pack.yaml": "version: 1\nrelease: a\nstandalone: true\nregister: never\n"},
			`pack.yaml:4: there is no way to register called "never"`},
		"secret": {map[string]string{"pack.yaml": file, "t": `a={{setting "sso_secret"}}`},
			"its mode must be 0600"},
		"piped secret": {map[string]string{"pack.yaml": file, "t": `a={{base64 (setting "sso_secret")}}`},
			"its mode must be 0600"},
		"setting": {map[string]string{"pack.yaml": file, "t": `a={{setting .oms_meta_user}}`},
			"setting needs the name of a key in quotes"},
		"sql template": {map[string]string{"pack.yaml": file, "t": "",
			"schema/rm/1.0.0.sql": SQLTemplateMark + "\nINSERT INTO a VALUES ('{{.nothing}}');"},
			`there is no value "nothing"`},
		"no template": {map[string]string{"pack.yaml": file, "t": "",
			"schema/rm/1.0.0.sql": "INSERT INTO a VALUES ('{{.nothing}}');"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(folder(t, tc.files))
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}
