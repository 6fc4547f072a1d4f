package pack

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"omsinit/scripts"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(scripts.PackSchema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pack.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("pack.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaTakesTheReferencePack(t *testing.T) {
	s := compileSchema(t)
	data, err := fs.ReadFile(scripts.Pack, "pack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(asJSON(t, data)); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{
		"version: 2\nrelease: 4.2.3-CE", "version: 1", "version: 1\nrelease: a b", "version: 1\nrelease: a\nfile: []",
		"version: 1\nrelease: a\nfiles: [{template: a, path: a, owner: root, mode: 0600, format: ini}]",
		"version: 1\nrelease: a\nregister: sometimes",
		"version: 1\nrelease: a\ncalls: [{name: a, method: fetch, path: /a}]",
	} {
		if s.Validate(asJSON(t, []byte(wrong))) == nil {
			t.Errorf("the schema takes %q", wrong)
		}
	}
}

// Each field that omsinit reads is in the schema, and the other way round.
func TestSchemaHasEveryField(t *testing.T) {
	var schema struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(scripts.PackSchema, &schema); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		of         any
		properties map[string]any
	}{
		"pack.yaml": {Manifest{}, schema.Properties},
		"file":      {File{}, schema.Defs["file"].Properties},
		"folder":    {Folder{}, schema.Defs["folder"].Properties},
		"call":      {Call{}, schema.Defs["call"].Properties},
		"row":       {Row{}, schema.Defs["row"].Properties},
		"port":      {Port{}, schema.Defs["port"].Properties},
		"validator": {Validator{}, schema.Defs["validator"].Properties},
		"tsdb":      {TSDB{}, schema.Defs["tsdb"].Properties},
		"upgrade":   {Upgrade{}, schema.Defs["upgrade"].Properties},
		"route":     {Route{}, schema.Defs["route"].Properties},
		"watched":   {Watched{}, schema.Defs["watched"].Properties},
	} {
		var fields []string
		kind := reflect.TypeOf(tc.of)
		for i := range kind.NumField() {
			field, _, _ := strings.Cut(kind.Field(i).Tag.Get("yaml"), ",")
			if field != "" && field != "-" {
				fields = append(fields, field)
			}
		}
		for _, field := range fields {
			if tc.properties[field] == nil {
				t.Errorf("%s: scripts/pack.schema.json lacks the field %q", name, field)
			}
		}
		for field := range tc.properties {
			if !slices.Contains(fields, field) {
				t.Errorf("%s: scripts/pack.schema.json has the field %q, which omsinit does not read", name, field)
			}
		}
	}
}
