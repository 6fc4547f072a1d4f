package upgrade

import (
	"fmt"
	"io"
	"strings"

	"omsinit/init/metadb"
	"omsinit/init/upgrade/hosts"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Print writes the plan for a person.
func (p *Plan) Print(w io.Writer, lang msg.Lang) error {
	var b strings.Builder
	line := func(m msg.Message) { fmt.Fprintln(&b, m.In(lang)) }
	if p.Unfinished != nil {
		o := p.Unfinished
		line(msg.M("an upgrade from %s to %s was begun by %s: state %s, stage %s", o.From, o.To, o.Node,
			o.State, o.Stage))
	}
	switch {
	case p.State == PlanCurrent:
		line(msg.M("the MetaDB belongs to OMS %s, which is the release of this image: there is nothing to upgrade",
			p.From))
	case p.From != "" && len(p.Route) > 0:
		line(msg.M("route: %s", strings.Join(append([]string{p.From}, p.Route...), " -> ")))
	case p.From != "":
		line(msg.M("recorded release: %s; release of this image: %s", p.From, p.To))
	}
	if len(p.Databases) > 0 {
		p.details(&b, line)
	}
	for _, o := range p.objections {
		mark := "[FAILED]"
		if o.Severity == finding.Warning {
			mark = "[WARNING]"
		}
		fmt.Fprintf(&b, "%s %s: %s\n", o.Severity.Style().Paint(w, mark), o.ID, o.Message.In(lang))
		if !o.Fix.IsZero() {
			fmt.Fprintf(&b, "  %s\n", o.Fix.In(lang))
		}
	}
	end := func(s style.Style, m msg.Message) { fmt.Fprintln(&b, s.Paint(w, m.In(lang))) }
	switch p.State {
	case PlanReady:
		end(style.OK, msg.M("ready: `omsinit upgrade apply`"))
	case PlanUnfinished:
		line(msg.M("next: `omsinit upgrade apply` to go on, or `omsinit upgrade rollback`"))
	case PlanRefused:
		end(style.Error, msg.M("refused: see above"))
	}
	if len(p.Hosts) > 0 {
		hosts.Print(&b, lang, p.Hosts)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printStatements(b *strings.Builder, list []metadb.Statements) {
	for _, st := range list {
		fmt.Fprintf(b, "  -- %s, %s\n", st.Database, st.File)
		for _, q := range st.SQL {
			fmt.Fprintf(b, "  %s;\n", strings.Join(strings.Fields(q), " "))
		}
	}
}

func (p *Plan) details(b *strings.Builder, line func(msg.Message)) {
	switch {
	case p.HA.Enabled && p.HA.Automatic:
		line(msg.M("high availability is on; it is switched off before, and on again after, with refetchStoreIntervalMin (now %d) above the outage", p.HA.RefetchMinutes))
	case p.HA.Enabled:
		line(msg.M("high availability is on"))
	default:
		line(msg.M("high availability is off"))
	}
	line(msg.M("backed up before anything is changed:"))
	for _, d := range p.Databases {
		line(msg.M("  %s %s: about %d rows, %d MB, dump about %d MB", d.Kind, d.Name, d.Rows, d.Bytes>>20,
			d.DumpBytes>>20))
	}
	fits := msg.M("it fits")
	if !p.Backup.Fits {
		fits = msg.M("it does not fit")
	}
	line(msg.M("  into %s, free %d MB: %v; the newest %d backups are kept", p.Backup.Dir, p.Backup.FreeBytes>>20, fits,
		p.Backup.Keep))
	line(msg.M("schema statements:"))
	printStatements(b, p.Statements)
	if len(p.Statements) == 0 {
		line(msg.M("  none"))
	}
	if len(p.Programs) > 0 {
		line(msg.M("programs that stop on this node: %s; for about %d s, from the stop until they are ready",
			strings.Join(p.Programs, " "), p.EstimatedSeconds))
	} else {
		line(msg.M("no program of this node runs; they start after about %d s", p.EstimatedSeconds))
	}
	if len(p.OtherNodes) > 0 {
		line(msg.M("other nodes: %s; stop the old container on each (docker stop), then start the new image with the same config.yaml, the same mounts and -e IS_UPGRADE=true: they wait, and do their local part", msg.List(p.OtherNodes)))
	}
}
