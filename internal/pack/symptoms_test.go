package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuiltinSymptoms: the exact texts that are known (docs/oms-facts.md §11, §14.5) are in the table.
func TestBuiltinSymptoms(t *testing.T) {
	s, err := BuiltinSymptoms()
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"java.lang.IllegalArgumentException: spring.application.name must be configured!":       "console-unconfigured",
		"ERROR 2059 (HY000): Authentication plugin 'caching_sha2_password' cannot be loaded: x": "caching-sha2",
		"KeyError: 255": "unknown-collation",
		`[TIMEOUT_EXCEPTION] {"operation":"PreCheckAction doRunningAction timeout"}`: "precheck-timeout",
		"no enough host resource for XXX":                                            "no-host-resource",
		"CM-RESONF000001":                                                            "no-alive-host",
		"No alive hosts in current region.":                                          "no-alive-host",
		"CM-RESONF000002":                                                            "no-machine-registered",
		"CM-RESONF000021 Machine group of region = (cn-x) do not init.":              "no-machine-registered",
		"Version before 4.1.1 is not allowed to upgrade.":                            "upgrade-gate",
		"ERROR 1235 (0A000): Modify large text/lob column not supported":             "lob-column",
		"Field 'ocp_proxy_host' doesn't hava d default value":                        "ocp-proxy-host",
		"Consumer [drc] already exists":                                              "consumer-exists",
		"Conversion not supported for type java.time.LocalDateTime":                  "local-date-time",
		"OMS_USER_NOT_ACTIVE":                                                        "stale-browser",
		"鉴权错误":                                                                       "login-refused-after-upgrade",
		"服务器内部错误":                                                                    "internal-error",
		"Failed to fetch":                                                            "failed-to-fetch",
		"nginx: [emerg] bind() to 0.0.0.0:8089 failed (98: Address already in use)":  "address-in-use",
		"Error binding ShutdownMonitor to port 8089: java.net.BindException: xyz":    "cm-holds-port",
		"bind() to 0.0.0.0:80 failed (13: Permission denied)":                        "",
		"java.lang.OutOfMemoryError: unable to create new native thread":             "no-more-threads",
	} {
		found := ""
		for _, y := range s.Symptoms {
			for _, text := range y.Text {
				if found == "" && strings.Contains(line, text) && y.Matches(line) {
					found = y.ID
				}
			}
		}
		if found != want {
			t.Errorf("%q is taken for %q, not %q", line, found, want)
		}
	}
}

// TestWrongSymptoms: each fault is named with file and line, and stops no pack from being used.
func TestWrongSymptoms(t *testing.T) {
	const good = `version: 1
logs:
  - {program: a, files: [/home/*.log]}
symptoms:
  - id: one
    text: [abcd]
    severity: error
    cause: {en: x, zh: y}
    fix: {en: x, zh: y}
    next: ""
    source: s
`
	if _, err := parseSymptoms("f", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for replace, line := range map[[2]string]string{
		{"version: 1", "version: 2"}:                "f:1:",
		{"/home/*.log", "home/*.log"}:               "f:3:",
		{"/home/*.log", "'/home/[.log'"}:            "f:3:",
		{"id: one", "id: One"}:                      "f:5:",
		{"[abcd]", "[abc]"}:                         "f:6:",
		{"[abcd]", "[]"}:                            "f:6:",
		{"severity: error", "severity: bad"}:        "f:7:",
		{"cause: {en: x, zh: y}", "cause: {en: x}"}: "f:8:",
		{"fix: {en: x, zh: y}", "fix: {zh: x}"}:     "f:9:",
		{"source: s", "source: ''"}:                 "f:11:",
		{"source: s", "sauce: s"}:                   "f:11:",
		{"next: \"\"", "regexp: '('"}:               "f:10:",
	} {
		if _, err := parseSymptoms("f", []byte(strings.Replace(good, replace[0], replace[1], 1))); err == nil ||
			!strings.HasPrefix(err.Error(), line) {
			t.Errorf("%v: %v", replace, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, SymptomsName), []byte("version: 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Symptoms(); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, SymptomsName)+":1:") {
		t.Errorf("no place: %v", err)
	}
}
