package cli

import (
	"context"
	"errors"
	"slices"

	"omsinit/internal/interrupt"
	"omsinit/internal/msg"
)

// fail prints the error of a command; of one that was stopped by a signal it says that, and what is left.
func (a *app) fail(ctx context.Context, err error) {
	var s interrupt.Signal
	stopped := errors.As(context.Cause(ctx), &s)
	bare := stopped && (err == context.Canceled || err == error(s))
	if !printed(err) && !bare {
		a.complain(msg.M("omsinit: %v", err))
	}
	if !stopped || !bare && errors.Is(err, s) {
		return
	}
	for _, l := range leftBehind {
		if !printed(err) && slices.Contains(l.commands, a.running) {
			a.complain(msg.M("omsinit: %v; %v", s, l.what))
			return
		}
	}
	a.complain(msg.M("omsinit: %v", s))
}

// leftBehind is what commands leave when they are stopped. Those that are in no list say it themselves.
var leftBehind = []struct {
	what     msg.Message
	commands []string
}{
	{msg.M("nothing was changed"), []string{
		"check", "plan", "doctor", "support", "status", "cluster show", "cluster check", "ha show", "metadb status",
		"config show", "config new", "config diff", "config history", "upgrade plan", "upgrade verify",
		"upgrade backups",
		"metrics check", "metrics show", "pack list", "pack lint", "pack diff", "pack capture", "pack verify",
	}},
	{msg.M("what was written of the backup is removed"), []string{"metadb backup", "upgrade backup"}},
	{msg.M("an unfinished copy may be left beside the databases: run the same command again, which removes it"),
		[]string{"metadb restore"}},
	{msg.M("PID 1 goes on with what it was asked; see omsinit status"), []string{"start", "stop", "restart"}},
	{msg.M("what is done is kept, and the same command goes on with it"), []string{
		"init", "add_resource", "reconfigure", "upgrade apply", "upgrade rollback", "metadb migrate",
		"cluster remove", "cluster remove-region",
	}},
}
