package check

import (
	"context"
	"strings"

	"omsinit/internal/msg"
)

// upgradeVariables are the environment variables that are, or look like,
// IS_UPGRADE. Only its exact spelling counts (oms-facts §1).
func (n *node) upgradeVariables() (exact string, others []string) {
	exact = n.Upgrade
	for _, variable := range n.Environ {
		name, value, _ := strings.Cut(variable, "=")
		plain := strings.ReplaceAll(strings.ToUpper(name), "-", "_")
		if name != "IS_UPGRADE" && (plain == "IS_UPGRADE" || plain == "ISUPGRADE") && value != "" {
			others = append(others, name)
		}
	}
	return exact, others
}

func (n *node) mentionsUpgrade() bool {
	exact, others := n.upgradeVariables()
	return exact != "" || len(others) > 0
}

func (n *node) upgrading() bool { return n.Upgrade == "true" }

// upgradeMode makes sure that whoever asks for an upgrade gets one: a value in
// another spelling was ignored in silence, and the node initialised instead.
func upgradeMode(_ context.Context, n *node, f *found) {
	value, others := n.upgradeVariables()
	for _, name := range others {
		f.error("upgrade.flag", msg.M("the environment variable %s means nothing; an upgrade is asked for with IS_UPGRADE", name),
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", name), fact("variable", name))
	}
	switch {
	case value == "" || value == "false":
	case value != "true":
		f.error("upgrade.flag", msg.M("IS_UPGRADE is %q, and only true in lower case asks for an upgrade", value),
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", "IS_UPGRADE"), fact("value", value))
	}
}

// upgradeState asks what stands against the upgrade that is due; where none is,
// nothing does.
func upgradeState(ctx context.Context, n *node, f *found) {
	findings, err := n.UpgradeGates(ctx, n.cfg)
	if err != nil {
		f.query(n, err)
		return
	}
	f.findings = append(f.findings, findings...)
}
