package pack

import "testing"

// What is known about servers is looked up by how they name themselves.
func TestSuiting(t *testing.T) {
	p, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		kind, version string
		known, works  bool
	}{
		{"MySQL", "8.0.36-0ubuntu0.22.04.1", true, true}, {"MySQL", "8.4.0", true, true},
		{"MySQL", "5.7.44-log", true, false},
		{"MySQL", "9.7.4-2", false, false}, {"MariaDB", "10.11.6-MariaDB-0+deb12u1", false, false},
		{"MySQL", "garbage", false, false},
		{"OceanBase", "5.7.25-OceanBase_CE-v4.2.1.8", true, true},
	} {
		got := p.Suiting(tc.kind, tc.version)
		if (got != nil) != tc.known || got != nil && got.Works != tc.works {
			t.Errorf("%s %s: %+v", tc.kind, tc.version, got)
		}
	}
}
