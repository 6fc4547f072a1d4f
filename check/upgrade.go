package check

import (
	"context"
	"strings"

	"omsinit/internal/ha"
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
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", name), Fact{"variable", name})
	}
	switch {
	case value == "" || value == "false":
	case value != "true":
		f.error("upgrade.flag", msg.M("IS_UPGRADE is %q, and only true in lower case asks for an upgrade", value),
			msg.M("start the container with -e IS_UPGRADE=true for an upgrade, or without %s", "IS_UPGRADE"), Fact{"value", value})
	case !n.CanUpgrade:
		f.error("upgrade.unsupported", msg.M("IS_UPGRADE is set to %q, but this build of omsinit cannot upgrade an installation", value),
			msg.M("upgrade with the old scripts, or start the container without IS_UPGRADE for a first installation"))
	}
}

// upgradeState looks for what must be true before an upgrade begins: the
// release is recorded, and high availability is off. Only "enable" switches it
// on; enableStore and the like are true by default (oms-facts §6, §12).
func upgradeState(ctx context.Context, n *node, f *found) {
	rm := n.cfg.RMDatabase
	if !n.held.hasTable(rm, "oms_version") {
		f.error("upgrade.version", msg.M("the database %s records no release (there is no table oms_version), so its installation is older than 4.1.1, or none", rm),
			msg.M("if it is 4.1.1 or later, create oms_version and record the release as documented; otherwise upgrade to 4.1.1 first"))
	}
	if !n.held.hasTable(rm, "oms_normal_config") {
		return
	}
	text, found, err := ha.Read(ctx, n.db, rm)
	if err != nil {
		f.query(n, err)
		return
	}
	if !found {
		return
	}
	on, err := ha.Enabled(text)
	if err != nil {
		f.warning("upgrade.ha", msg.M("it is unknown whether high availability is on: %v", err),
			msg.M("see to it in the console, and switch high availability off for the upgrade"))
		return
	}
	if on {
		f.error("upgrade.ha", msg.M("high availability is on (ha.config has \"enable\": true)"),
			msg.M("switch it off with omsinit ha off, and on again after the upgrade"), Fact{"ha_config", text})
	}
}
