package metrics

import (
	"errors"
	"strings"
	"testing"

	"omsinit/internal/config"
)

func TestVerdictAdvice(t *testing.T) {
	cfg := configFor("10.0.0.9:8086")
	with := func(change func(*config.Config)) *config.Config { c := *cfg; change(&c); return &c }
	broken := []Part{failed("reach", errors.New("away"))}
	off := with(func(c *config.Config) { c.TSDBEnabled = false })
	for name, tc := range map[string]struct {
		cfg     *config.Config
		applied Applied
		parts   []Part
		want    string // "" is none
	}{
		"well":                          {cfg, NewApplied(On, nil, cfg, into), nil, ""},
		"broken":                        {cfg, NewApplied(On, nil, cfg, into), broken, "restarts for ever"},
		"broken, before the first init": {cfg, Applied{}, broken, ""},
		"broken, by an edit": {with(func(c *config.Config) { c.TSDBPassword = "other" }),
			NewApplied(On, nil, cfg, into), broken, "nothing has changed for it yet"},
		"well, after an edit": {with(func(c *config.Config) { c.TSDBURL = "10.0.0.8:8086" }),
			NewApplied(On, nil, cfg, into), nil, "config.yaml has other tsdb_* values"},
		"left out": {cfg, NewApplied(LeftOut, errors.New("away"), cfg, into), nil,
			"`omsinit init` switches it on"},
		"off": {off, NewApplied(Off, nil, off, into), nil, "nothing is reported"},
		"off with another address": {with(func(c *config.Config) { c.TSDBEnabled, c.TSDBURL = false, "x:1" }),
			NewApplied(Off, nil, off, into), nil, "nothing is reported"},
		"off by an edit": {off, NewApplied(On, nil, cfg, into), nil,
			"config.yaml has other tsdb_* values"},
		"off, before the first init": {off, Applied{}, nil, "nothing is reported"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if v := NewVerdict(tc.cfg, tc.applied, tc.parts); !v.Advice.IsZero() {
				got = v.Advice.English
			}
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
