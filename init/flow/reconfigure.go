package flow

import (
	"context"
	"strings"

	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Reconfigure brings the files of an initialised node to what config.yaml says,
// restarts the programs that read a changed one, and waits until they are
// ready: the steps check, component and restart.
func Reconfigure(ctx context.Context, o Options) error {
	o.Only, o.Skip = []string{"check", "component", "restart"}, nil
	return Run(ctx, o)
}

// componentStep is step 3 of this run.
func (r *run) componentStep(cfg *config.Config) *component.Step {
	return &component.Step{
		Config: cfg, Pack: r.pack, Layout: r.Layout, HostIP: cfg.NodeAddress(r.HostIP), Log: r.say,
		Prefer: r.Prefer, Now: r.Now, Reason: r.reason(),
	}
}

// reason is what history says about this run.
func (r *run) reason() string {
	if len(r.Only) > 0 {
		return "omsinit init --only " + strings.Join(r.Only, ",")
	}
	return "omsinit init"
}

// edits says what people wrote into files, and what became of it.
func edits(result component.Result) []msg.Message {
	var out []msg.Message
	for _, k := range result.Kept {
		if len(k.Keys) == 0 {
			out = append(out, msg.M("kept as it was edited by hand: %s (delete it to have it made anew)", k.Path))
			continue
		}
		out = append(out, msg.M("kept as edited by hand in %s: %s", k.Path, strings.Join(k.Keys, ", ")))
	}
	for _, path := range result.Saved {
		out = append(out, msg.M("%s was edited by hand; it is made anew, and the edited file is %s", path, path+component.SavedSuffix))
	}
	return out
}

// indented sets a diff off from what is said around it.
func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ")
}
