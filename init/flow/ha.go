package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/ha"
	"omsinit/internal/msg"
	"omsinit/internal/registry"
)

// HAStatus is how high availability is set. Its JSON form only ever grows.
type HAStatus struct {
	Version int  `json:"version"`
	Enable  bool `json:"enable"`
	// Found: ha.config is there; else the documented default is shown.
	Found   bool            `json:"found"`
	Config  json.RawMessage `json:"config"`
	Regions []ha.Region     `json:"regions"`
}

// HA reads how high availability is set.
func (f *Flow) HA(ctx context.Context) (HAStatus, error) {
	status := HAStatus{Version: 1}
	cfg, err := f.Config()
	if err != nil {
		return status, err
	}
	db, err := database.Open(cfg, "")
	if err != nil {
		return status, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	err = status.read(ctx, db, cfg)
	return status, database.Explain(cfg, err)
}

func (s *HAStatus) read(ctx context.Context, q database.Queryer, cfg *config.Config) error {
	text, found, err := ha.Read(ctx, q, cfg.RMDatabase)
	if err != nil {
		return err
	}
	if s.Found = found; !found {
		text = ha.Default
	}
	if s.Enable, err = ha.Enabled(text); err != nil {
		return err
	}
	s.Config = json.RawMessage(text)
	nodes, err := registry.Read(ctx, q, cfg)
	s.Regions = ha.Regions(nodes)
	return err
}

// Print writes the status for people.
func (s HAStatus) Print(w io.Writer, lang msg.Lang) {
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

// HAChange is what SwitchHA did. Its JSON form only ever grows.
type HAChange struct {
	Version int             `json:"version"`
	Changed bool            `json:"changed"`
	Enable  bool            `json:"enable"`
	Old     json.RawMessage `json:"old"` // null: it was not there
	New     json.RawMessage `json:"new"`
}

// SwitchHA sets the field enable of ha.config, under the lock of the MetaDB. To switch it on with a region of one node
// is refused with a *RefusedError unless it is forced: no task of that region could move (docs/oms-facts.md §8).
func (f *Flow) SwitchHA(ctx context.Context, on, force bool) (HAChange, error) {
	change := HAChange{Version: 1, Enable: on}
	cfg, err := f.Config()
	if err != nil {
		return change, err
	}
	db, err := database.Open(cfg, "", database.As(f.Address(cfg)))
	if err != nil {
		return change, err
	}
	defer db.Close()
	waiting := func(h database.Holder) {
		f.say(msg.M("waiting for another node that works on the MetaDB: %v", h.Message()))
	}
	o := database.LockOptions{Timeout: f.LockTimeout, Lease: true, Node: f.Address(cfg), Waiting: waiting}
	lock, err := database.Acquire(ctx, cfg, db, o)
	if err != nil {
		return change, err
	}
	defer lock.Release()
	before := HAStatus{}
	if err := before.read(ctx, lock.Conn(), cfg); err != nil {
		return change, database.Explain(cfg, err)
	}
	if small := ha.TooSmall(before.Regions); on && !before.Enable && !force && len(small) > 0 {
		return change, &RefusedError{msg.M("high availability moves tasks between the nodes of a region, and these have fewer than %d: %s; add a node there first, or force it with --force", ha.LeastNodes, regionNames(small))}
	}
	done, err := ha.Switch(ctx, lock.Conn(), cfg.RMDatabase, on)
	if err != nil {
		return change, database.Explain(cfg, err)
	}
	change.Changed, change.New = done.Changed(), json.RawMessage(done.New)
	if done.Found {
		change.Old = json.RawMessage(done.Old)
	}
	return change, nil
}

func regionNames(regions []ha.Region) string {
	var list []string
	for _, r := range regions {
		list = append(list, fmt.Sprintf("%s (cm_location %d)", r.Name, r.Location))
	}
	return strings.Join(list, ", ")
}

// Print writes the change for people, with the old value, so that it can be
// brought back by hand.
func (c HAChange) Print(w io.Writer, lang msg.Lang) {
	if !c.Changed {
		fmt.Fprintln(w, lang.Sprintf("%v already; nothing is changed", switched(c.Enable)))
		return
	}
	if c.Old == nil {
		fmt.Fprintln(w, lang.Sprintf("the system parameter ha.config was not there; it is made of its documented default"))
	} else {
		fmt.Fprintln(w, lang.Sprintf("old value: %s", string(c.Old)))
	}
	fmt.Fprintln(w, lang.Sprintf("new value: %s", string(c.New)))
	fmt.Fprintln(w, lang.Sprintf("%v, for all regions. Nothing is to be restarted: it is what the console's own page System Parameters changes", switched(c.Enable)))
}
