package flow

import (
	"testing"

	"omsinit/check"
	"omsinit/init/upgrade"
	"omsinit/internal/finding"
	"omsinit/internal/node"
)

// TestWhatAnUpgradeWaitsFor: a new container tries again by itself while another node, or a person there, may remove
// what stands against the upgrade; how this container was started changes nobody but who starts another one.
func TestWhatAnUpgradeWaitsFor(t *testing.T) {
	for _, tc := range []struct {
		ids        []string
		unattended bool
		want       bool
	}{
		{[]string{"upgrade.ha"}, true, true},
		{[]string{"upgrade.node-alive", "metadb.release"}, true, true},
		{[]string{"upgrade.flag"}, true, false},
		{[]string{"upgrade.mounts"}, true, false},
		{[]string{"upgrade.ha", "upgrade.mounts"}, true, false},
		{[]string{"upgrade.ha", "config.value"}, true, false},
		{[]string{"upgrade.ha"}, false, false},
	} {
		f := &Flow{Node: &node.Node{}, upgrade: upgrade.Options{Unattended: tc.unattended}}
		failed := &check.FailedError{}
		for _, id := range tc.ids {
			failed.Findings = append(failed.Findings, finding.Finding{ID: id, Severity: finding.Error})
		}
		if got := f.awaitsUpgrade(failed); got != tc.want {
			t.Errorf("%v, unattended %v: %v", tc.ids, tc.unattended, got)
		}
	}
}
