package flow

import (
	"testing"

	"omsinit/init/upgrade"
	"omsinit/testdata/testmaria"
)

// TestOneOpen: every operation works with one snapshot of config.yaml, and opens the file once for it.
func TestOneOpen(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	for _, tc := range []struct {
		name string
		run  func(*Flow) error
		want int
	}{
		{"init", func(f *Flow) error { return f.Init(t.Context(), Steps{}) }, 1},
		{"init of a finished node", func(f *Flow) error { return f.Init(t.Context(), Steps{}) }, 1},
		{"one step", func(f *Flow) error { return f.Init(t.Context(), Steps{Only: []string{"component"}}) }, 1},
		{"reconfigure", func(f *Flow) error { return f.Reconfigure(t.Context()) }, 1},
		{"upgrade, with nothing to upgrade",
			func(f *Flow) error { return f.Upgrade(t.Context(), upgrade.Options{}) }, 1},
		{"check", func(f *Flow) error { _, err := f.Check(t.Context(), CheckOptions{}); return err }, 1},
		{"check --offline",
			func(f *Flow) error { _, err := f.Check(t.Context(), CheckOptions{Offline: true}); return err }, 1},
		{"plan", func(f *Flow) error { _, err := f.Plan(t.Context()); return err }, 1},
		{"upgrade plan", func(f *Flow) error { _, err := f.PlanUpgrade(t.Context(), upgrade.Options{}); return err },
			1},
		{"metadb", func(f *Flow) error { _, err := f.MetaDB(); return err }, 1},
		{"cluster show", func(f *Flow) error { _, err := f.ClusterView(t.Context(), ClusterOptions{}); return err }, 1},
		{"cluster check", func(f *Flow) error { _, err := f.ClusterCheck(t.Context(), ClusterOptions{}); return err },
			1},
		{"ha show", func(f *Flow) error { _, err := f.HA(t.Context()); return err }, 1},
		{"ha off", func(f *Flow) error { _, err := f.SwitchHA(t.Context(), false, false); return err }, 1},
		{"metrics check", func(f *Flow) error { _, err := f.CheckMetrics(t.Context()); return err }, 1},
		{"metrics show", func(f *Flow) error { _, err := f.Metrics(t.Context()); return err }, 0},
		// It is opened for reading once, and once to be written in place.
		{"config set",
			func(f *Flow) error { return f.Set(t.Context(), Settings{Values: assign("cm_region_cn", "cn-set")}) }, 2},
		{"config set that changes nothing",
			func(f *Flow) error { return f.Set(t.Context(), Settings{Values: assign("cm_region_cn", "cn-set")}) }, 1},
		{"config restore", func(f *Flow) error { return f.Restore(t.Context(), "last", nil) }, 2},
		{"config diff", func(f *Flow) error { _, err := f.DiffVersion("last", nil); return err }, 1},
	} {
		f := w.flow()
		var err error
		got := opened(t, w.layout.ConfigFile(), func() { err = tc.run(f) })
		if err != nil || got != tc.want {
			t.Errorf("%s: opened %d times, want %d; %v\n%s", tc.name, got, tc.want, err, &w.errOut)
		}
	}
}
