package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each statement is found, wherever the end of a buffer falls.
func TestIndex(t *testing.T) {
	text := "-- Dump\nSET NAMES utf8mb4;\nCREATE TABLE `a``b` (\n  `x` int COMMENT ';'\n);\n\n-- rows\n" +
		"INSERT INTO `a``b` VALUES (1),(2);\nINSERT INTO `a``b` VALUES\n(3),\n(4);\nCREATE TABLE `c` (\n  `x` int\n);\n" +
		"LOCK TABLES `c` WRITE;\nINSERT INTO `c` (`x`) VALUES (5000000000000000000000000000000000000000);\n" +
		objectsFollow + "INSERT INTO `c` (`x`) VALUES (6);\n"
	for pad := range 130 {
		path := filepath.Join(t.TempDir(), "dump")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "(2)", "("+strings.Repeat("2", pad+1)+")")),
			0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := &dumpReader{Database: &Database{Tables: []Table{{Name: "a`b"}, {Name: "c"}}}, file: f}
		if err := r.index(64); err != nil {
			t.Fatal(err)
		}
		var got []string
		var buffer []byte
		for _, table := range r.tables {
			for _, s := range append([]span{table.create}, table.inserts...) {
				b, err := r.read(s, &buffer)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(b))
			}
		}
		want := []string{"CREATE TABLE `a``b` (\n  `x` int COMMENT ';'\n)",
			"INSERT INTO `a``b` VALUES (1),(" + strings.Repeat("2", pad+1) + ")",
			"INSERT INTO `a``b` VALUES\n(3),\n(4)",
			"CREATE TABLE `c` (\n  `x` int\n)",
			"INSERT INTO `c` (`x`) VALUES (5000000000000000000000000000000000000000)"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("pad %d: %q", pad, got)
		}
	}
}
