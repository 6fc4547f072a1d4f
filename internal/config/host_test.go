package config

import (
	"strings"
	"testing"
)

func TestValidHost(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3)
	for host, want := range map[string]bool{
		"oms-1": true, "oms_1.example.com.": true, "fd00::1": true, "10.0.0.1": true, "a": true,
		label + ".com": true, label + "a.com": false, long + label[:61]: true, long + label[:62]: false,
		long + label[:61] + ".": true,
		"":                      false, ".": false, "a..b": false, "-a": false, "a-": false, "a.-b": false,
		"fe80::1%eth0": false,
		"10.0.0":       false, "a b": false,
	} {
		if got := validHost(host); got != want {
			t.Errorf("%q: got %v", host, got)
		}
	}
}
