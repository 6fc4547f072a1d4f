package msg

import "testing"

func TestList(t *testing.T) {
	m := M("%s (%s)", List{"a", "b", "c"}.AtMost(2), Clauses{M("%s, %s", "x", "y"), M("z")})
	if en, zh := m.In(English), m.In(Chinese); en != "a, b, … (x, y; z)" || zh != "a、b、…（x，y；z）" {
		t.Errorf("%s; %s", en, zh)
	}
}
