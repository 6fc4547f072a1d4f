package backup

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a row is written as is what it was, once it is taken apart.
func TestValues(t *testing.T) {
	columns := []column{{kind: text}, {kind: binary}, {kind: number}, {kind: text}, {kind: binary}}
	rows := [][]any{
		{[]byte("it's; (x),(y)\n\\"), []byte{0, 255, '\''}, []byte("-1.5e300"), nil, []byte{}},
		{[]byte("\\"), nil, []byte("0"), []byte("\x00\r\x1a\"),('"), []byte("),(")},
	}
	statement := []byte("INSERT INTO `a (VALUES` (`x`) VALUES ")
	for i, row := range rows {
		if i > 0 {
			statement = append(statement, ',')
		}
		statement = append(statement, '(')
		for k, value := range row {
			if k > 0 {
				statement = append(statement, ',')
			}
			b, _ := value.([]byte)
			statement = columns[k].append(statement, b)
		}
		statement = append(statement, ')')
	}
	if bytes.ContainsAny(statement, "\n\r") {
		t.Errorf("a line end in %q", statement)
	}
	var got [][]any
	err := eachTuple(statement, func(tuple []byte) error {
		v, err := values(tuple)
		got = append(got, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rows, got); d != "" {
		t.Error(d)
	}
}
