package upgrade

import (
	"bytes"
	"context"
	"database/sql"
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
	"omsinit/internal/mask"
	"omsinit/internal/msg"
)

// Report is what an upgrade leaves in the log folder, as JSON and as text. It
// only ever grows.
type Report struct {
	Version int `json:"version"` // of this form: 1
	Record
	Server      string              `json:"server"`
	DownSeconds float64             `json:"down_seconds"` // programs of this node
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
	Proof     *backup.Proof     `json:"proof"` // null: it was not restored on trial
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
func (s *Session) writeReport(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r := s.report(ctx)
	var data bytes.Buffer
	base := filepath.Join(s.Layout.LogDir(), fmt.Sprintf("omsinit_upgrade_%d_%s_%s", s.rec.ID, fileName(s.rec.From),
		fileName(s.rec.To)))
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
	return mask.New(mask.Revealed(s.Config.Values()), s.Config.MetaUser).Text(text)
}

// down returns how long the programs of this node have been stopped: since the first attempt that stopped them, not
// since this one, which may have gone on where another was cut.
func (s *Session) down(ctx context.Context) time.Duration {
	if s.stopped.IsZero() {
		return 0
	}
	down := s.now().Sub(s.stopped)
	var seconds sql.NullFloat64
	err := s.db.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(MICROSECOND, MIN(started_at), NOW(3)) / 1e6 FROM "+
		s.j.table("stages")+
		" WHERE upgrade_id = ? AND stage = ? AND node = ?", s.rec.ID, stageStop, s.Node).Scan(&seconds)
	if err == nil && seconds.Valid {
		down = max(down, time.Duration(seconds.Float64*float64(time.Second)))
	}
	return down
}

func (s *Session) report(ctx context.Context) Report {
	if now, err := s.j.newest(ctx); err == nil && now != nil && now.ID == s.rec.ID {
		s.rec.Started, s.rec.Finished = now.Started, now.Finished
	}
	r := Report{Version: 1, Record: *s.rec, Backup: ReportBackup{Path: s.rec.Backup},
		Statements: append([]metadb.Statements{}, s.statements...), Tables: []TableRows{}}
	r.Tool = s.Tool
	r.DownSeconds = s.down(ctx).Seconds()
	r.Stages, _ = s.j.stages(ctx, s.rec.ID)
	_ = s.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&r.Server)
	if s.manifest == nil && s.rec.Backup != "" {
		s.manifest, _ = backup.Read(s.rec.Backup)
	}
	if s.manifest == nil {
		return r
	}
	r.Backup.Bytes, r.Backup.Databases, r.Backup.Proof = s.manifest.Size(), s.manifest.Databases, s.manifest.Proof
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
	if p := r.Backup.Proof; p != nil {
		fmt.Fprintf(&b, "  restored on trial (%s) at %s on MetaDB %s in %.1f s: %d tables, %d rows, %d other objects\n",
			p.Mode, p.At, p.Server, p.Seconds, p.Tables, p.Rows, p.Objects)
	}
	for _, d := range r.Backup.Databases {
		fmt.Fprintf(&b, "  %s %s: %d bytes, %d tables, sha256 %s\n", d.Kind, d.Name, d.Size, len(d.Tables), d.SHA256)
	}
	fmt.Fprintf(&b, "\nstatements\n")
	printStatements(&b, r.Statements)
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
