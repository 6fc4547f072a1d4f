package pack

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTables(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pack.yaml":            "version: 1\nrelease: 1.0-CE\nedition: CE\nstandalone: true\n",
		"schema/rm/1.0-CE.sql": "CREATE TABLE IF NOT EXISTS `a b` (\n  `c` int\n);\ncreate table plain(id int);\nCREATE VIEW v AS SELECT 1;\n-- CREATE TABLE comment (id int);\n",
		"schema/rm/1.1-CE.sql": "CREATE  TABLE later (id int);\n",
		"schema/cm/1.0-CE.sql": "CREATE TABLE `x` (id int);\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Tables("rm"); !slices.Equal(got, []string{"a b", "plain", "later"}) {
		t.Errorf("got %q", got)
	}
	if got := p.Tables("hb"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
