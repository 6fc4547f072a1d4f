package check

import (
	"context"
	"strings"

	"omsinit/internal/msg"
)

// lookalikes returns the environment variables that look like IS_UPGRADE. Only its exact spelling counts
// (docs/oms-facts.md §1).
func (n *node) lookalikes() (names []string) {
	for _, variable := range n.Environ {
		name, value, _ := strings.Cut(variable, "=")
		plain := strings.ReplaceAll(strings.ToUpper(name), "-", "_")
		if name != "IS_UPGRADE" && (plain == "IS_UPGRADE" || plain == "ISUPGRADE") && value != "" {
			names = append(names, name)
		}
	}
	return names
}

func (n *node) mentionsUpgrade() bool {
	return n.Upgrade != "" || n.UpgradeMode != "" || len(n.lookalikes()) > 0
}

func (n *node) upgrading() bool { return n.Upgrade == "true" }

// upgradeMode makes sure that whoever asks for an upgrade gets one: a value in another spelling was ignored in silence,
// and the node initialised instead.
func upgradeMode(_ context.Context, n *node, f *found) {
	for _, name := range n.lookalikes() {
		f.error("upgrade.flag",
			msg.M("the environment variable %s means nothing; an upgrade is asked for with IS_UPGRADE", name),
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", name),
			fact("variable", name))
	}
	if value := n.Upgrade; value != "" && value != "false" && value != "true" {
		f.error("upgrade.flag", msg.M("IS_UPGRADE is %q, and only true in lower case asks for an upgrade", value),
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", "IS_UPGRADE"),
			fact("value", value))
	}
	if mode := n.UpgradeMode; mode != "" && mode != "off" && mode != "auto" {
		f.error("upgrade.flag", msg.M("OMSINIT_UPGRADE is %q; it is auto or off", mode),
			msg.M("start the container with -e OMSINIT_UPGRADE=auto, or without it"), fact("value", mode))
	}
}

// upgradeState asks what stands against the upgrade that is due; where none is, nothing does.
func upgradeState(ctx context.Context, n *node, f *found) {
	findings, err := n.UpgradeGates(ctx, n.cfg)
	if err != nil {
		f.query(n, err)
		return
	}
	f.add(findings...)
}
