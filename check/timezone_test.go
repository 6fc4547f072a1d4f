package check

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestPOSIXZone: the offsets are those of the C library.
func TestPOSIXZone(t *testing.T) {
	for form, want := range map[string]string{
		"UTC-8": "+08:00", "CST-8": "+08:00", "UTC+8": "-08:00", "<-0330>3:30": "-03:30",
		"EST5EDT,M3.2.0,M11.1.0": "-05:00", "IST-5:30": "+05:30",
		"Asia/Nowhere": "", "8": "", "": "", "UTC": "", "CN+": "",
	} {
		got := ""
		if location := posixZone(form); location != nil {
			_, seconds := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC).In(location).Zone()
			got = utcOffset(seconds)
			if out, err := exec.Command("env", "TZ="+form, "date", "-d", "@1768435200", "+%:z").Output(); err != nil ||
				strings.TrimSpace(string(out)) != got {
				t.Errorf("%s: date says %s, %v", form, out, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
}
