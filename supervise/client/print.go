package client

import (
	"context"
	"fmt"
	"io"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/style"
	"omsinit/supervise/api"
)

// Operate carries out the operation called start, stop or restart, and prints
// its progress.
func (c *Client) Operate(ctx context.Context, name string, programs []string, timeout time.Duration, w io.Writer,
	lang msg.Lang) error {
	operate, ok := map[string]func(context.Context, []string, OperationOptions, func(api.Event)) error{
		"start": c.Start, "stop": c.Stop, "restart": c.Restart,
	}[name]
	if !ok {
		return fmt.Errorf("unknown operation %q", name)
	}
	return operate(ctx, programs, OperationOptions{Timeout: timeout}, api.Narrate(func(s style.Style, m msg.Message) {
		fmt.Fprintln(w, s.Paint(w, m.In(lang)))
	}))
}

// PrintStatus writes the status for people: how far the setup task is, then a
// line for each program as supervisorctl writes it, with its readiness.
func (c *Client) PrintStatus(ctx context.Context, w io.Writer, lang msg.Lang, now time.Time) error {
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return status.Print(w, lang, now)
}
