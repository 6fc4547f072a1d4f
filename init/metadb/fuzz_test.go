package metadb

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"omsinit/scripts"
)

// FuzzSplit: whatever a schema file of an image holds, it is taken apart into statements of this file, or refused.
func FuzzSplit(f *testing.F) {
	err := fs.WalkDir(scripts.Pack, ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".sql") {
			data, readErr := fs.ReadFile(scripts.Pack, path)
			f.Add(data)
			return readErr
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"", ";", ";;", "--", "-- x", "#", "/*", "/*! SET x */;", "'", "`a", "DELIMITER",
		"DELIMITER //\nSELECT 1//\nDELIMITER ;", "DELIMITER \n", "DELIMITER '\n00", "BEGIN",
		"CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a = 1; END;",
		"CREATE TABLE a (b int", "CREATE TABLE``(,)", "ALTER TABLE", "ALTER TABLE a ADD",
		"INSERT INTO a VALUES ('\\'');", "\xef\xbb\xbfSELECT 1", "\xff", "a\x00b;", "DROP TABLE IF EXISTS `a`;\r\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		statements, err := split(data)
		if err != nil {
			return
		}
		lines := bytes.Count(data, []byte("\n")) + 2
		for _, s := range statements {
			if strings.TrimSpace(s.text) == "" || s.line < 1 || s.line > lines {
				t.Fatalf("%q has the statement %q in line %d", data, s.text, s.line)
			}
		}
	})
}
