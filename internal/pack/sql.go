package pack

import (
	"io/fs"
	"path"
	"strings"
	"text/template"

	"omsinit/internal/config"
)

// SQLTemplateMark is the first line of a schema file whose statements are
// templates: rows that are settings and come from config.yaml.
const SQLTemplateMark = "-- omsinit: template"

// IsSQLTemplate reports whether the statements of a schema file are templates.
func IsSQLTemplate(data []byte) bool {
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimRight(line, "\r ") == SQLTemplateMark
}

// SQL fills in one statement of such a file. name is the file, for messages.
func (p *Pack) SQL(name, statement string, d Data) (string, error) {
	t, _, err := parseTemplate(p.fsys.place(name), statement, SQL, Standard, configKeys())
	if err != nil {
		return "", err
	}
	return render(t, d, p.Release, nil)
}

// Tables are the tables that the schema files of one database
// create: by them a database of this release is known.
func (p *Pack) Tables(role config.Role) []string {
	var out []string
	names, _ := fs.Glob(p.fsys, path.Join("schema", string(role), "*.sql")) // only a wrong pattern is an error
	for _, name := range names {
		data, err := fs.ReadFile(p.fsys, name)
		if err != nil {
			continue // the MetaDB's step says what is wrong with a file it cannot read
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if table := createdTable(line); table != "" {
				out = append(out, table)
			}
		}
	}
	return out
}

// createdTable is the name in a line that begins CREATE TABLE.
func createdTable(line string) string {
	line = strings.TrimSpace(line)
	for _, word := range []string{"CREATE", "TABLE"} {
		if len(line) <= len(word) || !strings.EqualFold(line[:len(word)], word) {
			return ""
		}
		line = strings.TrimLeft(line[len(word):], " \t")
	}
	const unless = "IF NOT EXISTS"
	if len(line) > len(unless) && strings.EqualFold(line[:len(unless)], unless) {
		line = strings.TrimLeft(line[len(unless):], " \t")
	}
	if quoted, found := strings.CutPrefix(line, "`"); found {
		name, _, _ := strings.Cut(quoted, "`")
		return name
	}
	name, _, _ := strings.Cut(line, "(")
	return strings.TrimSpace(name)
}

// schema checks the schema files that are templates.
func (c *checker) schema() {
	names, _ := fs.Glob(c.pack.fsys, path.Join("schema", "*", "*.sql")) // only a wrong pattern is an error
	for _, name := range names {
		data, err := fs.ReadFile(c.pack.fsys, name)
		if err != nil || !IsSQLTemplate(data) {
			continue // the MetaDB's step says what is wrong with a file it cannot read
		}
		_, _, err = parseTemplate(c.pack.fsys.place(name), string(data), SQL, Standard, c.keys)
		if err != nil && c.err == nil {
			c.err = err
		}
	}
}

// Fill fills in a piece of a template by itself, as Render would within a file
// of that format: for finding out what an expression stands for.
func Fill(expression, release string, format Format, spelling Spelling, d Data) (string, error) {
	f, err := NewFilling(release, d)
	if err != nil {
		return "", err
	}
	return f.Fill(expression, format, spelling)
}

// Filling fills in many pieces with the values of one node. It is for one goroutine.
type Filling struct {
	values    map[string]any
	functions template.FuncMap
	keys      keys
	empty     map[syntax]*template.Template // to parse pieces in: the functions are not copied for each
}

// syntax is what a value is escaped for.
type syntax struct {
	format   Format
	spelling Spelling
	dollar   bool
}

// NewFilling collects the values.
func NewFilling(release string, d Data) (*Filling, error) {
	values, err := d.values(release, nil)
	return &Filling{values, functions(d), configKeys(), map[syntax]*template.Template{}}, err
}

// Fill fills in one piece, as the function of that name does.
func (f *Filling) Fill(expression string, format Format, spelling Spelling) (string, error) {
	of := syntax{format, spelling, setsDollar(expression)}
	const name = "expression"
	if f.empty[of] == nil {
		f.empty[of] = newTemplate(name, f.functions, escaperOf(format, spelling, expression))
	}
	t, _, err := parseIn(f.empty[of].New(name), expression, f.keys)
	if err != nil {
		delete(f.empty, of) // it may hold a part of the faulty piece
		return "", err
	}
	return execute(t, f.values)
}
