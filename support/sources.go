package support

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/pack"
)

// Configuration returns the files of the configuration: config.yaml and others that are given, what is made from
// it, and the program files. The pack is nil when it cannot be used.
func Configuration(l layout.Layout, p *pack.Pack, files ...string) []string {
	files = append(files, l.ConfigCopy(), l.SupervisordConf(), l.InitFlag(), l.TSDBState())
	for _, pattern := range []string{filepath.Join(l.ProgramDir(), "*.ini"), l.Path("/home/admin/conf/command/*.sh")} {
		matches, _ := filepath.Glob(pattern)
		files = append(files, matches...)
	}
	if p == nil {
		return files
	}
	for _, file := range p.Files {
		if path := l.Path(file.Path); !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	return files
}

// namesOf returns what in config.yaml names machines, accounts, databases and regions.
func namesOf(cfg *config.Config) (names []Alias) {
	add := func(kind string, list ...string) {
		for _, name := range list {
			names = append(names, Alias{Kind: kind, Name: name})
		}
	}
	add("host", cfg.MetaHost)
	if u, err := url.Parse(cfg.CMURL); err == nil {
		add("host", u.Hostname())
	}
	if host, _, err := net.SplitHostPort(cfg.TSDBURL); err == nil {
		add("host", host)
	}
	if cfg.MetaUser != "root" {
		add("account", cfg.MetaUser)
	}
	add("account", cfg.TSDBUsername, cfg.DRCUser)
	add("region", cfg.CMRegion, cfg.CMRegionCN)
	add("database", cfg.RMDatabase, cfg.CMDatabase, cfg.HeartbeatDatabase)
	return names
}

// names returns all that --anonymize replaces beside addresses.
func (in Input) names() (names []Alias) {
	if host, err := os.Hostname(); err == nil {
		names = append(names, Alias{Kind: "host", Name: host})
	}
	if in.Config != nil {
		names = append(names, namesOf(in.Config)...)
	}
	return names
}
