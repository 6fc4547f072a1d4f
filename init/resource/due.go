package resource

import (
	"encoding/json"
	"fmt"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// Due reports whether step 5 would tell the CM other things, or register other nodes and regions, than when it ended
// last on this node, or it is not known what it did then; and whether its rows of the pack are others. config.yaml may
// have been changed by hand.
func (s *Step) Due() (tells, writes bool, err error) {
	record := loadSettings(s.Layout.SettingsRecord())
	now, err := s.registers(record)
	return record.Told != now.Told, record.Written != now.Written, err
}

// remembered remembers, and says where it cannot: then the next reconfigure runs step 5 once more.
func (s *Step) remembered(told bool) {
	if err := s.remember(told); err != nil {
		s.log(msg.M("warning: %v", err))
	}
}

// remember notes what step 5 has told, where it did, and written.
func (s *Step) remember(told bool) error {
	name := s.Layout.SettingsRecord()
	record := loadSettings(name)
	now, err := s.registers(record)
	if err != nil {
		return err
	}
	if !told {
		now.Told = record.Told
	}
	if now == record.registered {
		return nil
	}
	record.registered = now
	return record.write(name)
}

// registered are digests of what step 5 depends on: of all but the rows of the pack, and of those.
type registered struct {
	Told    string `json:"told,omitempty"`
	Written string `json:"written,omitempty"`
}

// registers is what this configuration makes of it.
func (s *Step) registers(record settingsRecord) (out registered, err error) {
	c := *s.Config
	c.CMPort = 0 // as in Sends
	told := struct {
		Region   any
		Nodes    []string
		Servers  []any
		Requests []pack.Request
		Script   map[string]string // what it reads
	}{Region: want(s.Config, s.HostIP).Region, Nodes: append([]string{s.HostIP}, s.Config.CMNodes...),
		Servers: []any{c.MetaHost, c.MetaPort, c.RMDatabase, c.CMDatabase, c.HeartbeatDatabase}}
	for _, call := range s.Pack.Calls {
		request, err := s.Pack.Request(call, pack.Data{Config: &c, HostIP: s.HostIP})
		if err != nil {
			return out, err
		}
		told.Requests = append(told.Requests, request)
	}
	if s.Pack.Script != nil {
		told.Script = map[string]string{"": s.Pack.Script.Command}
		for key, v := range c.Values() {
			if secret, ok := v.(config.Secret); ok {
				v = secret.Reveal()
			}
			told.Script[key] = fmt.Sprint(v)
		}
	}
	written := []map[string]string{}
	rows, err := s.filled(false)
	if err != nil {
		return out, err
	}
	for _, row := range rows {
		written = append(written, row.Values)
	}
	texts := make([]string, 2)
	for i, what := range []any{told, written} {
		text, err := json.Marshal(what)
		if err != nil {
			return out, err
		}
		texts[i] = record.digest(string(text))
	}
	return registered{texts[0], texts[1]}, nil
}
