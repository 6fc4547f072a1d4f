package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"omsinit/internal/msg"
)

// metricsCheck is `omsinit metrics check`.
type metricsCheck struct{ report }

// Run tries the time-series database and prints how far that came; errFindings: it failed.
func (c *metricsCheck) Run(ctx context.Context, a *app) error {
	verdict, err := c.flow().CheckMetrics(ctx)
	return found(c.print(a, err, verdict, plain(verdict.Print)), !verdict.Passed, errFindings)
}

// metricsShow is `omsinit metrics show`.
type metricsShow struct{ report }

// prometheus is a format of this command alone: the figures themselves.
const prometheus = "prometheus"

func (c *metricsShow) flags(t translate) flags { return flags{c.flag(t, prometheus)} }

// Run prints the report, or the figures.
func (c *metricsShow) Run(ctx context.Context, a *app) error {
	if c.Format == prometheus {
		text, err := c.flow().MetricsText(ctx)
		fmt.Fprint(a.stdout, text)
		return err
	}
	report, err := c.flow().Metrics(ctx)
	return c.print(a, err, report, func(w io.Writer, lang msg.Lang) error { return report.Print(w, lang, time.Now()) })
}
