package config

import (
	"reflect"
	"testing"
)

// TestFields: each key has a field of its own, and each field that has a key is one of the table.
func TestFields(t *testing.T) {
	kinds := map[Form]any{Boolean: false, Integer: 0, ComponentPort: 0, IPList: []string(nil)}
	for i := range keys {
		k := &keys[i]
		if _, ok := fields[k.Name]; !ok {
			t.Errorf("%s has no field", k.Name)
			continue
		}
		want, ok := kinds[k.Form]
		switch {
		case k.Secret:
			want = Secret("")
		case !ok:
			want = ""
		}
		if got := k.field(&Config{}).Type(); got != reflect.TypeOf(want) {
			t.Errorf("%s is a %s, want %T", k.Name, got, want)
		}
	}
	if len(fields) != len(keys)+1 { // one without a key, Extra
		t.Errorf("%d fields for %d keys", len(fields), len(keys))
	}
}
