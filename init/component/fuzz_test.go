package component

import (
	"maps"
	"slices"
	"testing"

	"omsinit/internal/pack"
)

// FuzzKeyValue: whatever people have written into a properties or a JSON file, what is read of it is what the file
// says when it is written again, and a key that is put behind it takes none of the others.
func FuzzKeyValue(f *testing.F) {
	for _, text := range []string{
		"", "a=b\n", "a=b\\", "a=b\\\n", "a=b\\\\", "a : b\\\n   c\n# x\n!y\nd\n", "a\\ b=c\\u00e9\\uD83D", "=x", "\\",
		"\\\r\n", "a=b\r\nc=d\r\n",
		"a=b\\\n\n\nc=d", "k\\", "a=1\na=2", "a=\xff\x00",
	} {
		f.Add(text, false)
	}
	for _, text := range []string{
		"{}", `{"a": 1, "b": {"c": [1, 2.50, null]}, "a": "twice"}`, `{"a": 1} x`, `[1]`, `{"\u00e9": "é"}`,
		`{"a": 1e999}`, `{"a":`, "",
	} {
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		format := pack.Properties
		if isJSON {
			format = pack.JSON
		}
		d, err := parse(format, []byte(text))
		if err != nil {
			return
		}
		if again, err := parse(format, d.bytes()); err != nil || !d.same(again) {
			t.Fatalf("%q was written as %q, which is another file: %v", text, d.bytes(), err)
		}
		keys := map[string]bool{"new.key": true}
		for _, e := range d.entries {
			keys[e.key] = true
		}
		added, err := parse(format, []byte(map[bool]string{false: "new.key=1\n", true: `{"new.key": 1}`}[isJSON]))
		if err != nil {
			t.Fatal(err)
		}
		d.entries = append(d.entries, added.entries...)
		longer, err := parse(format, d.bytes())
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, e := range longer.entries {
			got[e.key] = true
		}
		if !maps.Equal(got, keys) {
			t.Fatalf("%q with new.key has the keys %q", text, slices.Sorted(maps.Keys(got)))
		}
	})
}
