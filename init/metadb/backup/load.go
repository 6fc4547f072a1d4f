package backup

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// span is the place of a statement in a dump, with its semicolon.
type span struct {
	offset, size int64
}

// dumpReader is a dump that is read back.
type dumpReader struct {
	*Database
	file   *os.File
	tables []*dumpedTable
	// last are the statements that the server's own programs write for views; omsinit has objects instead.
	last []span
}

// dumpedTable is where a table stands in a dump.
type dumpedTable struct {
	dump    *dumpReader
	want    Table // of the manifest
	create  span
	inserts []span
	bytes   int64 // of the inserts

	definition string
	sampled    *tally // what was loaded of it, where that is not all
}

// openDump opens a dump and finds the statements in it.
func openDump(dir string, d *Database) (*dumpReader, error) {
	f, err := os.Open(filepath.Join(dir, d.File))
	if err != nil {
		return nil, msg.Errorf("cannot read the backup: %w", err)
	}
	r := &dumpReader{Database: d, file: f}
	if err := r.index(1 << 20); err != nil {
		f.Close()
		return nil, msg.Errorf("cannot read the dump %s: %w", f.Name(), err)
	}
	for _, t := range d.Tables {
		if r.table(t.Name) == nil {
			f.Close()
			return nil, msg.Errorf("cannot read the dump %s: %w", f.Name(),
				msg.Errorf("the table %s is not in the dump", t.Name))
		}
	}
	return r, nil
}

// index finds the statements. One ends with a semicolon at the end of a line, and no value holds a line end.
func (r *dumpReader) index(bufferSize int) error {
	in := bufio.NewReaderSize(r.file, bufferSize)
	var at, size int64 // of the statement
	var begin []byte   // of it
	var last byte      // before what was read now
	for begun := true; ; {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		ended := err == nil
		if size == 0 {
			if string(line) == objectsFollow {
				return nil
			}
			if begun && ended && (len(line) == 1 || bytes.HasPrefix(line, []byte("--"))) {
				at += int64(len(line))
				continue
			}
			begin = append(begin[:0], line[:min(len(line), 300)]...)
		}
		begun = ended
		size += int64(len(line))
		semicolon := bytes.HasSuffix(line, []byte(";\n")) || len(line) == 1 && last == ';'
		last = line[len(line)-1]
		if ended && semicolon {
			r.statement(begin, span{at, size})
			at, size = at+size, 0
		}
	}
}

// statement notes a statement by its beginning.
func (r *dumpReader) statement(begin []byte, s span) {
	if rest, ok := bytes.CutPrefix(begin, []byte("CREATE TABLE `")); ok {
		name, _ := quotedName(rest)
		if i := slices.IndexFunc(r.Tables, func(t Table) bool { return t.Name == name }); i >= 0 {
			r.tables = append(r.tables, &dumpedTable{dump: r, want: r.Tables[i], create: s})
		}
		return
	}
	if rest, ok := bytes.CutPrefix(begin, []byte("INSERT INTO `")); ok {
		name, _ := quotedName(rest)
		if t := r.table(name); t != nil {
			t.inserts, t.bytes = append(t.inserts, s), t.bytes+s.size
		}
		return
	}
	if bytes.HasPrefix(begin, []byte("/*!50001 ")) {
		r.last = append(r.last, s)
	}
}

func (r *dumpReader) table(name string) *dumpedTable {
	for _, t := range slices.Backward(r.tables) { // the rows of one often follow it
		if t.want.Name == name {
			return t
		}
	}
	return nil
}

// read returns a statement without its semicolon. The buffer is used again.
func (r *dumpReader) read(s span, buffer *[]byte) ([]byte, error) {
	if int64(cap(*buffer)) < s.size {
		*buffer = make([]byte, s.size)
	}
	b := (*buffer)[:s.size]
	if _, err := r.file.ReadAt(b, s.offset); err != nil {
		return nil, msg.Errorf("cannot read the dump: %w", err)
	}
	return bytes.TrimSuffix(b, []byte(";\n")), nil
}

// sample returns the first inserts of the table, of the given size together, and the largest one, which is the most
// that the server must take at once.
func (t *dumpedTable) sample(bytes int64) []span {
	var out []span
	largest := span{}
	for _, s := range t.inserts {
		if bytes > 0 {
			out = append(out, s)
		} else if s.size > largest.size {
			largest = s
		}
		bytes -= s.size
	}
	if largest.size > insertSize*2 {
		out = append(out, largest)
	}
	return out
}

// insert sends an INSERT. One that is larger than the server takes goes row by row, and the values of a row that is
// itself too large on their own.
func insert(ctx context.Context, conn *sql.Conn, statement []byte, packet int) error {
	const room = 1 << 10 // of the protocol
	if len(statement)+room < packet {
		_, err := conn.ExecContext(ctx, string(statement))
		return err
	}
	begin, _, _ := bytes.Cut(statement, []byte(" VALUES"))
	begin = append(slices.Clone(begin), " VALUES "...)
	return eachTuple(statement, func(tuple []byte) error {
		if len(begin)+len(tuple)+room < packet {
			_, err := conn.ExecContext(ctx, string(begin)+string(tuple))
			return err
		}
		values, err := values(tuple)
		if err != nil {
			return err
		}
		marks := strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")
		prepared, err := conn.PrepareContext(ctx, string(begin)+"("+marks+")")
		if err != nil {
			return err
		}
		_, err = prepared.ExecContext(ctx, values...)
		return errors.Join(err, prepared.Close())
	})
}
