package pack

import (
	"io/fs"
	"path"
	"strings"
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

// schema checks the schema files that are templates.
func (c *checker) schema() {
	names, _ := fs.Glob(c.pack.fsys, path.Join("schema", "*", "*.sql")) // only a wrong pattern is an error
	for _, name := range names {
		data, err := fs.ReadFile(c.pack.fsys, name)
		if err != nil || !IsSQLTemplate(data) {
			continue // the MetaDB's step says what is wrong with a file it cannot read
		}
		if _, _, err := parseTemplate(c.pack.fsys.place(name), string(data), SQL, Standard, c.keys); err != nil && c.err == nil {
			c.err = err
		}
	}
}

// Fill fills in a piece of a template by itself, as Render would within a file
// of that format: for finding out what an expression stands for.
func Fill(expression, release string, format Format, spelling Spelling, d Data) (string, error) {
	t, _, err := parseTemplate("expression", expression, format, spelling, configKeys())
	if err != nil {
		return "", err
	}
	return render(t, d, release, nil)
}
