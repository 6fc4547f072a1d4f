package flow

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"omsinit/check"
	"omsinit/init/component"
	"omsinit/init/metadb"
	"omsinit/init/upgrade"
	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/database"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// BackupSuffix is added to the name of config.yaml for the copy of what was
// there before it was changed.
const BackupSuffix = ".bak"

// Settings are keys of config.yaml to set.
type Settings struct {
	Values []config.Assignment
	// InitMetaDB creates what a new MetaDB lacks. Without it a MetaDB that is
	// not complete is refused.
	InitMetaDB bool
	// OnlyFile changes config.yaml and nothing else.
	OnlyFile bool
}

// Set changes keys of config.yaml in place, and brings the node to it: the
// files, the programs that read them and, where the keys matter to them, the
// rows of the MetaDB. Everything that can be checked is checked before the file
// is touched.
func Set(ctx context.Context, o Options, set Settings) error {
	o.setDefaults()
	o.before = func(ctx context.Context, r *run) error { return r.set(ctx, set) }
	if !set.OnlyFile {
		o.Only = []string{"check", "component", "restart"}
		return Run(ctx, o)
	}
	r := &run{Options: o, output: &output{lang: o.Lang, out: o.Out, errOut: o.Err}, client: Client(o.Layout)}
	var err error
	if r.pack, err = pack.Open(o.PackDir); err != nil {
		return err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return r.set(ctx, set)
}

func (r *run) set(ctx context.Context, set Settings) error {
	old, _, err := config.Load(r.ConfigFile)
	var wrong *config.Error
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	data, err := os.ReadFile(r.ConfigFile)
	if err != nil {
		return msg.Errorf("cannot read %s: %w", r.ConfigFile, err)
	}
	edited, changed, err := config.Edit(r.ConfigFile, data, set.Values)
	if err != nil {
		return err
	}
	fresh, warnings, err := config.Parse(r.ConfigFile, edited)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		// The others were there before; step 1 tells them.
		if slices.ContainsFunc(changed, func(c config.Changed) bool { return c.Key == w.Place.Key }) {
			r.say(msg.M("%v", w))
		}
	}
	if len(changed) == 0 {
		r.say(msg.M("%s has these values already", r.ConfigFile))
	} else if err := r.apply(ctx, set, old, fresh, data, edited, changed); err != nil {
		return err
	}
	r.config = nil
	r.Only = stepsFor(changed, set)
	return nil
}

// apply checks what is new, and then writes it.
func (r *run) apply(ctx context.Context, set Settings, old, fresh *config.Config, data, edited []byte, changed []config.Changed) error {
	if !set.OnlyFile {
		if _, err := r.client.Status(ctx); err != nil {
			return msg.Errorf("%w; %s was not changed (--no-apply changes it all the same)", err, r.ConfigFile)
		}
	}
	if err := r.tryConfig(ctx, edited); err != nil {
		return err
	}
	if old == nil || metaDBMoved(old, fresh) {
		if err := r.tryMetaDB(ctx, fresh, set.InitMetaDB); err != nil {
			return err
		}
	}
	if err := r.rewriteConfig(data, edited); err != nil {
		return err
	}
	for _, c := range changed {
		if c.Old == "" {
			r.say(msg.M("%s: %s (new)", c.Key, c.New))
		} else {
			r.say(msg.M("%s: %s -> %s", c.Key, c.Old, c.New))
		}
	}
	r.say(msg.M("%s is changed; what it was is in %s", r.ConfigFile, r.ConfigFile+BackupSuffix))
	return nil
}

// CMURLToFollow says what cm_url would become if it followed the port of the CM
// that is to be set. to is empty when there is nothing to ask: the port stays,
// cm_url is set too, or it names a VIP with a port of its own.
func CMURLToFollow(o Options, values []config.Assignment) (from, to string, singleNode bool, err error) {
	if slices.ContainsFunc(values, func(s config.Assignment) bool { return s.Key == "cm_url" }) {
		return "", "", false, nil
	}
	port := slices.IndexFunc(values, func(s config.Assignment) bool { return s.Key == "cm_server_port" })
	if port < 0 {
		return "", "", false, nil
	}
	cfg, _, err := config.Load(o.ConfigFile)
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return "", "", false, nil // the setting may be what corrects it
	}
	if err != nil {
		return "", "", false, err
	}
	u, err := url.Parse(cfg.CMURL)
	next := values[port].Value.Reveal()
	if err != nil || u.Port() != strconv.Itoa(cfg.CMPort) || next == u.Port() {
		return "", "", false, nil
	}
	u.Host = net.JoinHostPort(u.Hostname(), next)
	return cfg.CMURL, u.String(), len(cfg.CMNodes) == 1, nil
}

// tryConfig runs the checks on a file that is not in its place yet.
func (r *run) tryConfig(ctx context.Context, edited []byte) error {
	dir, err := r.stateFolder("candidate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, err := r.checkInput()
	if err != nil {
		return err
	}
	in.ConfigFile = filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(in.ConfigFile, edited, 0o600); err != nil {
		return msg.Errorf("cannot write %s: %w", in.ConfigFile, err)
	}
	report, _ := check.Run(ctx, in)
	if report.Err() == nil {
		return nil
	}
	report.Print(r, r.lang)
	r.say(msg.M("%s was not changed", r.ConfigFile))
	return report.Err()
}

// stateFolder makes an empty folder that nobody else can enter.
func (r *run) stateFolder(name string) (string, error) {
	dir := filepath.Join(r.Layout.StateDir(), name)
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(dir), 0o755)
	}
	if err == nil {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		return "", msg.Errorf("cannot create %s: %w", dir, err)
	}
	return dir, nil
}

// tryMetaDB asks a new MetaDB before anything is changed.
func (r *run) tryMetaDB(ctx context.Context, cfg *config.Config, create bool) error {
	ctx, cancel := context.WithTimeout(ctx, planTime)
	defer cancel()
	db, err := database.Open(cfg, "")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return msg.Errorf("%w; %s was not changed", database.Explain(cfg, err), r.ConfigFile)
	}
	pending, err := (&metadb.Step{Config: cfg, Pack: r.pack, Node: cfg.NodeAddress(r.HostIP)}).Plan(ctx)
	if err != nil {
		return msg.Errorf("%w; %s was not changed", err, r.ConfigFile)
	}
	if !pending.Any() || create {
		// Where there is another release, its upgrade comes first.
		return upgrade.Gate(ctx, cfg, r.pack)
	}
	return msg.Errorf("the MetaDB %s lacks databases or tables of OMS (databases: %d, tables: %d), so %s was not changed; create them with --init-metadb, or put the old ones there first",
		net.JoinHostPort(cfg.MetaHost, strconv.Itoa(cfg.MetaPort)), len(pending.Databases), len(pending.Tables), r.ConfigFile)
}

func metaDBMoved(a, b *config.Config) bool {
	return a.MetaHost != b.MetaHost || a.MetaPort != b.MetaPort || a.MetaUser != b.MetaUser || a.MetaPassword != b.MetaPassword ||
		a.RMDatabase != b.RMDatabase || a.CMDatabase != b.CMDatabase || a.HeartbeatDatabase != b.HeartbeatDatabase
}

// rewriteConfig puts new contents into config.yaml, which is mounted on its own
// and cannot be replaced. What was there is kept beside it and in the history.
func (r *run) rewriteConfig(before, after []byte) error {
	backup := r.ConfigFile + BackupSuffix
	if err := atomicfile.Write(backup, before, atomicfile.Options{Mode: 0o600}); err != nil {
		return msg.Errorf("cannot keep a copy of %s, so it was not changed: %w", r.ConfigFile, err)
	}
	v := component.Version{Time: r.Now(), Reason: "omsinit config", Files: []component.Earlier{{Path: component.ConfigPath, Mode: 0o600, Data: before}}}
	if err := component.NewHistory(r.Layout).Keep(v); err != nil {
		r.say(msg.M("no earlier version of the changed files is kept: %v", err))
	}
	if err := atomicfile.Overwrite(r.ConfigFile, after); err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
			return msg.Errorf("cannot write %s: %w; edit the file on the host, then run `omsinit reconfigure`", r.ConfigFile, err)
		}
		return msg.Errorf("cannot write %s: %w; what it was is in %s", r.ConfigFile, err, backup)
	}
	return nil
}

// stepsFor are the steps that bring a node to changed keys. Regions and nodes
// are rows of the MetaDB too.
func stepsFor(changed []config.Changed, set Settings) []string {
	steps := []string{"check"}
	if set.InitMetaDB {
		steps = append(steps, "metadb")
	}
	steps = append(steps, "component", "restart")
	if slices.ContainsFunc(changed, func(c config.Changed) bool {
		return strings.HasPrefix(c.Key, "cm_") && c.Key != "cm_server_port" || strings.HasPrefix(c.Key, "oms_meta_") || strings.HasPrefix(c.Key, "drc_") && strings.HasSuffix(c.Key, "_db")
	}) || set.InitMetaDB {
		steps = append(steps, "resource")
	}
	return steps
}

// Restore puts an earlier version of files back, and restarts the programs
// that read one of them.
func Restore(ctx context.Context, o Options, id string, paths []string) error {
	o.setDefaults()
	version, err := component.NewHistory(o.Layout).Get(id)
	if err != nil {
		return err
	}
	o.Only = []string{"restart"}
	o.before = func(ctx context.Context, r *run) error { return r.restore(ctx, version, paths) }
	return Run(ctx, o)
}

func (r *run) restore(ctx context.Context, v component.Version, paths []string) error {
	for _, f := range v.Files {
		if f.Path != component.ConfigPath || len(paths) > 0 && !slices.Contains(paths, f.Path) {
			continue
		}
		if _, _, err := config.Parse(r.ConfigFile, f.Data); err != nil {
			return err
		}
		before, err := os.ReadFile(r.ConfigFile)
		if err != nil {
			return msg.Errorf("cannot read %s: %w", r.ConfigFile, err)
		}
		if err := r.rewriteConfig(before, f.Data); err != nil {
			return err
		}
		r.say(msg.M("written: %s", f.Path))
		// The files follow it.
		r.Only = []string{"check", "component", "restart", "resource"}
		return nil
	}
	step := r.componentStep(nil)
	step.Config, _, _ = config.Load(r.ConfigFile) // for its secrets, which are masked
	step.Reason = "omsinit config restore " + v.ID
	result, err := step.Restore(ctx, v, paths)
	if err != nil {
		return err
	}
	for _, path := range result.Changed {
		r.say(msg.M("written: %s", path))
	}
	if len(result.Changed) == 0 {
		r.say(msg.M("the files are as they were in %s", v.ID))
	}
	return nil
}

// DiffVersion shows what Restore would change, without secrets.
func DiffVersion(o Options, id string, paths []string) (string, error) {
	o.setDefaults()
	v, err := component.NewHistory(o.Layout).Get(id)
	if err != nil {
		return "", err
	}
	p, err := pack.Open(o.PackDir)
	if err != nil {
		return "", err
	}
	cfg, _, _ := config.Load(o.ConfigFile) // for its secrets, which are masked
	r := &run{Options: o, pack: p, output: &output{lang: o.Lang, out: o.Err, errOut: o.Err}}
	step := &component.Step{Config: cfg, Pack: p, Layout: o.Layout, Log: r.say}
	result, err := step.Compare(v, paths)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range result.Files {
		b.WriteString(f.Diff)
	}
	for _, f := range v.Files {
		if f.Path != component.ConfigPath || len(paths) > 0 && !slices.Contains(paths, f.Path) {
			continue
		}
		now, err := os.ReadFile(o.ConfigFile)
		if err != nil {
			return "", msg.Errorf("cannot read %s: %w", o.ConfigFile, err)
		}
		b.WriteString(component.Unified(f.Path, config.Hide(now), config.Hide(f.Data)))
	}
	return b.String(), nil
}
