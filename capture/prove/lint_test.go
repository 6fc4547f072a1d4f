package prove_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"omsinit/capture/prove"
	"omsinit/init/component"
	"omsinit/internal/pack"
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

// good is a small pack without a fault.
func good() map[string]string {
	return map[string]string{
		"pack.yaml": "version: 1\nrelease: 4.2.7-CE\nstandalone: true\nrestart: [nginx]\nfiles:\n" +
			"- {template: templates/a.properties, path: /a.properties, owner: root, mode: 0600, format: properties, readers: [nginx]}\n" +
			"- {template: templates/p.ini, path: /p.ini, owner: root, mode: 0644, format: ini}\n",
		"templates/a.properties": "user={{.oms_meta_user}}\npassword={{.oms_meta_password}}\n",
		"templates/p.ini":        "[program:nginx]\ncommand=x\n",
		"schema/rm/4.2.7-CE.sql": "CREATE TABLE a (b int);\n", "schema/cm/4.2.7-CE.sql": "CREATE TABLE a (b int);\n",
		"schema/hb/4.2.7-CE.sql": "CREATE TABLE a (b int);\n",
		"CAPTURE.md":             "x",
	}
}

func TestLint(t *testing.T) {
	plain := func(path string) string {
		return strings.Replace(good()["pack.yaml"], "path: /a.properties, owner: root, mode: 0600, format: properties",
			"path: "+path+", owner: root, mode: 0600, format: plain", 1)
	}
	for name, tc := range map[string]struct {
		change map[string]string
		want   string // severity file[:line]: text
	}{
		"good": {nil, ""},
		"unused": {map[string]string{"templates/b": "x"},
			"warning templates/b: nothing is made from this file"},
		"unused schema": {map[string]string{"schema/other/4.2.7-CE.sql": "x"},
			"warning schema/other/4.2.7-CE.sql: nothing"},
		"newer than the release": {map[string]string{"schema/rm/4.2.8-CE.sql": "x"},
			"error schema/rm/4.2.8-CE.sql: it is newer than the release 4.2.7-CE"},
		"a later beginning": {map[string]string{"schema/rm/4.2.6-CE.sql": "x"},
			"warning schema/cm: its oldest schema file is of 4.2.7-CE, while another database begins with 4.2.6-CE"},
		"nothing of the release": {map[string]string{"pack.yaml": strings.Replace(good()["pack.yaml"], "4.2.7-CE",
			"4.2.8-CE", 1)}, "warning schema: no schema file is of the release 4.2.8-CE"},
		"no version": {map[string]string{"schema/rm/new.sql": "x"},
			"error schema/rm/new.sql: its name is no version"},
		"a secret as text": {map[string]string{"templates/a.properties": "x=1\nb.password=hunter2\n"},
			"error templates/a.properties:2: b.password is named like a secret"},
		"not escaped": {map[string]string{"pack.yaml": plain("/a.xml")},
			"warning templates/a.properties:1: {{.oms_meta_user}} is not escaped"},
		"escaped": {map[string]string{"pack.yaml": plain("/a.xml"),
			"templates/a.properties": "{{xml .oms_meta_user}} {{.cm_server_port}}"}, ""},
		"raw": {map[string]string{"pack.yaml": strings.Replace(good()["pack.yaml"],
			"format: properties", "format: properties, spelling: raw", 1)},
			"warning templates/a.properties:1: {{.oms_meta_user}} is written without escaping"},
		"no reader": {map[string]string{"pack.yaml": strings.Replace(good()["pack.yaml"],
			", readers: [nginx]", "", 1)}, "error pack.yaml: no program reads /a.properties"},
		"no reader on purpose": {map[string]string{"pack.yaml": strings.Replace(good()["pack.yaml"],
			"readers: [nginx]", "unread: true", 1)}, ""},
		"no such program": {map[string]string{"pack.yaml": strings.Replace(good()["pack.yaml"], "[nginx]",
			"[nginx, cm]", 1)}, "warning pack.yaml: restart names the program cm"},
	} {
		t.Run(name, func(t *testing.T) {
			files := good()
			maps.Copy(files, tc.change)
			p, err := pack.Open(folder(t, files))
			if err != nil {
				t.Fatal(err)
			}
			faults, err := (&prove.Linter{Pack: p}).Lint()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range faults {
				got = append(got, string(f.Severity)+" "+f.Headline().String())
			}
			if tc.want == "" && len(got) > 0 ||
				tc.want != "" && !slices.ContainsFunc(got,
					func(s string) bool { return strings.HasPrefix(s, tc.want) }) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
	t.Run("a database without a schema", func(t *testing.T) {
		files := good()
		delete(files, "schema/hb/4.2.7-CE.sql")
		p, err := pack.Open(folder(t, files))
		if err != nil {
			t.Fatal(err)
		}
		faults, err := (&prove.Linter{Pack: p}).Lint()
		if err != nil || len(faults) != 1 || faults[0].Place.File != "schema/hb" {
			t.Errorf("%v, %v", faults, err)
		}
	})
	t.Run("the reference pack", func(t *testing.T) {
		p, err := pack.Open("")
		if err != nil {
			t.Fatal(err)
		}
		faults, err := (&prove.Linter{Pack: p}).Lint()
		if err != nil || len(faults) > 0 {
			t.Errorf("%v, %v", faults, err)
		}
	})
}

func TestDiff(t *testing.T) {
	a := folder(t, good())
	files := good()
	files["pack.yaml"] = strings.NewReplacer("4.2.7-CE", "4.2.8-CE", "mode: 0644",
		"mode: 0640").Replace(files["pack.yaml"]) + "calls:\n- {name: c, method: POST, path: /c, form: {a: b}}\n"
	files["templates/a.properties"] = "user={{.oms_meta_user}}\nsecret={{.oms_meta_password}}\n"
	files["schema/rm/4.2.8-CE.sql"] = "CREATE TABLE b (c int);\n"
	b := folder(t, files)
	x, err := pack.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := pack.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := prove.Diff(x, y, component.Unified)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, strings.TrimSpace(c.Change+" "+c.Part+" "+c.Name))
	}
	want := []string{"changed release release", "changed files /a.properties", "changed files /p.ini",
		"added schema schema/rm/4.2.8-CE.sql", "added calls c"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(changes[1].Diff, "-password=") || !strings.Contains(changes[2].After, "0640") {
		t.Errorf("%+v", changes)
	}
	if same, err := prove.Diff(x, x, component.Unified); err != nil || len(same) > 0 {
		t.Errorf("%v, %v", same, err)
	}
}
