package layout

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPath(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		root, want string
		relocated  bool
	}{
		{"", "/home/admin/logs", false},
		{"/", "/home/admin/logs", false},
		{"//", "/home/admin/logs", false},
		{"/srv/oms/", "/srv/oms/home/admin/logs", true},
		{"demo", filepath.Join(wd, "demo/home/admin/logs"), true},
	} {
		l := New(tc.root)
		if got := l.LogDir(); got != tc.want || l.Relocated() != tc.relocated {
			t.Errorf("root %q: %s (relocated %v), want %s", tc.root, got, l.Relocated(), tc.want)
		}
	}
	if got := New("/srv").Path("../../etc"); got != "/srv/etc" {
		t.Errorf("a path with dots leads out of the root: %s", got)
	}
}
