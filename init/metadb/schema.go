package metadb

import (
	"bytes"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"ariga.io/atlas/sql/migrate"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/internal/release"
)

// file is what one release adds to one database.
type file struct {
	database   config.Role
	name       string // in the pack's tree
	version    release.Version
	statements []statement
	// template reports whether the statements are filled in from config.yaml when they
	// are sent. What the journal holds of them is the template.
	template bool
}

// statement is one SQL statement of a file.
type statement struct {
	text string
	line int // from 1
	effect
}

// schema is all files of a pack, those of each database oldest first.
type schema []file

// of returns the files of one database, oldest first.
func (s schema) of(d config.Role) iter.Seq[*file] {
	return func(yield func(*file) bool) {
		for i := range s {
			if s[i].database == d && !yield(&s[i]) {
				return
			}
		}
	}
}

// readSchema reads and splits every file up to the release, so that a slip in
// any of them stops the work before the first statement runs. Files that are
// newer than the release are read, to find slips, but left out.
func readSchema(tree fs.FS, target release.Version) (schema, error) {
	var all schema
	for _, d := range config.Roles {
		names, err := fs.Glob(tree, path.Join("schema", string(d), "*.sql"))
		if err != nil {
			return nil, fmt.Errorf("cannot list the schema files of %s: %w", d, err)
		}
		if len(names) == 0 {
			return nil, msg.Errorf("the pack has no schema file for the database %s: at least one schema/%s/VERSION.sql is needed", d, d)
		}
		var files []file
		for _, name := range names {
			f, err := readFile(tree, d, name)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		sort.Slice(files, func(i, j int) bool { return files[i].version.Compare(files[j].version) < 0 })
		for i, f := range files {
			if i > 0 && f.version.Compare(files[i-1].version) == 0 {
				return nil, msg.Errorf("the schema files %s and %s are of the same version: remove one from the pack",
					files[i-1].name, f.name)
			}
			if f.version.Compare(target) <= 0 {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

func readFile(tree fs.FS, d config.Role, name string) (file, error) {
	version, err := release.Parse(strings.TrimSuffix(path.Base(name), ".sql"))
	if err != nil {
		return file{}, msg.Errorf("the name of the schema file %s is not a version: %w", name, err)
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return file{}, msg.Errorf("cannot read the schema file %s: %w", name, err)
	}
	f := file{database: d, name: name, version: version, template: pack.IsSQLTemplate(data)}
	if f.statements, err = split(data); err != nil {
		return file{}, msg.Errorf("cannot read the schema file %s: %w", name, err)
	}
	return f, nil
}

// split takes a file apart into statements. Comments between statements are
// dropped, except those that MySQL executes (/*! … */).
func split(data []byte) ([]statement, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, msg.Errorf("it is not UTF-8 text")
	}
	// Without a line end the scanner takes a comment in the last line for a statement.
	input := string(data) + "\n"
	scanned, err := scan(input)
	if err != nil {
		return nil, err
	}
	var out []statement
	for _, s := range scanned {
		st := statement{
			text: executable(s),
			line: 1 + strings.Count(input[:min(s.Pos, len(input))], "\n"),
		}
		if st.text == "" {
			continue
		}
		if st.effect, err = effectOf(st.text); err != nil {
			return nil, msg.Errorf("line %d: %w", st.line, err)
		}
		out = append(out, st)
	}
	return out, nil
}

// scan finds the statements. The scanner of atlas panics on some broken texts, such as a DELIMITER in open quotes.
func scan(input string) (scanned []*migrate.Stmt, err error) {
	defer func() {
		if recover() != nil {
			err = msg.Errorf("its statements cannot be told apart; look for quotes that are not closed, and for DELIMITER")
		}
	}()
	scanner := migrate.Scanner{ScannerOptions: migrate.ScannerOptions{
		MatchBegin:       true, // bodies of routines
		BackslashEscapes: true,
		HashComments:     true,
	}}
	if scanned, err = scanner.Scan(input); err != nil {
		err = msg.Errorf("at line:column %w", err)
	}
	return scanned, err
}

// executable returns the text that goes to the server: the statement without
// its semicolon, with the comments before it that MySQL executes.
func executable(s *migrate.Stmt) string {
	var parts []string
	for _, c := range s.Comments {
		if c = strings.TrimSpace(c); strings.HasPrefix(c, "/*!") || strings.HasPrefix(c, "/*M!") {
			parts = append(parts, c)
		}
	}
	if text := strings.TrimSpace(strings.TrimSuffix(s.Text, ";")); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// short is a statement on one line, for messages.
func (s statement) short() string {
	const most = 60
	line := strings.Join(strings.Fields(s.text), " ")
	if utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most]) + "…"
}
