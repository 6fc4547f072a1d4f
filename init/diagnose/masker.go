package diagnose

import (
	"os"
	"slices"
	"strings"

	"omsinit/init/component"
	"omsinit/init/flow"
	"omsinit/internal/config"
	"omsinit/internal/mask"
)

// masker returns what takes secrets out of texts that leave this node: those of config.yaml, of what it was before as
// far as that is kept, of the generated files, and of the environment. What cannot be read adds nothing.
func (p *Patient) masker() *mask.Masker {
	var secrets, accounts []string
	text := func(data []byte) {
		secrets = append(secrets, mask.Named(string(data))...)
		if cfg, _, err := config.Parse("config.yaml", data); err == nil {
			secrets = append(secrets, mask.Revealed(cfg.Values())...)
			secrets = append(secrets, mask.Revealed(cfg.Extra)...)
			accounts = append(accounts, cfg.MetaUser, cfg.TSDBUsername)
		}
	}
	text(p.Snapshot().Text)
	files := []string{p.ConfigFile + flow.BackupSuffix, p.Layout.ConfigCopy()}
	if k, err := p.Pack(); err == nil {
		for _, file := range slices.Concat(k.Files, k.Trial) {
			path := p.Layout.Path(file.Path)
			files = append(files, path, path+component.SavedSuffix)
		}
	}
	for _, path := range files {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 {
			data, _ := os.ReadFile(path)
			text(data)
		}
	}
	history := component.NewHistory(p.Layout)
	versions, _ := history.List()
	for _, v := range versions {
		whole, err := history.Get(v.ID)
		if err != nil {
			continue
		}
		for _, file := range whole.Files {
			text(file.Data)
		}
	}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); config.SoundsSecret(name) {
			secrets = append(secrets, value)
		}
	}
	slices.Sort(accounts)
	return mask.New(secrets, slices.Compact(accounts)...)
}
