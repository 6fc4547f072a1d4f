package flow

import (
	"context"
	"slices"
	"strings"

	"omsinit/init/component"
	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Restore puts an earlier version of files back, all of it or the files with these paths of the container, and restarts
// the programs that read one of them. A config.yaml brings the other files with it. Errors are those of Init.
func (f *Flow) Restore(ctx context.Context, id string, paths []string) error {
	v, err := component.NewHistory(f.Layout).Get(id)
	if err != nil {
		return err
	}
	return f.run(ctx, func(ctx context.Context) error {
		if c := configOf(v, paths); c != nil {
			if err := f.restoreConfig(c); err != nil {
				return err
			}
			return f.only(ctx, "check", "component", "restart", "resource")
		}
		if err := f.restoreFiles(ctx, v, paths); err != nil {
			return err
		}
		return f.only(ctx, "restart")
	})
}

// configOf returns the config.yaml of a version if that is among what is to be restored.
func configOf(v component.Version, paths []string) *component.Earlier {
	if len(paths) > 0 && !slices.Contains(paths, component.ConfigPath) {
		return nil
	}
	for i, f := range v.Files {
		if f.Path == component.ConfigPath {
			return &v.Files[i]
		}
	}
	return nil
}

func (f *Flow) restoreConfig(c *component.Earlier) error {
	if _, _, err := config.Parse(f.ConfigFile, c.Data); err != nil {
		return err
	}
	if s := f.Snapshot(); s.Text == nil {
		return s.Err
	}
	if err := f.rewriteConfig(c.Data); err != nil {
		return err
	}
	f.say(msg.M("written: %s", c.Path))
	return nil
}

func (f *Flow) restoreFiles(ctx context.Context, v component.Version, paths []string) error {
	step := f.componentStep(f.Snapshot().Config) // for its secrets, which are masked
	step.Reason = "omsinit config restore " + v.ID
	result, err := step.Restore(ctx, v, paths)
	if err != nil {
		return err
	}
	for _, path := range result.Changed {
		f.say(msg.M("written: %s", path))
	}
	if len(result.Changed) == 0 {
		f.say(msg.M("the files are as they were in %s", v.ID))
	}
	return nil
}

// DiffVersion returns what Restore would change, without secrets.
func (f *Flow) DiffVersion(id string, paths []string) (string, error) {
	v, err := component.NewHistory(f.Layout).Get(id)
	if err == nil {
		f.pack, err = f.Pack()
	}
	if err != nil {
		return "", err
	}
	now := f.Snapshot()
	result, err := f.componentStep(now.Config).Compare(v, paths)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, file := range result.Files {
		b.WriteString(file.Diff)
	}
	if c := configOf(v, paths); c != nil {
		if now.Text == nil {
			return "", now.Err
		}
		b.WriteString(component.Unified(c.Path, config.Hide(now.Text), config.Hide(c.Data)))
	}
	return b.String(), nil
}
