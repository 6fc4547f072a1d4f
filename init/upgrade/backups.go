package upgrade

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"omsinit/init/metadb/backup"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Backup is one folder of the backups on this node.
type Backup struct {
	Name     string   `json:"name"`
	Path     string   `json:"path"`
	Created  string   `json:"created,omitempty"` // RFC 3339
	Releases []string `json:"releases"`
	Bytes    int64    `json:"bytes"`
	Complete bool     `json:"complete"` // it has a manifest
	// InUse reports whether an upgrade may still go back to it: it is never removed.
	InUse bool `json:"in_use"`
}

// BackupList is the backups on this node. Its JSON form only ever grows.
type BackupList struct {
	Version int      `json:"version"` // of this form: 1
	Backups []Backup `json:"backups"`
}

// created is the time as such: containers may differ in their time zones.
func (b Backup) created() time.Time {
	t, _ := time.Parse(time.RFC3339, b.Created)
	return t
}

// Backups lists the backups on this node, the newest first. Which of them are
// in use is known only to the MetaDB; the error says that it cannot be asked.
func (u *Upgrade) Backups(ctx context.Context) (BackupList, error) {
	out := BackupList{Version: 1, Backups: []Backup{}}
	entries, err := os.ReadDir(u.Layout.BackupDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, msg.Errorf("cannot read the backup: %w", err)
	}
	used, err := u.inUse(ctx)
	for _, e := range slices.Backward(entries) {
		if !e.IsDir() {
			continue
		}
		path := filepath.Join(u.Layout.BackupDir(), e.Name())
		b := Backup{Name: e.Name(), Path: path, Releases: []string{}, InUse: path == used}
		var m backup.Manifest
		if data, err := os.ReadFile(filepath.Join(path, backup.ManifestFile)); err == nil &&
			json.Unmarshal(data, &m) == nil {
			b.Complete, b.Created, b.Releases, b.Bytes = true, m.Created, append(b.Releases, m.Releases...), m.Size()
		}
		out.Backups = append(out.Backups, b)
	}
	sort.SliceStable(out.Backups, func(i, j int) bool {
		a, b := out.Backups[i], out.Backups[j]
		return cmp.Or(b.created().Compare(a.created()), strings.Compare(b.Name, a.Name)) < 0
	})
	return out, err
}

// inUse is the backup of the last upgrade, as long as there is a way back to it.
func (u *Upgrade) inUse(ctx context.Context) (string, error) {
	db, err := u.open()
	if err != nil {
		return "", err
	}
	defer db.Close()
	r, err := (&journal{db: db, c: u.Config}).lastChange(ctx)
	if err != nil || r == nil || r.State == RolledBack || r.State == Restored {
		return "", err
	}
	return r.Backup, nil
}

// TakeBackup takes a backup, by default beside the others, and removes old ones.
// It returns the folder.
func (u *Upgrade) TakeBackup(ctx context.Context, dir string) (string, *backup.Manifest, error) {
	if dir == "" {
		dir = filepath.Join(u.Layout.BackupDir(), backupPrefix+u.now().Format(backupStamp))
	}
	m, err := u.job(dir).Backup(ctx)
	if err != nil {
		return "", nil, err
	}
	u.prune(ctx, dir)
	return dir, m, nil
}

// prune removes the oldest backups beyond Keep that upgrades took, except the
// new one and the one in use. It holds the lock of the MetaDB, as a restore
// does, so that none is removed that is just being read. When it is not known
// what is in use nothing is removed. What goes wrong is a warning.
func (u *Upgrade) prune(ctx context.Context, fresh string) {
	db, err := u.open()
	if err != nil {
		u.warn(err)
		return
	}
	defer db.Close()
	_ = db.PingContext(ctx) // a slow login is no wait for the lock, which has the words for a MetaDB that is away
	lock, ctx, err := database.Hold(ctx, u.Config, db, database.LockOptions{Timeout: 5 * time.Second, Node: u.Node})
	if err != nil {
		u.warn(msg.Errorf("no old backup is removed: %w", err))
		return
	}
	defer lock.Release()
	list, err := u.Backups(ctx)
	if err != nil {
		u.warn(msg.Errorf("no old backup is removed: %w", err))
		return
	}
	kept := 0
	for _, b := range list.Backups {
		if !strings.HasPrefix(b.Name, backupPrefix) {
			continue
		}
		if b.Complete {
			kept++
		}
		if b.InUse || b.Path == fresh || b.Complete && kept <= u.keep() || !b.Complete && u.youngDir(b.Path) {
			continue
		}
		// Without its manifest it is none, should the rest be cut.
		err := os.RemoveAll(filepath.Join(b.Path, backup.ManifestFile))
		if err == nil {
			err = os.RemoveAll(b.Path)
		}
		if err != nil {
			u.warn(msg.Errorf("cannot remove the old backup %s: %w", b.Path, err))
			return
		}
		u.log(msg.M("old backup removed: %s", b.Path))
	}
}

// youngDir: what has no manifest may be on its way.
func (u *Upgrade) youngDir(path string) bool {
	info, err := os.Stat(path)
	return err != nil || u.now().Sub(info.ModTime()) < 24*time.Hour
}

// Verify reads a backup, by its name or its path, and compares its files with
// the manifest. Deeply it reads the dumps into databases beside the real ones,
// too, and compares the rows.
func (u *Upgrade) Verify(ctx context.Context, name string, deep bool) (*backup.Manifest, error) {
	path := u.backupPath(name)
	if deep {
		if _, err := u.job(path).Prove(ctx, backup.Full, backup.Limits{}); err != nil {
			return nil, err
		}
	}
	return backup.Read(path)
}

// backupPath finds a backup: a name among ours, or a path.
func (u *Upgrade) backupPath(name string) string {
	if !strings.Contains(name, "/") {
		if path := filepath.Join(u.Layout.BackupDir(), name); exists(path) {
			return path
		}
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Print writes the list for a person.
func (l BackupList) Print(w io.Writer, lang msg.Lang) error {
	if len(l.Backups) == 0 {
		_, err := fmt.Fprintln(w, lang.Sprintf("there are no backups on this node"))
		return err
	}
	var rows [][]string
	for _, b := range l.Backups {
		state := ""
		switch {
		case !b.Complete:
			state = style.Warning.Paint(w, lang.Sprintf("unfinished"))
		case b.InUse:
			state = lang.Sprintf("in use: the way back of the last upgrade")
		}
		size := fmt.Sprintf("%d MB", b.Bytes>>20)
		rows = append(rows, []string{b.Name, strings.Join(b.Releases, ","), size, b.Created, state})
	}
	return msg.PrintColumns(w, rows)
}
