package metadb

import (
	"slices"
	"strconv"
	"strings"

	"omsinit/internal/pattern"
)

// shape is what a column is, in one spelling for schema files and for all
// servers. A part that is empty is not known, or left to the server.
type shape struct {
	kind     string // varchar(64), bigint unsigned
	null     string // NULL or NOT NULL
	fallback string // of DEFAULT; none: there is none
	charset  string
	collate  string
}

func (s shape) String() string {
	parts := []string{s.kind}
	if s.charset != "" {
		parts = append(parts, "CHARACTER SET "+s.charset)
	}
	if s.collate != "" {
		parts = append(parts, "COLLATE "+s.collate)
	}
	if s.null != "" {
		parts = append(parts, s.null)
	}
	if s.fallback != "" && s.fallback != none {
		parts = append(parts, "DEFAULT "+s.fallback)
	}
	return strings.Join(parts, " ")
}

const none = "NULL"

// within returns the parts of a live column that the schema says something
// about.
func (s shape) within(want shape) shape {
	for _, part := range []struct{ have, want *string }{
		{&s.kind, &want.kind}, {&s.null, &want.null}, {&s.fallback, &want.fallback},
		{&s.charset, &want.charset}, {&s.collate, &want.collate},
	} {
		if *part.want == "" {
			*part.have = ""
		}
	}
	if want.kind == "json" && s.kind == "longtext" { // which is what JSON is on MariaDB
		s.kind = "json"
	}
	return s
}

// endOfDefault are the words that end the value of a DEFAULT.
var endOfDefault = []string{"NOT", "NULL", "COMMENT", "ON", "COLLATE", "AUTO_INCREMENT", "PRIMARY", "UNIQUE", "KEY",
	"AFTER", "FIRST", "CHECK", "CONSTRAINT", "REFERENCES", "INVISIBLE", "VISIBLE"}

// shapeOf reads the definition of a column. What it does not know for certain
// stays empty.
func shapeOf(definition string) (s shape) {
	ts, err := tokens(definition)
	if err != nil || len(ts) < 2 {
		return shape{}
	}
	r := reader{sql: definition, ts: ts[1:]}
	r.take("NATIONAL")
	from, until := r.ts[0].start, r.ts[0].end
	r.ts = r.ts[1:]
	if r.take("PRECISION") || r.take("VARYING") {
		return shape{}
	}
	if len(r.ts) > 0 && r.ts[0].is("(") {
		inside := inParentheses(r.ts)
		r.ts = r.ts[min(len(inside)+2, len(r.ts)):]
		until = from + strings.IndexByte(definition[from:], ')') + 1
		if len(inside) > 0 {
			until = inside[len(inside)-1].end + 1
		}
	}
	kind := definition[from:until]
	s.fallback = none
	for len(r.ts) > 0 {
		switch {
		case r.take("UNSIGNED"):
			kind += " unsigned"
		case r.take("ZEROFILL"), r.take("GENERATED"), r.take("AS"), r.take("BINARY"), r.take("ASCII"),
			r.take("UNICODE"):
			return shape{}
		case r.take("NOT", "NULL"):
			s.null = "NOT NULL"
		case r.take("NULL"):
			s.null = "NULL"
		case r.take("CHARACTER", "SET"), r.take("CHARSET"):
			s.charset = r.word()
		case r.take("COLLATE"):
			s.collate = r.word()
		case r.take("COMMENT"):
			r.word()
		case r.take("ON", "UPDATE"):
			r.word()
		case r.take("AUTO_INCREMENT"):
			s.null, s.fallback = "NOT NULL", none
		case r.take("PRIMARY"):
			s.null = "NOT NULL"
		case r.take("DEFAULT"):
			i := 1
			for i < len(r.ts) && !r.ts[i].is(endOfDefault...) {
				i++
			}
			if len(r.ts) > 0 {
				s.fallback = fallbackOf(definition[r.ts[0].start:r.ts[i-1].end])
				r.ts = r.ts[i:]
			}
		default:
			r.ts = r.ts[1:]
		}
	}
	if s.kind = kindOf(kind); s.kind == "" {
		return shape{}
	}
	switch {
	case strings.HasPrefix(s.kind, "timestamp") && s.null == "":
		s.fallback = "" // as explicit_defaults_for_timestamp has it
	case s.null == "":
		s.null = "NULL"
	}
	s.charset, s.collate = charsetOf(s.charset), charsetOf(s.collate)
	return s
}

// word takes the next token, in lower case.
func (r *reader) word() string {
	if len(r.ts) == 0 {
		return ""
	}
	text := strings.ToLower(strings.Trim(r.ts[0].text, `'"`))
	r.ts = r.ts[1:]
	return text
}

var (
	kindForm    = pattern.New(`(?s)^([a-z]+)\s*(?:\((.*)\))?((?: unsigned)?)$`)
	integers    = []string{"tinyint", "smallint", "mediumint", "int", "bigint"}
	kindAliases = map[string]string{"integer": "int", "bool": "tinyint", "boolean": "tinyint", "dec": "decimal",
		"numeric": "decimal", "real": "double", "int4": "int", "int8": "bigint"}
	kindLengths = map[string]string{"char": "1", "binary": "1", "bit": "1", "decimal": "10,0"}
	knownKinds  = append([]string{"decimal", "float", "double", "bit", "char", "varchar", "binary", "varbinary",
		"tinytext", "text", "mediumtext", "longtext",
		"tinyblob", "blob", "mediumblob", "longblob", "enum", "set", "json", "date", "time", "datetime", "timestamp",
		"year"}, integers...)
)

// kindOf returns a type in one spelling; "" when it is none that is known here.
func kindOf(text string) string {
	head, rest, inside := strings.Cut(text, "(")
	m := kindForm().FindStringSubmatch(strings.ToLower(head) + map[bool]string{true: "(", false: ""}[inside] + rest)
	if m == nil {
		return ""
	}
	name, length, sign := m[1], m[2], m[3]
	if alias, ok := kindAliases[name]; ok {
		name = alias
	}
	if !slices.Contains(knownKinds, name) {
		return ""
	}
	if name != "enum" && name != "set" {
		length = strings.ReplaceAll(length, " ", "")
	}
	switch {
	case slices.Contains(integers, name), name == "year", length == "0":
		length = "" // the width of what is shown; or no fractions of a second
	case name == "decimal" && length != "" && !strings.Contains(length, ","):
		length += ",0"
	case name == "text" && length != "", name == "blob" && length != "":
		return ""
	case length == "":
		length = kindLengths[name]
	}
	if length != "" {
		name += "(" + length + ")"
	}
	return name + sign
}

// charsetOf returns a character set, or a collation, by its full name.
func charsetOf(name string) string {
	if rest, ok := strings.CutPrefix(name, "utf8"); ok && (rest == "" || rest[0] == '_') {
		return "utf8mb3" + rest
	}
	return name
}

var nowForm = pattern.New(`(?i)^(?:current_timestamp|now|localtime|localtimestamp)\s*(?:\(\s*([0-9]*)\s*\))?$`)

// fallbackOf returns the value of a DEFAULT in one spelling: of a schema file,
// of MariaDB, which quotes texts, and of MySQL, which does not. "" is one that
// is not known.
func fallbackOf(text string) string {
	text = strings.TrimSpace(text)
	if m := nowForm().FindStringSubmatch(text); m != nil {
		if m[1] == "" || m[1] == "0" {
			return "CURRENT_TIMESTAMP"
		}
		return "CURRENT_TIMESTAMP(" + m[1] + ")"
	}
	if strings.EqualFold(text, "NULL") {
		return none
	}
	if n := len(text); n > 1 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		quote := text[:1]
		text = strings.NewReplacer(quote+quote, quote, `\\`, `\`, `\'`, `'`, `\"`, `"`).Replace(text[1 : n-1])
	} else if strings.ContainsAny(text, "'(") {
		return ""
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		text = strconv.FormatFloat(number, 'g', -1, 64)
	}
	return "'" + text + "'"
}

// keyColumns returns what the definition of a key is about, in the spelling of
// liveKey, and whether it is unique.
func keyColumns(definition string) (columns string, unique bool) {
	ts, err := tokens(definition)
	if err != nil || len(ts) == 0 {
		return "", false
	}
	unique = slices.ContainsFunc(ts, func(t token) bool { return t.is("PRIMARY", "UNIQUE") })
	at := slices.IndexFunc(ts, func(t token) bool { return t.is("(") })
	if at < 0 {
		return "", unique
	}
	var parts []string
	for _, item := range list(inParentheses(ts[at:])) {
		if len(item) == 0 || item[0].is("(") {
			return "", unique // an expression
		}
		part := strings.ToLower(item[0].text)
		if len(item) > 3 && item[1].is("(") {
			part += "(" + item[2].text + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ","), unique
}
