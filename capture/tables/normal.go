package tables

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"omsinit/internal/database"
	"omsinit/internal/pattern"
)

// rewrite is one way in which servers say the same differently, or something
// that is not about the schema at all.
type rewrite struct {
	find *regexp.Regexp
	with string
}

// noise is what MySQL, MariaDB and OceanBase add to a table's options, and
// their own names for the same things. It is applied outside quotes only.
var noise = sync.OnceValue(func() []rewrite {
	var out []rewrite
	for _, r := range [][2]string{
		{`(?i) AUTO_INCREMENT ?= ?\d+`, ""},
		{`(?i) ENGINE=InnoDB`, ""},
		{`(?i) ROW_FORMAT ?= ?(DYNAMIC|COMPACT|COMPRESSED)`, ""},
		{`(?i) PAGE_CHECKSUM=\d+`, ""},
		{`(?i) STATS_PERSISTENT=\d+`, ""},
		{`(?i) (REPLICA_NUM|BLOCK_SIZE|TABLET_SIZE|PCTFREE|PROGRESSIVE_MERGE_NUM|TABLE_ID|DATA_TABLE_ID) = \d+`, ""},
		{`(?i) (USE_BLOOM_FILTER|ENABLE_MACRO_BLOCK_BLOOM_FILTER|ENABLE_EXTENDED_ROWID) = \w+`, ""},
		{`(?i) (COMPRESSION|AUTO_INCREMENT_MODE) = $`, ""}, // their values are quoted, and go with them
		{`(?i) BLOCK_SIZE \d+( LOCAL| GLOBAL)?`, ""},
		{`(?i) COLLATE ?=? ?utf8mb4_(0900_ai_ci|uca1400_ai_ci)`, ""},
		{`\butf8mb3\b`, "utf8"},
		{`\butf8mb3_`, "utf8_"},
		{`(?i)\bcurrent_timestamp\(\)`, "CURRENT_TIMESTAMP"},
		{`(?i)\bcurrent_timestamp\((\d)\)`, "CURRENT_TIMESTAMP($1)"},
		// Widths that mean nothing; that of tinyint(1) says boolean to drivers.
		{`\bbigint\(\d+\)`, "bigint"}, {`\bint\(\d+\)`, "int"}, {`\bmediumint\(\d+\)`, "mediumint"},
		{`\bsmallint\(\d+\)`, "smallint"},
		{`\btinyint\(([2-9]|\d\d+)\)`, "tinyint"}, {`\byear\(4\)`, "year"},
	} {
		out = append(out, rewrite{regexp.MustCompile(r[0]), r[1]})
	}
	return out
})

// zerofill needs the width of its number.
var zerofill = pattern.New(`(?i)\bzerofill\b`)

// mariaJSON is how MariaDB spells a column of the type JSON.
var mariaJSON = pattern.New(
	"longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin(.*?) CHECK \\(json_valid\\(`[^`]*`\\)\\)")

// normalTable makes the same text of the same table, whichever server prints it.
func normalTable(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		if i > 0 && strings.HasPrefix(strings.TrimSpace(line), "`") {
			line = mariaJSON().ReplaceAllString(line, "json$1")
		}
		lines[i] = OutsideQuotes(line, normal)
		if strings.HasPrefix(line, ")") { // OceanBase has blanks around the signs
			lines[i] = OutsideQuotes(lines[i],
				func(piece string) string { return strings.ReplaceAll(piece, " = ", "=") })
		}
	}
	return strings.Join(lines, "\n")
}

func normal(piece string) string {
	widths := zerofill().MatchString(piece)
	for _, r := range noise() {
		if widths && strings.Contains(r.find.String(), `int\(`) {
			continue
		}
		piece = r.find.ReplaceAllString(piece, r.with)
	}
	return piece
}

// OutsideQuotes changes the pieces of a line that are in no quotes.
func OutsideQuotes(text string, change func(string) string) string {
	var b strings.Builder
	for text != "" {
		at := strings.IndexAny(text, "'`\"")
		if at < 0 {
			b.WriteString(change(text))
			break
		}
		before := change(text[:at])
		end := at + 1
		for end < len(text) {
			if text[end] == '\\' && text[at] != '`' {
				end += 2
				continue
			}
			if text[end] == text[at] {
				if end+1 < len(text) && text[end+1] == text[at] {
					end += 2
					continue
				}
				break
			}
			end++
		}
		end = min(end+1, len(text))
		option := strings.TrimRight(text[:at], " =")
		if !strings.HasSuffix(option, "COMPRESSION") && !strings.HasSuffix(option, "AUTO_INCREMENT_MODE") {
			before += text[at:end]
		}
		b.WriteString(before)
		text = text[end:]
	}
	return b.String()
}

// definer is who created a view or routine; whoever initialises is another.
var definer = pattern.New("(?i) ?DEFINER ?= ?(`[^`]*`|'[^']*'|\\w+)@(`[^`]*`|'[^']*'|[\\w%.]+)")

var viewHead = pattern.New(`(?i)^CREATE( ALGORITHM ?= ?UNDEFINED)?( SQL SECURITY DEFINER)?`)

// normalView is a view without its owner and its database.
func normalView(text, name string) string {
	text = definer().ReplaceAllString(text, "")
	text = viewHead().ReplaceAllString(text, "CREATE")
	return withoutDatabase(text, name)
}

// withoutDatabase takes the name of a database off what is named in it. Where the same word stands by itself, it is the
// alias of a table, too: then it is the database only before what is named like a table's column, before a call, and
// where a table is expected.
func withoutDatabase(text, name string) string {
	alias := regexp.MustCompile("(?i)'(?:[^'\\\\]|\\\\.|'')*'|\\b" + regexp.QuoteMeta(name) + "\\b`?\\.?")
	if !slices.ContainsFunc(alias.FindAllString(text, -1),
		func(s string) bool { return s[0] != '\'' && !strings.HasSuffix(s, ".") }) {
		return strings.ReplaceAll(text, database.Quote(name)+".", "")
	}
	named := regexp.MustCompile("(?i)'(?:[^'\\\\]|\\\\.|'')*'|(\\b(?:from|join|into|update|table|view|procedure|function|trigger|call|(?:insert|update|delete) on)[ (]+)?" +
		regexp.QuoteMeta(database.Quote(name)) + "\\.(`[^`]+`)([.(])?")
	return named.ReplaceAllStringFunc(text, func(s string) string {
		m := named.FindStringSubmatch(s)
		if m[1] == "" && m[3] == "" {
			return s
		}
		return m[1] + m[2] + m[3]
	})
}

// normalStored is a routine or trigger without its owner and its database.
func normalStored(text, name string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if head := definer().FindStringIndex(text); head != nil && head[0] < 40 {
		text = text[:head[0]] + text[head[1]:]
	}
	return withoutDatabase(text, name)
}
