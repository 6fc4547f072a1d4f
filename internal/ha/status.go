package ha

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// Status is how high availability is set. Its JSON form only ever grows.
type Status struct {
	Version int  `json:"version"`
	Enable  bool `json:"enable"`
	// Found: ha.config is there; else the documented default is shown.
	Found   bool            `json:"found"`
	Config  json.RawMessage `json:"config"`
	Regions []Region        `json:"regions"`
}

// Look reads how high availability is set, and which regions there are. Errors of the server are the driver's (see
// database.Explain).
func Look(ctx context.Context, q database.Queryer, cfg *config.Config) (Status, error) {
	s := Status{Version: 1}
	text, found, err := Read(ctx, q, cfg.RMDatabase)
	if err != nil {
		return s, err
	}
	if s.Found = found; !found {
		text = Default
	}
	if s.Enable, err = Enabled(text); err != nil {
		return s, err
	}
	s.Config = json.RawMessage(text)
	nodes, err := registry.Read(ctx, q, cfg)
	s.Regions = Regions(nodes)
	return s, err
}

// Print writes the status for people.
func (s Status) Print(w io.Writer, lang msg.Lang) {
	fmt.Fprintln(w, switched(s.Enable).In(lang))
	if !s.Found {
		fmt.Fprintln(w, lang.Sprintf("the system parameter ha.config is not there; this is its documented default"))
	}
	fmt.Fprintf(w, "%s\n", s.Config)
	for _, r := range s.Regions {
		fmt.Fprintln(w, lang.Sprintf("region %s (cm_location %d): nodes: %d", r.Name, r.Location, r.Nodes))
	}
}

func switched(on bool) msg.Message {
	if on {
		return msg.M("high availability is on")
	}
	return msg.M("high availability is off")
}

// Refusal returns why switching high availability on is of no use: it moves tasks between the nodes of a region, and
// there are regions with fewer than LeastNodes (docs/oms-facts.md §8). It is the zero value when there are none.
func (s Status) Refusal() msg.Message {
	var small []string
	for _, r := range TooSmall(s.Regions) {
		small = append(small, fmt.Sprintf("%s (cm_location %d)", r.Name, r.Location))
	}
	if len(small) == 0 {
		return msg.Message{}
	}
	return msg.M("high availability moves tasks between the nodes of a region, and these have fewer than %d: %s; add a node there first, or force it with --force", LeastNodes, msg.List(small))
}

// Switched is a Change as people and programs see it. Its JSON form only ever grows.
type Switched struct {
	Version int             `json:"version"`
	Changed bool            `json:"changed"`
	Enable  bool            `json:"enable"`
	Old     json.RawMessage `json:"old"` // null: it was not there
	New     json.RawMessage `json:"new"`
}

// Report returns the change as people and programs see it, when it switches high availability on or off.
func (c Change) Report(on bool) Switched {
	s := Switched{Version: 1, Changed: c.Changed(), Enable: on, New: json.RawMessage(c.New)}
	if c.Found {
		s.Old = json.RawMessage(c.Old)
	}
	return s
}

// Print writes the change for people, with the old value, so that it can be brought back by hand.
func (s Switched) Print(w io.Writer, lang msg.Lang) {
	if !s.Changed {
		fmt.Fprintln(w, lang.Sprintf("%v already; nothing is changed", switched(s.Enable)))
		return
	}
	if s.Old == nil {
		fmt.Fprintln(w, lang.Sprintf(
			"the system parameter ha.config was not there; it is made of its documented default"))
	} else {
		fmt.Fprintln(w, lang.Sprintf("old value: %s", string(s.Old)))
	}
	fmt.Fprintln(w, lang.Sprintf("new value: %s", string(s.New)))
	fmt.Fprintln(w, lang.Sprintf(
		"%v, for all regions. Nothing is to be restarted: it is what the console's own page System Parameters changes", switched(s.Enable)))
}
