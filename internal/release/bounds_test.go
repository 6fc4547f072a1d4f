package release

import "testing"

func TestBounds(t *testing.T) {
	for _, tc := range []struct {
		bounds, version string
		want            bool
	}{
		{"3.2", "3.2.0", true}, {"3.2", "3.2.1", false}, {"3.2", "3.2.0-bp1", true},
		{"=3.2", "3.2.0", true}, {"=3.2", "3.2.2", false},
		{">3.2", "3.2.0", false}, {">3.2", "3.2.1", true}, {">3.2", "3.2.0-bp1", false},
		{">=3.2", "3.2.0", true}, {">=3.2", "3.1.9", false},
		{"<=3.2", "3.2.0", true}, {"<=3.2", "3.2.1", false},
		{"<3.2", "3.1.9", true}, {"<3.2", "3.2.0_beta", false}, {"<3.2", "3.2.0", false},
		{">=3.2.1 <4.0.1", "3.2.1", true}, {">=3.2.1 <4.0.1", "4.0.0-ce_bp1", true}, {">=3.2.1 <4.0.1", "4.0.1", false},
		{"4.2.2", "feature_4.2.2_ce", true}, {"4.2.2", "4.2.2.1", true}, {"4.2.2", "4.2.11", false},
	} {
		v, err := Parse(tc.version)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseBounds(tc.bounds)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Contain(v); got != tc.want {
			t.Errorf("%s within %q: %v, want %v", tc.version, tc.bounds, got, tc.want)
		}
	}
	for _, bad := range []string{"", " ", "4", "=>3.2.1", "4.2.x", "~4.2.1", "4.2.3-CE", "4.2.3.1", ">=3.2.1 <"} {
		if _, err := ParseBounds(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
