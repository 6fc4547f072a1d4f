package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"omsinit/init/metadb"
	"omsinit/init/metadb/backup"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Report is what an upgrade leaves in the log folder, as JSON and as text. It
// only ever grows.
type Report struct {
	Version     int                 `json:"version"` // of this form: 1
	From        string              `json:"from"`
	To          string              `json:"to"`
	State       State               `json:"state"`
	Node        string              `json:"node"`
	Tool        string              `json:"tool"`
	Server      string              `json:"server"`
	Started     string              `json:"started"` // times of the server
	Finished    string              `json:"finished,omitempty"`
	OutageSince string              `json:"outage_since"`
	DownSeconds float64             `json:"down_seconds"` // programs of this node
	Error       string              `json:"error,omitempty"`
	Backup      ReportBackup        `json:"backup"`
	Stages      []StageTime         `json:"stages"`
	Statements  []metadb.Statements `json:"statements"`
	Tables      []TableRows         `json:"tables"`
}

// ReportBackup is the backup from before.
type ReportBackup struct {
	Path      string            `json:"path"`
	Bytes     int64             `json:"bytes"`
	Databases []backup.Database `json:"databases"`
}

// TableRows compares a table before and after. After is -1 where there is none
// any more.
type TableRows struct {
	Database string `json:"database"`
	Table    string `json:"table"`
	Before   int64  `json:"before"`
	After    int64  `json:"after"`
}

// writeReport writes what is known, and gives the path of the text; nothing
// fails because of it.
func (s *Session) writeReport(ctx context.Context, failure error) string {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r := s.report(ctx, failure)
	var data bytes.Buffer
	base := filepath.Join(s.Layout.LogDir(), fmt.Sprintf("omsinit_upgrade_%d_%s_%s", s.rec.ID, fileName(s.rec.From), fileName(s.rec.To)))
	// A run that went on knows the statements that were left to it only.
	var earlier Report
	if text, err := os.ReadFile(base + ".json"); err == nil && json.Unmarshal(text, &earlier) == nil &&
		len(earlier.Statements) > len(r.Statements) {
		r.Statements = earlier.Statements
	}
	if s.rec.State == RolledBack {
		base += "_rollback"
	}
	err := writeJSON(&data, r)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(base), 0o755)
	}
	for suffix, text := range map[string]string{".json": data.String(), ".txt": r.text()} {
		if err == nil {
			err = atomicfile.Write(base+suffix, []byte(s.masked(text)), atomicfile.Options{Mode: 0o640})
		}
	}
	if err != nil {
		s.log(msg.M("warning: cannot write the report %s: %v", base+".txt", err))
		return ""
	}
	return base + ".txt"
}

// masked hides the secrets of config.yaml, should a server's answer hold one.
func (s *Session) masked(text string) string {
	for _, v := range s.Config.Values() {
		if secret, ok := v.(config.Secret); ok && len(secret.Reveal()) > 2 {
			text = strings.ReplaceAll(text, secret.Reveal(), config.Masked)
		}
	}
	return text
}

func (s *Session) report(ctx context.Context, failure error) Report {
	if now, err := s.j.newest(ctx); err == nil && now != nil && now.ID == s.rec.ID {
		s.rec.Started, s.rec.Finished = now.Started, now.Finished
	}
	r := Report{Version: 1, From: s.rec.From, To: s.rec.To, State: s.rec.State, Node: s.rec.Node, Tool: s.Tool,
		Started: s.rec.Started, Finished: s.rec.Finished,
		OutageSince: s.rec.OutageSince, Backup: ReportBackup{Path: s.rec.Backup},
		Statements: s.statements, Tables: []TableRows{}}
	if failure != nil {
		r.Error = failure.Error()
	}
	if r.Statements == nil {
		r.Statements = []metadb.Statements{}
	}
	if !s.stopped.IsZero() {
		r.DownSeconds = s.now().Sub(s.stopped).Seconds()
	}
	r.Stages, _ = s.j.stages(ctx, s.rec.ID)
	_ = s.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&r.Server)
	if s.manifest == nil && s.rec.Backup != "" {
		s.manifest, _ = backup.Read(s.rec.Backup)
	}
	if s.manifest == nil {
		return r
	}
	r.Backup.Bytes, r.Backup.Databases = size(s.manifest), s.manifest.Databases
	for _, d := range s.manifest.Databases {
		for _, t := range d.Tables {
			after, err := s.count(ctx, d.Name, t.Name)
			if err != nil {
				after = -1
			}
			r.Tables = append(r.Tables, TableRows{d.Name, t.Name, t.Rows, after})
		}
	}
	return r
}

// text is the report for a person. It is in English, like the logs.
func (r Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "upgrade %s -> %s: %s\nnode %s, omsinit %s, MetaDB %s\nstarted %s, finished %s, OMS away since %s, programs of this node down for %.0f s\n",
		r.From, r.To, r.State, r.Node, r.Tool, r.Server, r.Started, r.Finished, r.OutageSince, r.DownSeconds)
	if r.Error != "" {
		fmt.Fprintf(&b, "error: %s\n", r.Error)
	}
	fmt.Fprintf(&b, "\nstages\n")
	for _, s := range r.Stages {
		fmt.Fprintf(&b, "  %-11s %s  %8.1f s  %s  %s\n", s.Stage, s.Started, s.Seconds, s.Node, s.Error)
	}
	fmt.Fprintf(&b, "\nbackup %s, %d bytes\n", r.Backup.Path, r.Backup.Bytes)
	for _, d := range r.Backup.Databases {
		fmt.Fprintf(&b, "  %s %s: %d bytes, %d tables, sha256 %s\n", d.Kind, d.Name, d.Size, len(d.Tables), d.SHA256)
	}
	fmt.Fprintf(&b, "\nstatements\n")
	for _, st := range r.Statements {
		fmt.Fprintf(&b, "  -- %s, %s\n", st.Database, st.File)
		for _, q := range st.SQL {
			fmt.Fprintf(&b, "  %s;\n", strings.Join(strings.Fields(q), " "))
		}
	}
	fmt.Fprintf(&b, "\nrows before and after (-1: no such table any more)\n")
	for _, t := range r.Tables {
		note := ""
		if t.Before != t.After {
			note = "  *"
		}
		fmt.Fprintf(&b, "  %s.%s %d %d%s\n", t.Database, t.Table, t.Before, t.After, note)
	}
	return b.String()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
