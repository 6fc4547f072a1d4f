package backup

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"strings"

	"github.com/cespare/xxhash/v2"

	"omsinit/internal/database"
)

// kind is how the values of a column are written. They are written as the server's own dump programs do with
// --hex-blob, so that the checksums of backups that these made can be compared.
type kind int

const (
	number kind = iota // as it is
	text               // in quotes
	binary             // 0x…
)

// column is a column that an INSERT names.
type column struct {
	name string
	kind kind
	read string // the expression that reads it
}

// newColumn returns a column by its type, the DATA_TYPE of information_schema. A FLOAT is read as the DOUBLE that it
// is exactly, unless rounded asks for the six digits that the dump programs write.
func newColumn(name, dataType string, rounded bool) column {
	c := column{name, text, database.Quote(name)}
	switch strings.ToLower(dataType) {
	case "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "year":
		c.kind = number
	case "float", "double", "real":
		// As a text, which no client rounds on the way.
		c.kind = number
		if exact := c.read + "*1E0"; strings.EqualFold(dataType, "float") && !rounded {
			c.read = exact
		}
		c.read = "CONCAT(" + c.read + ")"
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry", "point", "linestring",
		"polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection", "vector":
		c.kind = binary
	}
	return c
}

// tally counts rows and adds up their checksums, which comes to the same in whatever order they are.
type tally struct {
	rows int64
	sum  uint64
	crc  bool // the checksum of a row is the one of 0.1.0, which takes five times as long
}

var ecma = crc64.MakeTable(crc64.ECMA)

func (t *tally) add(tuple []byte) {
	t.rows++
	if t.crc {
		t.sum += crc64.Checksum(tuple, ecma)
		return
	}
	t.sum += xxhash.Sum64(tuple)
}

func (t *tally) checksum() string { return fmt.Sprintf("%016x", t.sum) }

// readRows reads a table and hands each row over as it stands in an INSERT: (1,'a',0xFF). It is valid during the call.
func readRows(ctx context.Context, conn *sql.Conn, from string, columns []column, row func(tuple []byte) error) error {
	read := make([]string, 0, len(columns))
	for _, c := range columns {
		read = append(read, c.read)
	}
	if len(read) == 0 { // all are generated
		read = []string{"1"}
	}
	query := "SELECT /*!40001 SQL_NO_CACHE */ " + strings.Join(read, ",") + " FROM " + from
	var tuple []byte
	return database.Stream(ctx, conn, query, func(values []byte) error {
		tuple = append(tuple[:0], '(')
		for i := range columns {
			value, rest, err := database.NextValue(values)
			if err != nil {
				return err
			}
			if i > 0 {
				tuple = append(tuple, ',')
			}
			tuple, values = columns[i].append(tuple, value), rest
		}
		tuple = append(tuple, ')')
		return row(tuple)
	})
}

// append appends a value as SQL; nil is NULL.
func (c *column) append(to, value []byte) []byte {
	switch {
	case value == nil:
		return append(to, "NULL"...)
	case c.kind == number:
		return append(to, value...)
	case c.kind == binary && len(value) > 0:
		to = append(to, "0x"...)
		for _, b := range value {
			to = append(to, upperHex[b>>4], upperHex[b&15])
		}
		return to
	}
	return append(escape(append(to, '\''), value), '\'')
}

const upperHex = "0123456789ABCDEF"

// escapes are the characters that are written with a backslash, and what stands behind it.
var escapes = [256]byte{0: '0', '\n': 'n', '\r': 'r', '\\': '\\', '\'': '\'', '"': '"', 26: 'Z'}

func escape(to, value []byte) []byte {
	start := 0
	for i, b := range value {
		if e := escapes[b]; e != 0 {
			to = append(append(to, value[start:i]...), '\\', e)
			start = i + 1
		}
	}
	return append(to, value[start:]...)
}

// eachTuple calls do for each row of an INSERT, up to its semicolon.
func eachTuple(insert []byte, do func(tuple []byte) error) error {
	_, b, _ := bytes.Cut(insert, []byte(" VALUES"))
	for i := 0; i < len(b); {
		if b[i] != '(' {
			i++
			continue
		}
		end := tupleEnd(b[i:])
		if err := do(b[i : i+end]); err != nil {
			return err
		}
		i += end
	}
	return nil
}

// tupleEnd is the length of the row that b begins with.
func tupleEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\'':
			i += stringEnd(b[i+1:])
		}
	}
	return len(b)
}

// stringEnd is the place behind the quote that ends a string. A doubled quote ends one and begins the next, which
// comes to the same.
func stringEnd(b []byte) int {
	for i, quote := 0, -1; ; {
		if quote < i {
			next := bytes.IndexByte(b[min(i, len(b)):], '\'')
			if next < 0 {
				return len(b)
			}
			quote = i + next
		}
		backslash := bytes.IndexByte(b[i:quote], '\\')
		if backslash < 0 {
			return quote + 1
		}
		i += backslash + 2
	}
}

// values takes a tuple apart into what a prepared statement is given: nil, or bytes.
func values(tuple []byte) (out []any, err error) {
	rest := bytes.TrimSuffix(tuple[1:], []byte(")"))
	for len(rest) > 0 {
		var end int
		var value any
		switch {
		case rest[0] == '\'':
			end = 1 + stringEnd(rest[1:])
			value = unescape(rest[1 : end-1])
		default:
			if end = bytes.IndexByte(rest, ','); end < 0 {
				end = len(rest)
			}
			word := rest[:end]
			switch {
			case string(word) == "NULL":
			case bytes.HasPrefix(word, []byte("0x")):
				decoded := make([]byte, hex.DecodedLen(len(word)-2))
				if _, err := hex.Decode(decoded, word[2:]); err != nil {
					return nil, err
				}
				value = decoded
			default:
				value = word
			}
		}
		out = append(out, value)
		rest = bytes.TrimPrefix(rest[end:], []byte(","))
	}
	return out, nil
}

var unescapes = map[byte]byte{'0': 0, 'n': '\n', 'r': '\r', 'Z': 26}

func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		if plain, ok := unescapes[b[i]]; ok {
			out = append(out, plain)
		} else {
			out = append(out, b[i])
		}
	}
	return out
}
