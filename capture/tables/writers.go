package tables

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/pattern"
)

// Writes is who wrote rows of a table while a capture looked.
type Writes struct {
	Calls  bool // the CM, while it answered a recorded call
	Script bool // the recorded command, between its calls
	Others bool // a component by itself
}

// Watch finds out who writes to the tables. It looks at all rows around each recorded call; where the server's general
// log is on and goes to a table, what is in that decides.
type Watch struct {
	From Live
	// Quiet is how long to look, at least, whether the components write by themselves; 0 is three seconds.
	Quiet time.Duration

	mu     sync.Mutex // held by Before and After, each of which may come late
	call   bool       // is being answered
	ended  bool
	began  time.Time
	log    string // the server's time when this began; empty where there is no log
	rows   map[string][sha256.Size]byte
	writes map[string]Writes
	busy   [][2]float64 // when calls were answered, in the server's time
	failed error
}

// Start looks at the rows for the first time.
func (w *Watch) Start(ctx context.Context) error {
	w.began, w.writes = time.Now(), map[string]Writes{}
	list, err := Texts(ctx, w.From.DB, "SELECT @@GLOBAL.general_log, @@GLOBAL.log_output, NOW(6)")
	if err == nil && list[0][0] == "1" && strings.Contains(list[0][1], "TABLE") { // no log is no fault
		// the account may read it
		if _, err := Texts(ctx, w.From.DB, "SELECT 1 FROM mysql.general_log LIMIT 1"); err == nil {
			w.log = list[0][2]
		}
	}
	w.look(ctx, nil)
	return database.Explain(w.From.Config, w.failed)
}

// Before and After are called around each call. A call that is still being answered at the end counts no more.
func (w *Watch) Before(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.call = true
	if w.log == "" {
		w.look(ctx, func(x *Writes) { x.Script = true })
		return
	}
	w.busy = append(w.busy, [2]float64{w.now(ctx), 0})
}

func (w *Watch) After(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.call = false
	if w.log == "" {
		w.look(ctx, func(x *Writes) { x.Calls = true })
		return
	}
	w.busy[len(w.busy)-1][1] = w.now(ctx)
}

// now is the server's time.
func (w *Watch) now(ctx context.Context) float64 {
	var out float64
	if err := w.From.DB.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP(NOW(6))").Scan(&out); err != nil {
		w.failed = cmp.Or(w.failed, err)
	}
	return out
}

// longestQuiet bounds how long it is looked what the components write by themselves.
const longestQuiet = 20 * time.Second

// End looks whether the components write by themselves, as long as the command took, and returns who wrote to which
// table, by rm.TABLE.
func (w *Watch) End(ctx context.Context) (map[string]Writes, error) {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	ended := 0.0
	if w.log != "" {
		ended = w.now(ctx)
		if w.call {
			w.busy[len(w.busy)-1][1] = ended
		}
		w.look(ctx, nil)
	} else if w.call {
		w.look(ctx, func(x *Writes) { x.Calls = true })
	} else if len(w.writes) > 0 {
		w.look(ctx, func(x *Writes) { x.Script = true })
	}
	quiet := cmp.Or(w.Quiet, 3*time.Second)
	if len(w.writes) > 0 || len(w.busy) > 0 {
		quiet = max(quiet, min(time.Since(w.began), longestQuiet))
	} else {
		quiet -= time.Since(w.began)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(quiet):
	}
	w.look(ctx, func(x *Writes) { x.Others = true })
	if w.log != "" && w.failed == nil {
		w.failed = w.read(ctx, ended)
	}
	return w.writes, database.Explain(w.From.Config, w.failed)
}

// look reads all rows, and marks the tables in which something has changed.
func (w *Watch) look(ctx context.Context, mark func(*Writes)) {
	now := map[string][sha256.Size]byte{}
	for _, role := range config.Roles {
		list, err := Texts(
			ctx, w.From.DB,
			"SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE'",
			w.From.Config.Database(role))
		for _, row := range list {
			var rows Rows
			if rows, _, err = w.From.Rows(ctx, role, row[0]); err != nil {
				break
			}
			data, _ := json.Marshal(rows) // texts can be written
			now[string(role)+"."+row[0]] = sha256.Sum256(data)
		}
		if err != nil {
			w.failed = cmp.Or(w.failed, err)
			return
		}
	}
	for name, sum := range now {
		if before, ok := w.rows[name]; ok && before != sum && mark != nil {
			w.mark(name, mark)
		}
	}
	w.rows = now
}

func (w *Watch) mark(name string, mark func(*Writes)) {
	x := w.writes[name]
	mark(&x)
	w.writes[name] = x
}

// written is a statement that writes to a table.
var (
	written = pattern.New("(?is)(?:^|;)\\s*(?:INSERT|REPLACE|UPDATE)\\s+(?:(?:LOW_PRIORITY|HIGH_PRIORITY|DELAYED|IGNORE|INTO)\\s+)*(?:`?([\\w$-]+)`?\\s*\\.\\s*)?`?([\\w$-]+)`?")
	used    = pattern.New(`(?is)(?:^|;)\s*USE\s+` + "`?([\\w$-]+)`?")
	onto    = pattern.New(` on (\S*)(?: using .*)?$`)
)

// read finds in the log who wrote. A session that was there before the command is a component's; one that was opened
// while a call was answered, or writes then, is the CM's; and what comes later is a component's.
func (w *Watch) read(ctx context.Context, ended float64) error {
	list, err := Texts(ctx, w.From.DB, "SELECT thread_id, command_type, CONVERT(argument USING utf8mb4), UNIX_TIMESTAMP(event_time) FROM mysql.general_log WHERE event_time >= ? AND command_type IN ('Connect', 'Init DB', 'Query', 'Execute') ORDER BY event_time", w.log)
	if err != nil {
		return err
	}
	current, opened := map[string]string{}, map[string]bool{} // of threads
	for _, row := range list {
		thread, text, at := row[0], row[2], 0.0
		if _, err := fmt.Sscan(row[3], &at); err != nil {
			return err
		}
		answering := slices.ContainsFunc(w.busy, func(b [2]float64) bool { return b[0] <= at && at <= b[1] })
		switch row[1] {
		case "Connect":
			opened[thread] = true
			if m := onto().FindStringSubmatch(text); m != nil {
				current[thread] = m[1]
			}
			continue
		case "Init DB":
			current[thread] = text
			continue
		}
		if m := used().FindStringSubmatch(text); m != nil {
			current[thread] = m[1]
		}
		for _, m := range written().FindAllStringSubmatch(text, -1) {
			for _, role := range config.Roles {
				of, name := cmp.Or(m[1], current[thread]), string(role)+"."+m[2]
				if _, there := w.rows[name]; !there || of != "" && of != w.From.Config.Database(role) {
					continue // a session from before has a database that is not known
				}
				w.mark(name, func(x *Writes) {
					switch {
					case answering:
						x.Calls = true
					case at > ended || !opened[thread]:
						x.Others = true
					default:
						x.Script = true
					}
				})
			}
		}
	}
	return nil
}
