// Package packs looks at packs with all that knows of them.
package packs

import (
	"slices"

	"omsinit/capture/prove"
	"omsinit/init/component"
	"omsinit/init/metadb"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Node is the node that asks.
type Node interface {
	Config() (*config.Config, error)
	Tell(m msg.Message)
}

// Lint looks for faults of the pack in a folder, the secrets of this node's config.yaml among them, where there is
// one.
func Lint(n Node, dir string) ([]finding.Finding, error) {
	p, err := pack.Open(dir)
	if err != nil {
		return []finding.Finding{{ID: "pack.invalid", Severity: finding.Error,
			Place: finding.Place{File: "pack.yaml"}, Message: msg.M("%v", err)}}, nil
	}
	cfg, err := n.Config()
	if err != nil {
		n.Tell(msg.M("the passwords of the captured installation were not looked for, because its config.yaml (--config) cannot be used: %v", err))
		cfg = nil
	}
	found, err := (&prove.Linter{Pack: p, Config: cfg}).Lint()
	if err != nil {
		return nil, err
	}
	seeds, err := metadb.Seeds(p)
	if err != nil && slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Error }) {
		return found, nil // which may be the same
	}
	if err != nil {
		return append(found, finding.Finding{ID: "pack.schema", Severity: finding.Error,
			Place: finding.Place{File: "schema"}, Message: msg.M("%v", err)}), nil
	}
	return append(found, seeds...), nil
}

// Diff returns how the second pack differs from the first.
func Diff(a, b string) ([]prove.Change, error) {
	x, err := pack.Open(a)
	if err != nil {
		return nil, err
	}
	y, err := pack.Open(b)
	if err != nil {
		return nil, err
	}
	return prove.Diff(x, y, component.Unified)
}
