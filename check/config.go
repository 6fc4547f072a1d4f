package check

import (
	"context"
	"errors"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

func configFile(_ context.Context, n *node, f *found) {
	n.replacedFile(f)
	cfg, warnings, err := n.Load()
	for _, w := range warnings {
		f.problem(w)
	}
	if err == nil {
		f.publish = func() { n.cfg = cfg }
		return
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		f.failure("config.file", err, msg.Message{})
		return
	}
	for _, p := range wrong.Findings {
		f.problem(p)
	}
	if wrong.More > 0 {
		f.error(config.FindingID, msg.M("… and %d more problems", wrong.More), msg.Message{})
	}
}

// replacedFile warns of a single-file mount that another file took the place of on the host. It stays with the file
// that existed when the container was made: an editor that writes a new file and renames it, sed -i too, leaves the
// container with the old one, without a word.
func (n *node) replacedFile(f *found) {
	if n.Offline || n.ConfigFile == "-" {
		return
	}
	for _, m := range n.mounts() {
		if m.Mountpoint == n.ConfigFile && strings.HasSuffix(m.Root, "//deleted") {
			f.warning("config.replaced",
				msg.M("%s was replaced on the host by another file, and this container still sees the old one",
					n.ConfigFile),
				msg.M("make the container anew (docker rm, docker run; the mounts keep the data), and edit the file in place from then on: omsinit config set, or an editor that keeps the file"),
				fact("file", n.ConfigFile))
		}
	}
}

// problem adds a finding of config.yaml with its place as facts.
func (f *found) problem(p finding.Finding) {
	at := p.Place
	p.Facts = []finding.Fact{
		fact("file", at.File), fact("line", at.Line), fact("column", at.Column), fact("key", at.Key)}
	if at.Value != "" {
		p.Facts = append(p.Facts, fact("value", at.Value))
	}
	f.add(p)
}
