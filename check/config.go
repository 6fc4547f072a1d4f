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
	for _, p := range problems.Problems {
		f.problem(p)
	}
	if problems.More > 0 {
		f.error("config.value", msg.M("… and %d more problems", problems.More), msg.Message{})
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

func (f *found) problem(p config.Problem) {
	facts := []finding.Fact{fact("file", p.File), fact("line", p.Line), fact("column", p.Column), fact("key", p.Key)}
	if p.Value != "" {
		facts = append(facts, fact("value", p.Value))
	}
	if p.Severity == config.SeverityError {
		f.error("config.value", p.What(), p.Fix, facts...)
	} else {
		f.warning("config.value", p.What(), p.Fix, facts...)
	}
}
