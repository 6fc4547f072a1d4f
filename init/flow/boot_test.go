package flow

import (
	"slices"
	"strings"
	"testing"

	"omsinit/internal/msg"
	"omsinit/internal/node"
	"omsinit/metrics"
	"omsinit/supervise/api"
	"omsinit/supervise/engine"
	"time"
)

// TestInitCommand: the child of PID 1 works on the same node, with the same choices.
func TestInitCommand(t *testing.T) {
	w := newWorld(t, nil)
	root := w.layout.Path("/")
	base := "--root " + root + " --config " + w.layout.ConfigFile() + " --lang en"
	for want, tc := range map[string]struct {
		given func(*node.Given)
		Options
	}{
		"init " + base: {func(g *node.Given) {}, Options{}},
		"init " + base + " --tsdb-optional": {func(g *node.Given) {},
			Options{TSDBOptional: true}},
		"init " + base + " --pack /a/pack": {func(g *node.Given) { g.PackDir = "/a/pack" },
			Options{}},
		"upgrade apply --unattended " + base: {func(g *node.Given) { g.IsUpgrade = "true" },
			Options{}},
		"init " + strings.Replace(base, "en", "zh", 1): {func(g *node.Given) { g.Lang = msg.Chinese },
			Options{}},
		"init --root " + root +
			" --config /a/config.yaml --lang en": {func(g *node.Given) { g.ConfigFile = "/a/config.yaml" }, Options{}},
	} {
		g := w.given
		g.Lang = msg.English
		tc.given(&g)
		argv := New(node.New(g), tc.Options).initCommand("/omsinit")
		if got := strings.Join(argv[1:], " "); got != want || argv[0] != "/omsinit" {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	// Only "true" asks for an upgrade, as in the old init.
	for _, text := range []string{"", "false", "1", "TRUE", "yes"} {
		g := w.given
		g.IsUpgrade = text
		if argv := New(node.New(g), Options{}).initCommand("/omsinit"); slices.Contains(argv, "upgrade") {
			t.Errorf("IS_UPGRADE=%q: %v", text, argv)
		}
	}
}

func TestObserved(t *testing.T) {
	now := time.Now()
	got := observed(engine.Observation{StartedAt: now, SetupState: api.SetupDone, Programs: []engine.ObservedProgram{
		{Name: "nginx", State: api.Fatal, PID: 5, StartedAt: now, Ready: true, Starts: 2, LostBytes: 3}}})
	want := metrics.Program{Name: "nginx", State: 200, StateName: "FATAL", PID: 5, StartedAt: now, Ready: true,
		Starts: 2, LostBytes: 3}
	if got.SetupState != "done" || !got.StartedAt.Equal(now) || len(got.Programs) != 1 || got.Programs[0] != want {
		t.Errorf("%+v", got)
	}
}
