package metrics

import (
	"fmt"
	"io"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Verdict is what `omsinit metrics check` found. Its JSON form only ever grows.
type Verdict struct {
	Version int  `json:"version"`
	Passed  bool `json:"passed"`
	Enabled bool `json:"enabled"` // tsdb_enabled
	// Applied is what step 3 told the components: on, off or left_out; empty
	// before the first initialisation.
	Applied string        `json:"applied,omitempty"`
	Parts   []VerdictPart `json:"parts"`
	// Advice is what follows for this node; empty when nothing does.
	Advice msg.Text `json:"advice,omitzero"`
}

// VerdictPart is one part of the wiring.
type VerdictPart struct {
	Name    string   `json:"name"`
	Result  string   `json:"result"`
	Message msg.Text `json:"message"`
	Fix     msg.Text `json:"fix,omitzero"`
}

// NewVerdict judges the parts of a wiring with the values of config.yaml.
// applied is what step 3 decided; empty before the first time.
func NewVerdict(cfg *config.Config, applied Applied, parts []Part) Verdict {
	v := Verdict{Version: 1, Passed: true, Enabled: cfg.TSDBEnabled, Applied: applied.State, Parts: []VerdictPart{}}
	for _, p := range parts {
		v.Parts = append(v.Parts, VerdictPart{
			Name: p.Name, Result: p.Result, Message: msg.NewText(p.Message), Fix: msg.NewText(p.Fix),
		})
		v.Passed = v.Passed && p.Result != Failed
	}
	current := applied.State == "" || applied.Fits(cfg) || applied.State == Off && !cfg.TSDBEnabled
	v.Advice = msg.NewText(v.advice(current))
	return v
}

// advice is what follows from the verdict. current: the node runs with the
// values that were tried.
func (v Verdict) advice(current bool) msg.Message {
	switch {
	case !current && !v.Passed:
		return msg.M("these tsdb_* values of config.yaml are not those that this node runs with: nothing has changed for it yet")
	case !current:
		return differs()
	case !v.Enabled:
		return msg.M("tsdb_enabled is false: nothing is reported, and no server was contacted")
	case v.Passed && v.Applied == LeftOut:
		return msg.M("this node goes without the time-series database; `omsinit init` switches it on")
	case !v.Passed && v.Applied == On:
		return msg.M("the components of this node report there: the agent restarts for ever while this lasts; `omsinit init --tsdb-optional` leaves the time-series database out")
	}
	return msg.Message{}
}

// Print writes the verdict for people.
func (v Verdict) Print(w io.Writer, lang msg.Lang) {
	marks := map[string]msg.Message{
		Done: msg.M("[PASSED]"), Created: msg.M("[CREATED]"), Missing: msg.M("[MISSING]"), Skipped: msg.M("[SKIPPED]"),
		Failed: msg.M("[FAILED]"),
	}
	styles := map[string]style.Style{
		Done: style.OK, Created: style.OK, Missing: style.Warning, Skipped: style.Dim, Failed: style.Error,
	}
	for _, p := range v.Parts {
		fmt.Fprintln(w, styles[p.Result].Paint(w, marks[p.Result].In(lang)), p.Message.In(lang))
		if !p.Fix.IsZero() {
			fmt.Fprintln(w, lang.Sprintf("    fix: %s", p.Fix))
		}
	}
	if !v.Advice.IsZero() {
		fmt.Fprintln(w, v.Advice.In(lang))
	}
}
