package check

import (
	"context"
	"errors"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// configFile reads config.yaml.
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
	var problems *config.Error
	if !errors.As(err, &problems) {
		f.error("config.file", msg.M("%v", err), msg.Message{})
		f.findings[len(f.findings)-1].Transient = finding.IsTransient(err)
		return
	}
	for _, p := range problems.Findings {
		f.problem(p)
	}
	if problems.More > 0 {
		f.error(config.FindingID, msg.M("… and %d more problems", problems.More), msg.Message{})
	}
}

// replacedFile: a single-file mount stays with the file that was there when the
// container was made. An editor that writes a new file and renames it, sed -i
// too, leaves the container with the old one, and nobody is told.
func (n *node) replacedFile(f *found) {
	if n.Offline || n.ConfigFile == "-" {
		return
	}
	for line := range strings.Lines(n.kernel("/proc/self/mountinfo")) {
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[4] == n.ConfigFile && strings.HasSuffix(fields[3], "//deleted") {
			f.warning("config.replaced", msg.M("%s was replaced on the host by another file, and this container still sees the old one", n.ConfigFile),
				msg.M("make the container anew (docker rm, docker run; the mounts keep the data), and edit the file in place from then on: omsinit config set, or an editor that keeps the file"),
				fact("file", n.ConfigFile))
		}
	}
}

// problem adds a finding of config.yaml with its place as facts.
func (f *found) problem(p finding.Finding) {
	p.Facts = []finding.Fact{fact("file", p.Place.File), fact("line", p.Place.Line), fact("column", p.Place.Column), fact("key", p.Place.Key)}
	if p.Place.Value != "" {
		p.Facts = append(p.Facts, fact("value", p.Place.Value))
	}
	f.findings = append(f.findings, p)
}
