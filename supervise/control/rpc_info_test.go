package control

import (
	"testing"
	"time"
)

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0:00:00", 165 * time.Second: "0:02:45", 24*time.Hour + 5*time.Second: "1 day, 0:00:05",
		49 * time.Hour: "2 days, 1:00:00",
	} {
		if got := uptime(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
