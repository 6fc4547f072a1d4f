package flow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/init/upgrade"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// BackupSuffix is added to the name of config.yaml for the copy of what was there before it was changed.
const BackupSuffix = ".bak"

// Settings are keys of config.yaml to set.
type Settings struct {
	Values []config.Assignment
	// InitMetaDB creates what a new MetaDB lacks. Without it a MetaDB that is not complete is refused.
	InitMetaDB bool
	// Force writes keys that look like a slip of one that OMS knows.
	Force bool
	// OnlyFile changes config.yaml and nothing else.
	OnlyFile bool
}

// Set changes keys of config.yaml in place, and brings the node to it: the files, the programs that read them and,
// where the keys matter to them, the rows of the MetaDB. Everything that can be checked is checked before the file is
// touched. Errors are those of Init.
func (f *Flow) Set(ctx context.Context, s Settings) error { return f.change(ctx, s, f.edited) }

// Replace brings in a whole new text of config.yaml, which a person has edited, as Set does with single keys. before is
// the text that was edited: when the file has another one by now, nothing is changed.
func (f *Flow) Replace(ctx context.Context, before, text []byte, s Settings) error {
	return f.change(ctx, s, func(old []byte, _ Settings) (config.Edited, error) {
		if !bytes.Equal(old, before) {
			return config.Edited{}, msg.Errorf("%s has changed meanwhile, so nothing was written: run the same command again",
				f.ConfigFile)
		}
		changed, err := config.Compare(f.ConfigFile, old, text)
		return config.Edited{Text: text, Changed: changed}, err
	})
}

// edit makes a new text of config.yaml out of the old one.
type edit func(old []byte, s Settings) (config.Edited, error)

func (f *Flow) change(ctx context.Context, s Settings, edit edit) error {
	if s.OnlyFile {
		f.out = f.Out
		return f.locked(ctx, func(ctx context.Context) error { _, err := f.set(ctx, s, edit); return err })
	}
	return f.run(ctx, func(ctx context.Context) error {
		was := f.Snapshot().Config
		changed, err := f.set(ctx, s, edit)
		if err != nil {
			return err
		}
		steps := stepsFor(changed, s.InitMetaDB)
		if was == nil || slices.Contains(steps, "resource") {
			return f.only(ctx, steps...)
		}
		cfg, err := f.needAddress()
		if err != nil {
			return err
		}
		if sends, err := f.resourceStep(cfg).Sends(was); err != nil {
			return err
		} else if sends {
			return f.only(ctx, append(steps, "resource")...)
		}
		if err := f.only(ctx, steps...); err != nil {
			return err
		}
		_, err = f.resourceStep(cfg).Rows(ctx, was)
		return err
	})
}

// only runs the steps with these names. They are not an initialisation, even where they are all.
func (f *Flow) only(ctx context.Context, names ...string) error {
	phases, err := Steps{Only: names}.phases()
	if err != nil {
		return err
	}
	f.choose(phases)
	return f.steps(ctx, phases)
}

// stepsFor returns the steps that bring a node to changed keys. Regions and nodes are rows of the MetaDB too.
func stepsFor(changed []config.Changed, initMetaDB bool) []string {
	steps := []string{"check", "component", "restart"}
	if initMetaDB {
		steps = append(steps, "metadb")
	}
	registered := func(c config.Changed) bool {
		return strings.HasPrefix(c.Key, "cm_") && c.Key != "cm_server_port" || strings.HasPrefix(c.Key, "oms_meta_") ||
			strings.HasPrefix(c.Key, "drc_") && strings.HasSuffix(c.Key, "_db")
	}
	if initMetaDB || slices.ContainsFunc(changed, registered) {
		steps = append(steps, "resource")
	}
	return steps
}

// edited sets the keys of the settings.
func (f *Flow) edited(text []byte, s Settings) (config.Edited, error) {
	old := f.Snapshot()
	for _, v := range s.Values {
		used := false // whoever has such a key in the file needs it
		if old.Config != nil {
			_, used = old.Config.Extra[v.Key]
		}
		if key := config.Meant(v.Key); key != "" && !s.Force && !used {
			return config.Edited{}, msg.Errorf("OMS knows no key %s, so %s was not changed; did you mean %s? (--force writes it all the same)",
				v.Key, f.ConfigFile, key)
		}
	}
	return config.Edit(f.ConfigFile, text, s.Values)
}

// set changes the file, and returns the keys that have changed.
func (f *Flow) set(ctx context.Context, s Settings, edit edit) ([]config.Changed, error) {
	old := f.Snapshot()
	if old.Text == nil {
		return nil, old.Err
	}
	edited, err := edit(old.Text, s)
	if err != nil {
		return nil, err
	}
	text, changed := edited.Text, edited.Changed
	fresh, warnings, err := config.Parse(f.ConfigFile, text)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		wrong.Findings = edited.Before(wrong.Findings)
	}
	if err != nil {
		return nil, err
	}
	warnings = edited.Before(warnings) // the file is still the one before
	for _, w := range warnings {
		// The others were there before; step 1 tells them.
		if slices.ContainsFunc(changed, func(c config.Changed) bool { return c.Key == w.Place.Key }) {
			f.say(msg.M("%v", w))
		}
	}
	if len(changed) == 0 && bytes.Equal(text, old.Text) {
		f.say(msg.M("%s has these values already", f.ConfigFile))
		return nil, nil
	}
	if !s.OnlyFile {
		if _, err := f.client.Status(ctx); err != nil {
			return nil, msg.Errorf("%w; %s was not changed (--no-apply changes it all the same)", err, f.ConfigFile)
		}
	}
	if err := f.tryConfig(ctx, fresh, warnings); err != nil {
		return nil, err
	}
	if old.Config == nil || !fresh.SameMetaDB(old.Config) {
		if err := f.tryMetaDB(ctx, fresh, s.InitMetaDB); err != nil {
			return nil, err
		}
	}
	if err := f.rewriteConfig(text); err != nil {
		return nil, err
	}
	for _, c := range changed {
		if c.Old == "" {
			f.say(msg.M("%s: %s (new)", c.Key, c.New))
		} else {
			f.say(msg.M("%s: %s -> %s", c.Key, c.Old, c.New))
		}
	}
	f.say(msg.M("%s is changed; what it was is in %s", f.ConfigFile, f.ConfigFile+BackupSuffix))
	return changed, nil
}

// tryConfig runs the checks on a configuration that is not in its place yet.
func (f *Flow) tryConfig(ctx context.Context, cfg *config.Config, warnings []finding.Finding) error {
	in, err := f.checkInput()
	if err != nil {
		return err
	}
	in.Load = func() (*config.Config, []finding.Finding, error) { return cfg, warnings, nil }
	report, _ := check.Run(ctx, in)
	if report.Err() == nil {
		return nil
	}
	f.print(func(w io.Writer) { report.Print(w, f.lang) })
	f.say(msg.M("%s was not changed", f.ConfigFile))
	return report.Err()
}

// tryMetaDB asks a new MetaDB before anything is changed.
func (f *Flow) tryMetaDB(ctx context.Context, cfg *config.Config, create bool) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	db, err := database.Open(cfg, "")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return msg.Errorf("%w; %s was not changed", database.Explain(cfg, err), f.ConfigFile)
	}
	pending, err := f.metadbStep(cfg).Plan(ctx)
	if err != nil {
		return msg.Errorf("%w; %s was not changed", err, f.ConfigFile)
	}
	if !pending.Any() || create {
		// Where there is another release, its upgrade comes first.
		return upgrade.Gate(ctx, cfg, f.pack)
	}
	return msg.Errorf("the MetaDB %s lacks databases or tables of OMS (databases: %d, tables: %d), so %s was not changed; create them with --init-metadb, or put the old ones there first",
		net.JoinHostPort(cfg.MetaHost, strconv.Itoa(cfg.MetaPort)), len(pending.Databases), len(pending.Tables),
		f.ConfigFile)
}

// rewriteConfig puts a new text into config.yaml. What was there is kept beside it and in the history.
func (f *Flow) rewriteConfig(text []byte) error {
	snapshot := f.Snapshot()
	before := snapshot.Text
	if f.Refresh(); f.Snapshot() != snapshot { // the checks take their time
		return msg.Errorf("%s has changed meanwhile, so nothing was written: run the same command again", f.ConfigFile)
	}
	if err := atomicfile.Write(f.ConfigFile+BackupSuffix, before, atomicfile.Options{Mode: 0o600}); err != nil {
		return msg.Errorf("cannot keep a copy of %s, so it was not changed: %w", f.ConfigFile, err)
	}
	old := component.Earlier{Path: component.ConfigPath, Mode: 0o600, Data: before}
	v := component.Version{Time: f.Now(), Reason: "omsinit config", Files: []component.Earlier{old}}
	var err error
	if f.version, err = component.NewHistory(f.Layout).Keep(v); err != nil {
		f.say(msg.M("no earlier version of the changed files is kept: %v", err))
	}
	if err := f.Overwrite(text); err != nil {
		return unwritable(f.ConfigFile, err)
	}
	return nil
}

// unwritable returns what to do about a config.yaml that could not be written.
func unwritable(file string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		return msg.Errorf("cannot write %s: %w; edit the file on the host, then run `omsinit reconfigure`", file, err)
	}
	return msg.Errorf("cannot write %s: %w; what it was is in %s", file, err, file+BackupSuffix)
}
