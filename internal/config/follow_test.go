package config

import "testing"

// TestCMURLFor: cm_url follows the port of the CM only where it names it.
func TestCMURLFor(t *testing.T) {
	port := func(value string) Assignment { return Assignment{Key: "cm_server_port", Value: Secret(value)} }
	for _, tc := range []struct {
		name, url string
		settings  []Assignment
		want      string
	}{
		{"the port moves", "http://10.0.0.1:8088", []Assignment{port("18088")}, "http://10.0.0.1:18088"},
		{"IPv6", "http://[fd00::1]:8088", []Assignment{port("18088")}, "http://[fd00::1]:18088"},
		{"a VIP with a port of its own", "http://10.0.0.1:80", []Assignment{port("18088")}, ""},
		{"a VIP without a port", "http://cm.example", []Assignment{port("18088")}, ""},
		{"the same port", "http://10.0.0.1:8088", []Assignment{port("8088")}, ""},
		{"another key", "http://10.0.0.1:8088", []Assignment{{Key: "nginx_server_port", Value: "18088"}}, ""},
		{"both are set", "http://10.0.0.1:8088",
			[]Assignment{port("18088"), {Key: "cm_url", Value: "http://10.0.0.1:1"}}, ""},
		{"no address", "http://%zz", []Assignment{port("18088")}, ""},
	} {
		if got := (&Config{CMURL: tc.url, CMPort: 8088}).CMURLFor(tc.settings); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
