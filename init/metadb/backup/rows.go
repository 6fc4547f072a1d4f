package backup

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"sync"
)

// rows counts and sums up the rows of each table while a dump streams through
// it. Rows and their checksum are those of the dump's own snapshot, so they
// agree with it even while OMS writes.
type rows struct {
	tables []*tally
	line   []byte // begun, not ended
	into   *tally // table of the INSERT that is open
}

type tally struct {
	name string
	rows int64
	sum  uint64
}

// crc is the table of the checksums, made when it is needed: every start would
// pay for it otherwise.
var crc = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(crc64.ECMA) })

// Write implements io.Writer. Dumps hold no line end within a value.
func (r *rows) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			r.line = append(r.line, p...)
			return n, nil
		}
		line := p[:end]
		if len(r.line) > 0 {
			r.line = append(r.line, line...)
			line = r.line
		}
		r.take(line)
		r.line = r.line[:0]
		p = p[end+1:]
	}
}

var (
	createTable = []byte("CREATE TABLE `")
	insertInto  = []byte("INSERT INTO `")
)

func (r *rows) take(line []byte) {
	switch {
	case r.into != nil:
		r.tuples(line)
	case bytes.HasPrefix(line, createTable):
		name, _ := quotedName(line[len(createTable):])
		r.tables = append(r.tables, &tally{name: name})
	case bytes.HasPrefix(line, insertInto):
		name, rest := quotedName(line[len(insertInto):])
		for _, t := range r.tables {
			if t.name == name {
				r.into = t
			}
		}
		if r.into != nil {
			// MySQL names the columns of a table with generated ones before VALUES.
			_, values, _ := bytes.Cut(rest, []byte(" VALUES"))
			r.tuples(values)
		}
	}
}

// quotedName reads up to the closing backtick.
func quotedName(b []byte) (name string, rest []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != '`' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '`' {
			i++
			continue
		}
		return string(bytes.ReplaceAll(b[:i], []byte("``"), []byte("`"))), b[i+1:]
	}
	return string(b), nil
}

// tuples takes the rows of one line: (…),(…); The semicolon ends the INSERT.
func (r *rows) tuples(b []byte) {
	for i := 0; i < len(b); {
		switch b[i] {
		case '(':
			end := tupleEnd(b[i:])
			r.into.rows++
			r.into.sum += crc64.Checksum(b[i:i+end], crc())
			i += end
		case ';':
			r.into = nil
			return
		default:
			i++
		}
	}
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

// stringEnd is the place of the quote that ends a string. A doubled quote ends
// one and begins the next, which comes to the same.
func stringEnd(b []byte) int {
	for i := 0; ; {
		q := bytes.IndexByte(b[i:], '\'')
		if q < 0 {
			return len(b)
		}
		s := bytes.IndexByte(b[i:i+q], '\\')
		if s < 0 {
			return i + q + 1
		}
		i += s + 2
		if i > len(b) {
			return len(b)
		}
	}
}

// list returns the tables as the manifest has them.
func (r *rows) list() []Table {
	out := make([]Table, 0, len(r.tables))
	for _, t := range r.tables {
		out = append(out, Table{Name: t.name, Rows: t.rows, Checksum: fmt.Sprintf("%016x", t.sum)})
	}
	return out
}
