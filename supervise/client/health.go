package client

import (
	"context"
	"fmt"
	"io"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/api"
)

// healthTimeout is how long PID 1 may take to answer a health check.
const healthTimeout = 5 * time.Second

// Health is for Docker's HEALTHCHECK and Kubernetes probes: nil when PID 1
// answers and no essential program is FATAL (live), and, unless liveOnly, the
// initialisation is done and every program that starts by itself is ready.
// The error names everything that is not.
func (c *Client) Health(ctx context.Context, liveOnly bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout,
		msg.Errorf("PID 1 did not answer within %s", healthTimeout.String()))
	defer cancel()
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	var bad []msg.Message
	for _, p := range st.Programs {
		if p.Essential && p.State == api.Fatal.String() {
			bad = append(bad, msg.M("%s is essential and FATAL", p.Name))
		}
	}
	if !liveOnly {
		bad = append(bad, st.NotReady()...)
	}
	if len(bad) == 0 {
		return nil
	}
	text := bad[0]
	for _, m := range bad[1:] {
		text = msg.M("%v; %v", text, m)
	}
	return msg.Errorf("%v", text)
}

// Watch prints the status again and again until the context ends. redraw
// clears a terminal first.
func (c *Client) Watch(ctx context.Context, w io.Writer, lang msg.Lang, every time.Duration, redraw bool) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		st, err := c.Status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if redraw {
			fmt.Fprint(w, "\x1b[H\x1b[2J")
		}
		fmt.Fprintln(w, time.Now().Format(time.TimeOnly))
		if err := st.Print(w, lang, time.Now()); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
