package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/finding"
)

const toEdit = `# our node
"oms_meta_host": "10.0.0.1" # the VIP
oms_meta_port: 2883
oms_meta_user: root@oms#c
oms_meta_password: 'it''s "old"' # rotate yearly

drc_rm_db: oms_rm
drc_cm_db: oms_cm
drc_cm_heartbeat_db: oms_cm_hb
cm_url: http://10.0.0.2:8088
cm_location: 1
cm_is_default: !!bool "true"
cm_nodes:
  - 10.0.0.2
  # the second one
  - 10.0.0.3
tsdb_password:   # none
mine: {a: 1}
`

func TestEdit(t *testing.T) {
	for name, tt := range map[string]struct {
		set  []Assignment
		edit []string // old, new, …
		want []Changed
	}{
		"a port": {[]Assignment{{"oms_meta_port", "2881"}},
			[]string{"oms_meta_port: 2883", "oms_meta_port: 2881"}, []Changed{{"oms_meta_port", "2883", "2881"}}},
		"quotes stay": {[]Assignment{{"oms_meta_host", "10.0.0.9"}},
			[]string{`"10.0.0.1" # the VIP`, `"10.0.0.9" # the VIP`},
			[]Changed{{"oms_meta_host", "10.0.0.1", "10.0.0.9"}}},
		"a password": {[]Assignment{{"oms_meta_password", `a'b"c\ #d`}},
			[]string{`'it''s "old"' #`, `'a''b"c\ #d' #`}, []Changed{{"oms_meta_password", Masked, Masked}}},
		"a tag": {[]Assignment{{"cm_is_default", "false"}}, []string{`!!bool "true"`, `"false"`},
			[]Changed{{"cm_is_default", "true", "false"}}},
		"a list": {[]Assignment{{"cm_nodes", "10.0.0.2,10.0.0.4"}},
			[]string{"cm_nodes:\n  - 10.0.0.2\n  # the second one\n  - 10.0.0.3\n", "cm_nodes: [10.0.0.2, 10.0.0.4]\n"},
			[]Changed{{"cm_nodes", "10.0.0.2, 10.0.0.3", "10.0.0.2, 10.0.0.4"}}},
		"an empty value": {[]Assignment{{"tsdb_password", "x y"}},
			[]string{"tsdb_password:   # none", "tsdb_password: 'x y' # none"},
			[]Changed{{"tsdb_password", Masked, Masked}}},
		"a key to add": {[]Assignment{{"cm_server_port", "18088"}, {"cm_url", "http://10.0.0.2:18088"}},
			[]string{"10.0.0.2:8088", "10.0.0.2:18088", "mine: {a: 1}\n", "mine: {a: 1}\ncm_server_port: 18088\n"},
			[]Changed{{"cm_server_port", "", "18088"}, {"cm_url", "http://10.0.0.2:8088", "http://10.0.0.2:18088"}}},
		"nothing to change": {[]Assignment{{"oms_meta_port", "2883"}, {"oms_meta_host", "10.0.0.1"}}, nil, nil},
		"a key nobody knows": {[]Assignment{{"my.key", "a: b"}},
			[]string{"mine: {a: 1}\n", "mine: {a: 1}\nmy.key: 'a: b'\n"}, []Changed{{"my.key", "", "a: b"}}},
		"a hash in the value": {[]Assignment{{"oms_meta_user", "u@t#c2"}}, []string{"root@oms#c", "u@t#c2"},
			[]Changed{{"oms_meta_user", "root@oms#c", "u@t#c2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variant := range []func(string) string{
				func(s string) string { return s },
				func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
				func(s string) string { return "\ufeff" + s },
			} {
				want := strings.NewReplacer(tt.edit...).Replace(toEdit)
				got, err := Edit("config.yaml", []byte(variant(toEdit)), tt.set)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(variant(want), string(got.Text)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if diff := cmp.Diff(tt.want, got.Changed); diff != "" {
					t.Errorf("changed: %s", diff)
				}
			}
		})
	}
}

func TestEditWithoutLastLineEnd(t *testing.T) {
	got, err := Edit("c", []byte("a: 1\nb: 2"), []Assignment{{"c", "3"}})
	if err != nil || string(got.Text) != "a: 1\nb: 2\nc: 3\n" {
		t.Errorf("%q, %v", got.Text, err)
	}
	got, err = Edit("c", []byte("a: 1\n\n\n"), []Assignment{{"c", "3"}})
	if err != nil || string(got.Text) != "a: 1\nc: 3\n\n\n" {
		t.Errorf("%q, %v", got.Text, err)
	}
}

func TestEditRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		set  Assignment
		want string
	}{
		"braces":           {"{cm_location: 1}", Assignment{"cm_location", "2"}, "within braces"},
		"broken":           {"a: [\n", Assignment{"a", "2"}, "config.yaml"},
		"over two lines":   {"a: b\n  c\n", Assignment{"a", "2"}, "edit it by hand"},
		"a block":          {"a: |\n  c: d\nb: 1\n", Assignment{"a", "2"}, "config.yaml"},
		"keys below":       {"a:\n  c: d\n", Assignment{"a", "2"}, "config.yaml"},
		"a bad name":       {"a: 1\n", Assignment{"x y", "2"}, "not the name"},
		"a line end":       {"a: 1\n", Assignment{"a", "2\nb: 3"}, "line end"},
		"twice":            {"a: 1\na: 2\n", Assignment{"a", "3"}, "edit it by hand"},
		"other line ends":  {"# \u2028\u2028\na: 1\n", Assignment{"a", "3"}, "edit it by hand"},
		"a secret in text": {"a: 1\n", Assignment{"oms_meta_password", "ge\theim"}, "oms_meta_password"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Edit("config.yaml", []byte(tt.text), []Assignment{tt.set})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "heim") {
				t.Errorf("%q, %v", got.Text, err)
			}
		})
	}
}

// TestEditedBefore: what is wrong with an edited text has the lines of the file before the edit, a new key none.
func TestEditedBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		set  []Assignment
		want map[string]finding.Place // of the findings, by their keys
	}{
		"in place": {toEdit, []Assignment{{"cm_location", "many"}},
			map[string]finding.Place{"cm_location": {Line: 11, Column: 14, Value: "many"}}},
		"appended": {toEdit, []Assignment{{"cm_server_port", "many"}},
			map[string]finding.Place{"cm_server_port": {Value: "many"}}},
		"below a list": {toEdit, []Assignment{{"cm_nodes", "10.0.0.2"}, {"tsdb_service", "NONE"}},
			map[string]finding.Place{"tsdb_service": {Value: "NONE"}, "mine": {Line: 18, Column: 1}}},
		"a slip, appended": {toEdit, []Assignment{{"cm_locatoin", "1"}},
			map[string]finding.Place{"cm_locatoin": {}, "mine": {Line: 18, Column: 1}}},
		"a file and a secret": {toEdit, []Assignment{{"oms_meta_password_file", "/x"}},
			map[string]finding.Place{"oms_meta_password_file": {}}},
		"a secret and a file": {strings.Replace(toEdit, "oms_meta_password:", "oms_meta_password_file:", 1),
			[]Assignment{{"oms_meta_password", "x"}},
			map[string]finding.Place{"oms_meta_password_file": {Line: 5, Column: 25}}},
		"no last line end": {strings.TrimSuffix(toEdit, "\n"), []Assignment{{"cm_server_port", "0"}},
			map[string]finding.Place{"cm_server_port": {Value: "0"}, "mine": {Line: 18, Column: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			edited, err := Edit("f", []byte(tt.text), tt.set)
			if err != nil {
				t.Fatal(err)
			}
			_, list, err := Parse("f", edited.Text)
			if wrong, ok := errors.AsType[*Error](err); ok {
				list = append(list, wrong.Findings...)
			}
			found := map[string]finding.Finding{}
			for _, f := range edited.Before(list) {
				found[f.Place.Key] = f
			}
			for key, want := range tt.want {
				want.File, want.Key = "f", key
				if got := found[key]; got.Place != want || got.Place.Value != "" && got.Source != "" {
					t.Errorf("got %+v %q, want %+v, of %v", got.Place, got.Source, want, list)
				}
			}
		})
	}
}

// FuzzEdit: whatever is set into whatever file, nothing else changes.
func FuzzEdit(f *testing.F) {
	f.Add(toEdit, "oms_meta_password", `p"a$s\w;o#r%d {}&汉`)
	f.Add("a: 1\nb:\n  - 2\n", "b", "")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		before := editor{name: "f", lines: strings.Split(strings.TrimPrefix(strings.ReplaceAll(text, "\r\n", "\n"),
			"\ufeff"), "\n")}
		old, _ := before.entries()
		edited, err := Edit("f", []byte(text), []Assignment{{key, Secret(value)}})
		if err != nil {
			return
		}
		after := editor{name: "f", lines: strings.Split(strings.TrimPrefix(strings.ReplaceAll(string(edited.Text),
			"\r\n", "\n"), "\ufeff"), "\n")}
		entries, err := after.entries()
		if err != nil {
			t.Fatalf("cannot be read any more: %v\n%q", err, edited.Text)
		}
		for name, entry := range old {
			if name != key && flat(entries[name].value) != flat(entry.value) {
				t.Errorf("%q changed", name)
			}
		}
		node := entries[key].value
		if k, ok := find(key); node == nil || node.Value != value && !(ok && k.Form == IPList) {
			t.Errorf("%q was not set", key)
		}
	})
}

func TestHide(t *testing.T) {
	text := "a: 1\n\"oms_meta_password\": 'geheim1'\ntsdb_password: geheim2 # old: geheim3\nmine: {token: geheim4}\n# my_password: geheim5\napsara_audit_sls_access_key: geheim6\noms_meta_user: root\n"
	want := "a: 1\n\"oms_meta_password\": ******\ntsdb_password: ******\nmine: ******\n******\napsara_audit_sls_access_key: ******\noms_meta_user: root\n"
	if diff := cmp.Diff(want, Hide([]byte(text))); diff != "" {
		t.Error(diff)
	}
	if got := Hide([]byte(`{"oms_meta_password": "geheim"}`)); strings.Contains(got, "geheim") {
		t.Errorf("%s", got)
	}
}
