package match

import "testing"

func TestDated(t *testing.T) {
	for _, tc := range [][3]string{
		{"#Sat Nov 28 05:10:00 CST 2026", "#Fri Jan  2 01:02:03 UTC 2026", "#Fri Jan  2 01:02:03 UTC 2026"},
		{"at 2026-11-28 05:10:00 x", "at 2025-01-02T03:04:05Z y", "at 2025-01-02T03:04:05Z x"},
		{"since=2026-11-28", "none", "since=2026-11-28"},
		{"10.2026-11", "10.2025-11", "10.2026-11"},
	} {
		if got := Dated(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%q: got %q, want %q", tc[0], got, tc[2])
		}
	}
	if got := string(DatedLines([]byte("a\n2026-11-28\nb 2026-11-28"),
		[]byte("a\n2025-01-01"))); got != "a\n2025-01-01\nb 2026-11-28" {
		t.Errorf("%q", got)
	}
}
