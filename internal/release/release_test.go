package release

import "testing"

func TestParse(t *testing.T) {
	// From the oldest to the newest; what stands in one line is one release.
	ascending := [][]string{
		{"2.2.0_beta"},
		{"2.2.0"},
		{"3.3.0", "3.3.0-CE", "3.3"},
		{"3.3.0-bp1", "feature_3.3.0-bp1", "3.3.0_ce_bp1", "3.3.0.1"},
		{"3.3.1-CE", "feature_3.3.1-ce"},
		{"4.0.0-ce_bp1"},
		{"4.2.3-CE", "4.2.3-ce", "4.2.3_ce", "V4.2.3", " 4.2.3-CE\n"},
		{"4.2.11", "feature_4.2.11_ce", "4.2.11-EE"},
		{"10.0.0"},
	}
	for i, same := range ascending {
		for _, a := range same {
			va, err := Parse(a)
			if err != nil {
				t.Fatal(err)
			}
			for j, others := range ascending {
				for _, b := range others {
					vb, err := Parse(b)
					if err != nil {
						t.Fatal(err)
					}
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if got := va.Compare(vb); got != want {
						t.Errorf("%q compared with %q is %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}

	v, err := Parse("feature_4.2.11_ce")
	if err != nil || v.Edition() != "CE" || v.String() != "feature_4.2.11_ce" {
		t.Errorf("%v edition %q, %v", v, v.Edition(), err)
	}
	for _, bad := range []string{"", "latest", "4", "4.x", "x.y.z-CE", "4.2.3 CE", "4.2.3-bpx", "4.2.3-bp1-bp2",
		"4.2.3/..", "99999999999999999999.1"} {
		if v, err := Parse(bad); err == nil {
			t.Errorf("%q was read as %v", bad, v)
		}
	}
}
