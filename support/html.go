package support

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// The page needs no network and no script: it is opened by strangers.
const head = `<!DOCTYPE html>
<html lang="%s"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>%s</title><style>
body{font:14px/1.5 sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em;border-bottom:1px solid #ccc}
pre{background:#f5f5f5;padding:.5em;overflow:auto;white-space:pre-wrap;word-break:break-all}
ol.causes>li{margin:.6em 0;padding-left:.5em;border-left:4px solid #bbb;overflow-wrap:anywhere}
li.error{border-color:#c62828!important}li.warning{border-color:#ef9a1a!important}code{background:#f0f0f0;padding:0 .3em}
.id{color:#888}table{border-collapse:collapse}td,th{padding:.1em .8em .1em 0;text-align:left;vertical-align:top}
svg text{font:11px sans-serif;fill:#444}.none{color:#777;font-style:italic}
</style></head><body>
`

// page is a page while it is written. Every text goes through text, which escapes it.
type page struct {
	strings.Builder
	lang      msg.Lang
	mask      func(string) string
	from, now time.Time
}

func (p *page) text(m msg.Message) string { return p.escape(m.In(p.lang)) }

// escape takes secrets out first: a text that is escaped once more is another spelling of them.
func (p *page) escape(text string) string { return html.EscapeString(p.mask(text)) }

func (p *page) heading(m msg.Message) { fmt.Fprintf(p, "<h2>%s</h2>\n", p.text(m)) }

func (p *page) none(m msg.Message) { fmt.Fprintf(p, "<p class=none>%s</p>\n", p.text(m)) }

// html returns the report as one page.
func (c *collected) html(in Input) []byte {
	p := &page{lang: in.Lang, mask: in.Mask.Text, now: in.Now()}
	p.from = p.now.Add(-in.Since)
	f := c.Facts
	title := p.text(msg.M("OMS node %s, %s", f.Address, p.now.Format(time.DateTime)))
	fmt.Fprintf(p, head, in.Lang, title)
	fmt.Fprintf(p, "<h1>%s</h1>\n<p>%s</p>\n", title,
		p.text(msg.M("OMS %s, omsinit %s, kernel %s; the charts show the last %s", f.Release, f.Build,
			f.Kernel, in.Since)))
	c.causes(p)

	p.heading(msg.M("States of programs"))
	c.states(p)
	p.heading(msg.M("Memory"))
	c.memory(p)
	p.heading(msg.M("Heartbeats"))
	c.heartbeats(p)
	p.heading(msg.M("Everything that was looked at"))
	var text strings.Builder
	_ = c.Diagnosis.Print(&text, in.Lang) // a Builder takes everything
	fmt.Fprintf(p, "<pre>%s</pre>\n</body></html>\n", p.escape(text.String()))
	return []byte(p.String())
}

func (c *collected) causes(p *page) {
	p.heading(msg.M("What may be wrong, the likeliest first"))
	if len(c.Causes) == 0 {
		p.none(msg.M("nothing is wrong that can be seen from here"))
		return
	}
	p.WriteString("<ol class=causes>\n")
	for _, cause := range c.Causes {
		fmt.Fprintf(p, "<li class=%s><b>%s</b> <span class=id>%s</span>", cause.Severity, p.text(cause.Headline()),
			p.escape(cause.ID))
		line := func(m msg.Message) { fmt.Fprintf(p, "<br>%s", p.text(m)) }
		if cause.From > 0 {
			line(msg.M("probably comes of %d", cause.From))
		}
		if !cause.Cause.IsZero() && cause.Severity != finding.Note {
			line(msg.M("cause: %s", cause.Cause))
		}
		if !cause.Fix.IsZero() {
			line(msg.M("fix: %s", cause.Fix))
		}
		if cause.Next != "" {
			line(msg.M("next: %s", cause.Next))
		}
		if cause.Lines != "" {
			fmt.Fprintf(p, "<pre>%s</pre>", p.escape(cause.Log+"\n"+cause.Lines))
		}
		p.WriteString("</li>\n")
	}
	p.WriteString("</ol>\n")
}

// Sizes of a chart.
const (
	chartWidth, chartLeft = 960, 170
	rowHeight             = 22
	plotHeight            = 140
)

// x returns where a time is.
func (p *page) x(at time.Time) float64 {
	share := float64(at.Sub(p.from)) / float64(p.now.Sub(p.from))
	return chartLeft + (chartWidth-chartLeft)*math.Min(1, math.Max(0, share))
}

// axis writes times below a chart.
func (p *page) axis(y int) {
	const ticks = 6
	for i := range ticks + 1 {
		at := p.from.Add(p.now.Sub(p.from) / ticks * time.Duration(i))
		anchor := "middle"
		if i == ticks {
			anchor = "end"
		}
		fmt.Fprintf(
			p, `<line x1="%.1f" x2="%.1f" y1="0" y2="%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="%s">%s</text>`, p.x(at),
			p.x(at), y, p.x(at), y+14, anchor, at.Format("15:04"))
	}
}

func (p *page) svg(height int) {
	fmt.Fprintf(p, `<svg viewBox="0 0 %d %d" role="img" width="100%%">`+"\n", chartWidth, height+20)
	p.axis(height)
}

var colours = map[string]string{ready: "#2e7d32", starting: "#f9a825", down: "#9e9e9e", fatal: "#c62828",
	unknown: "#eceff1"}

// states draws a line for each program.
func (c *collected) states(p *page) {
	all := spans(c.Events, p.from, p.now)
	if c.Facts.Status != nil { // a program that has not changed says nothing in the log
		for _, program := range c.Facts.Status.Programs {
			if _, ok := all[program.Name]; ok {
				continue
			}
			state := map[string]string{"FATAL": fatal, "STARTING": starting, "BACKOFF": starting,
				"RUNNING": starting}[program.State]
			if program.Ready {
				state = ready
			}
			if state == "" {
				state = down
			}
			since := program.Since
			if since.Before(p.from) || since.After(p.now) {
				since = p.from
			}
			all[program.Name] = []span{{p.from, since, unknown}, {since, p.now, state}}
		}
	}
	if len(all) == 0 {
		p.none(msg.M("no history: PID 1's log holds nothing about programs in this time, and PID 1 gives no answer"))
		return
	}
	names := slices.Sorted(maps.Keys(all))
	p.svg(len(names) * rowHeight)
	for row, name := range names {
		fmt.Fprintf(p, `<text x="0" y="%d">%s</text>`, row*rowHeight+15, p.escape(msg.Shorten(name, 24)))
		for _, s := range all[name] {
			fmt.Fprintf(p, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"><title>%s %s–%s</title></rect>`,
				p.x(s.from), row*rowHeight+3, math.Max(0.5, p.x(s.to)-p.x(s.from)), rowHeight-6, colours[s.state],
				s.state, s.from.Format(time.TimeOnly), s.to.Format(time.TimeOnly))
		}
	}
	p.WriteString("</svg>\n<p>")
	for _, state := range []string{ready, starting, down, fatal, unknown} {
		fmt.Fprintf(p, `<span style="border-left:1em solid %s;padding:0 1em 0 .3em">%s</span>`, colours[state], state)
	}
	fmt.Fprintf(p, "<br>%s</p>\n", p.text(msg.M(
		"from omsinit.log and PID 1; unknown where PID 1 was not there, or the log does not go back that far")))
}

// memory draws what the time-series database has, and what processes use now.
func (c *collected) memory(p *page) {
	if m := c.Facts.Memory; m != nil {
		fmt.Fprintf(p, "<p>%s</p>\n", p.text(msg.M("now: %.1f of %.1f GiB (%.0f %%); killed for want of it: %d",
			float64(m.Used)/(1<<30),
			float64(m.Bytes)/(1<<30), m.Percent, m.OOMKills)))
	}
	switch {
	case c.Memory.Err != nil:
		p.none(msg.M("no history: %v", c.Memory.Err))
	case len(c.Memory.Samples) == 0:
		p.none(msg.M("no history: the time-series database has no points of this node in this time"))
	default:
		p.plot(c.Memory.Samples, "GiB", 1<<30, false)
	}
	p.WriteString("<table>\n")
	for _, process := range byMemory(c.Processes)[:min(len(c.Processes), 12)] {
		fmt.Fprintf(p, "<tr><td>%d MiB</td><td>%d</td><td>%s</td></tr>\n", process.Bytes>>20, process.PID,
			p.escape(msg.Shorten(process.Command, 160)))
	}
	p.WriteString("</table>\n")
}

// heartbeats draws how many the heartbeat database got.
func (c *collected) heartbeats(p *page) {
	switch {
	case c.Heartbeats.Err != nil:
		p.none(msg.M("no history: %v", c.Heartbeats.Err))
	case len(c.Heartbeats.Samples) == 0:
		p.none(msg.M("no history: heatbeat_sequence has no rows of this time"))
	default:
		p.plot(c.Heartbeats.Samples, "/min", 1, true)
		fmt.Fprintf(p, "<p>%s</p>\n", p.text(msg.M("rows that this region's CMs wrote into heatbeat_sequence in each minute; which node wrote one is not recorded")))
	}
	if c.Facts.Cluster == nil {
		return
	}
	p.WriteString("<table>\n")
	for _, result := range c.Facts.Cluster.Results {
		for _, fact := range result.Facts {
			if node, ok := strings.CutPrefix(fact.Name, "heartbeat_age_seconds:"); ok {
				fmt.Fprintf(p, "<tr><td>%s</td></tr>\n",
					p.text(msg.M("node %s: the last heartbeat was %v s ago", node, fact.Value)))
			}
		}
	}
	p.WriteString("</table>\n")
}

// plot draws numbers as a line, or as bars of a minute.
func (p *page) plot(samples []Sample, unit string, scale float64, bars bool) {
	most := 0.0
	for _, s := range samples {
		most = math.Max(most, s.Value/scale)
	}
	if most == 0 {
		most = 1
	}
	p.svg(plotHeight)
	y := func(v float64) float64 { return plotHeight - (plotHeight-10)*v/scale/most }
	fmt.Fprintf(p, `<text x="0" y="14">%.3g %s</text><text x="0" y="%d">0</text>`, most, unit, plotHeight)
	if bars {
		width := math.Max(1, p.x(p.from.Add(time.Minute))-p.x(p.from)-0.5)
		for _, s := range samples {
			fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#1565c0"/>`, p.x(s.At),
				y(s.Value), width,
				plotHeight-y(s.Value))
		}
	} else {
		var points []string
		for _, s := range samples {
			points = append(points, fmt.Sprintf("%.1f,%.1f", p.x(s.At), y(s.Value)))
		}
		fmt.Fprintf(p, `<polyline fill="none" stroke="#1565c0" stroke-width="1.5" points="%s"/>`,
			strings.Join(points, " "))
	}
	p.WriteString("</svg>\n")
}
