package database

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"omsinit/testdata/testmaria"
)

func streamed(ctx context.Context, conn *sql.Conn, query string, n int) (rows [][]string, err error) {
	err = Stream(ctx, conn, query, func(row []byte) error {
		var values []string
		for range n {
			value, rest, err := NextValue(row)
			if err != nil {
				return err
			}
			if value == nil {
				value = []byte("NULL")
			}
			values, row = append(values, string(value)), rest
		}
		if len(row) > 0 {
			return fmt.Errorf("%d bytes are left of a row", len(row))
		}
		rows = append(rows, values)
		return nil
	})
	return rows, err
}

// What is streamed is what the driver reads, the session can be used afterwards, and an error of the server is that of
// the driver, wherever it comes.
func TestStream(t *testing.T) {
	s := testmaria.Start(t, testmaria.Args("--max-allowed-packet=64M"))
	db, err := Open(configFor(s), "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	usable := func(t *testing.T) {
		t.Helper()
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT 7").Scan(&n); err != nil || n != 7 {
			t.Errorf("afterwards the session answers %d, %v", n, err)
		}
	}
	t.Run("values", func(t *testing.T) {
		wide := strings.Repeat("x", 300)
		got, err := streamed(t.Context(), conn,
			"SELECT 1, NULL, '', '"+wide+"', -1.5 UNION ALL SELECT 2, 'a', x'00', NULL, NULL", 5)
		want := fmt.Sprint([][]string{{"1", "NULL", "", wide, "-1.5"}, {"2", "a", "\x00", "NULL", "NULL"}})
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
		usable(t)
	})
	t.Run("none", func(t *testing.T) {
		if got, err := streamed(t.Context(), conn, "SELECT 1, 2 FROM dual WHERE 1 = 0", 2); err != nil || len(got) > 0 {
			t.Errorf("%v, %v", got, err)
		}
		usable(t)
	})
	t.Run("no rows at all", func(t *testing.T) {
		if got, err := streamed(t.Context(), conn, "SET @a = 1", 0); err != nil || len(got) > 0 {
			t.Errorf("%v, %v", got, err)
		}
		usable(t)
	})
	// A packet has at most 16 MiB less one byte; a row of just so much is followed by an empty one.
	for _, size := range []int{packetMax - 5, packetMax - 4, packetMax - 3, packetMax, 2*packetMax - 9,
		2*packetMax + 5} {
		t.Run(fmt.Sprint("long ", size), func(t *testing.T) {
			n := 0
			err := Stream(t.Context(), conn, fmt.Sprintf("SELECT REPEAT('y', %d) UNION ALL SELECT 'z'", size),
				func(row []byte) error {
					value, _, err := NextValue(row)
					if n++; n == 1 && (len(value) != size || bytes.Trim(value, "y") != nil && len(bytes.Trim(
						value, "y")) > 0) {
						t.Errorf("a value of %d bytes", len(value))
					}
					return err
				})
			if err != nil || n != 2 {
				t.Errorf("%d rows, %v", n, err)
			}
			usable(t)
		})
	}
	t.Run("refused", func(t *testing.T) {
		if _, err := streamed(t.Context(), conn, "SELECT nothing", 1); !Is(err, ErrBadField) {
			t.Errorf("%v", err)
		}
		usable(t)
	})
	t.Run("error behind rows", func(t *testing.T) {
		s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a int PRIMARY KEY, b varchar(10))",
			"INSERT INTO d.t VALUES (1, 'x'), (2, '[')")
		got, err := streamed(t.Context(), conn,
			"SELECT a, (SELECT 1 UNION SELECT 2 FROM d.t AS u WHERE u.a = d.t.a AND d.t.a > 1) FROM d.t ORDER BY a", 2)
		if CodeOf(err) != 1242 || len(got) != 1 { // ER_SUBQUERY_NO_1_ROW
			t.Errorf("%v, %v", got, err)
		}
		usable(t)
	})
	t.Run("cancelled", func(t *testing.T) {
		other, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err = Stream(ctx, other, "SELECT 1 UNION ALL SELECT SLEEP(30)", func([]byte) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	// The rows that are still on their way must not be taken for the answer to something else.
	t.Run("given up", func(t *testing.T) {
		full := errors.New("the disk is full")
		if err := Stream(t.Context(), conn, "SELECT 1 UNION ALL SELECT 2",
			func([]byte) error { return full }); !errors.Is(err, full) {
			t.Errorf("%v", err)
		}
		var n int
		if err := conn.QueryRowContext(t.Context(), "SELECT 7").Scan(&n); err == nil {
			t.Errorf("the session goes on, and answers %d", n)
		}
	})
}

func FuzzNextValue(f *testing.F) {
	for _, row := range []string{"", "\x01a", "\x02a", "\xfb", "\xfc\x01\x00a", "\xfc\x01", "\xfd\x01\x00\x00a",
		"\xfe\x01\x00\x00\x00\x00\x00\x00\x00a",
		"\xfe\xff\xff\xff\xff\xff\xff\xff\xffa", "\xff\x00"} {
		f.Add([]byte(row))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		value, rest, err := NextValue(row)
		switch {
		case err != nil:
		case len(value)+len(rest) >= len(row):
			t.Errorf("%q: %q and %q", row, value, rest)
		case !bytes.HasSuffix(row, rest) || !bytes.HasSuffix(bytes.TrimSuffix(row, rest), value):
			t.Errorf("%q: %q and %q", row, value, rest)
		}
	})
}
