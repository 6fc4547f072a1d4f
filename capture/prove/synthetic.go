package prove

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"gopkg.in/yaml.v3"

	"omsinit/capture/report"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// hostile are configurations that no installation has: values with every character that means something in some
// format, several nodes, everything switched on or off. Keys that are not named are as in the installation.
var hostile = []map[string]any{
	{
		"oms_meta_user": `a'b`, "oms_meta_password": `p\n"</p> &%41' $(id) {{x}} 密`, "cm_region": "e u",
		"cm_region_cn": `欧'洲#1`,
		"cm_nodes":     []string{"10.9.9.1", "10.9.9.2", "fd00::3"}, "cm_url": "https://[fd00::1]:80", "cm_location": 0,
		"tsdb_enabled": true, "tsdb_service": "INFLUXDB", "tsdb_url": "t:1", "tsdb_username": `u&s é`,
		"tsdb_password": `\`,
	},
	{
		"oms_meta_user": "root@t#c", "oms_meta_password": ` x=\u4e2d{{"` + "`" + `!`, "cm_region": `r"\`,
		"cm_region_cn": `北"京\`,
		"cm_nodes":     []string{"10.9.9.1"}, "cm_url": "http://vip.example:18088", "cm_location": 127,
		"tsdb_enabled": false,
	},
	{
		"oms_meta_user": "u", "oms_meta_password": "true", "cm_region": "0x1", "cm_region_cn": "null",
		"cm_is_default": false,
		"cm_nodes":      []string{"10.9.9.2", "10.9.9.1"}, "cm_url": "http://10.9.9.9:65535", "cm_location": 100,
		"tsdb_enabled": true,
		"tsdb_service": "INFLUXDB", "tsdb_url": "10.9.9.8:8086", "tsdb_username": "1", "tsdb_password": `[]:#!%s;`,
	},
}

// Synthetic renders the pack for configurations that no installation has, and returns what does not become a file of
// its format then, and which values of the installation stand in the pack as text.
func (v *Proof) Synthetic(p *pack.Pack) ([]finding.Finding, error) {
	var out []finding.Finding
	for n, values := range hostile {
		cfg, err := v.with(values)
		if err != nil {
			return nil, err
		}
		d := pack.Data{Config: cfg, HostIP: cfg.CMNodes[0], HTTPS: n == 0, EUIDRoot: true}
		for _, f := range p.Files {
			differs := func(m msg.Message) {
				out = append(out, report.Difference("synthetic", finding.Place{File: f.Path}, m))
			}
			made, err := p.Render(f, d)
			if err != nil {
				differs(msg.M("%v", err))
			} else if err := v.Check(f.Format, made); err != nil {
				differs(msg.M("what the pack makes is not of the format %s: %v", f.Format, err))
			}
		}
		for _, c := range p.Calls {
			if _, err := p.Request(c, d); err != nil {
				out = append(out, report.Difference("synthetic", finding.Place{File: c.Name}, msg.M("%v", err)))
			}
		}
	}
	constants, err := v.constants(p)
	return append(out, constants...), err
}

// with returns the configuration of the installation with other values.
func (v *Proof) with(values map[string]any) (*config.Config, error) {
	text, err := ConfigText(v.From.Config, values)
	if err != nil {
		return nil, err
	}
	cfg, _, err := config.Parse("config.yaml", text)
	return cfg, err
}

// ConfigText returns the config.yaml of a configuration with other values.
func ConfigText(c *config.Config, values map[string]any) ([]byte, error) {
	all := c.Values()
	maps.Copy(all, c.Extra)
	maps.Copy(all, values)
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key]
		if s, ok := value.(config.Secret); ok {
			value = s.Reveal()
		}
		if value == "" {
			continue
		}
		line, err := yaml.Marshal(map[string]any{key: value})
		if err != nil {
			return nil, err
		}
		b.Write(line)
	}
	return b.Bytes(), nil
}

// standsIn reports whether a text stands in a line as a word of its own.
func standsIn(line, text string) bool {
	if !utf8.ValidString(text) { // of another character set
		return strings.Contains(line, text)
	}
	return regexp.MustCompile(`(^|[^\w.])` + regexp.QuoteMeta(text) + `($|[^\w.])`).MatchString(line)
}

// constants returns the values of the installation that stand in the pack outside its expressions, but for those that
// every installation has.
func (v *Proof) constants(p *pack.Pack) ([]finding.Finding, error) {
	own := map[string]string{}
	for _, k := range config.Keys() {
		var texts []string
		switch value := v.From.Config.Values()[k.Name].(type) {
		case string:
			texts = []string{value}
		case []string:
			texts = value
		case int:
			texts = []string{fmt.Sprint(value)}
		}
		for _, text := range texts {
			if len(text) >= 4 && text != k.Default && text != "root" && !strings.HasPrefix(text, "127.0.0.1") &&
				text != "localhost" {
				own[text] = k.Name
				if gbk, err := simplifiedchinese.GB18030.NewEncoder().String(text); err == nil {
					own[gbk] = k.Name
				}
			}
		}
	}
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	var out []finding.Finding
	for _, name := range names {
		if !strings.HasPrefix(name, "templates/") && !strings.HasPrefix(name, "schema/") && name != "pack.yaml" {
			continue
		}
		data, err := fs.ReadFile(p.FS(), name)
		if err != nil {
			return nil, msg.Errorf("cannot read the pack: %w", err)
		}
		for n, line := range strings.Split(bare(string(data)), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.HasPrefix(line, "--") {
				continue // a comment
			}
			for _, text := range slices.Sorted(maps.Keys(own)) {
				if standsIn(line, text) {
					out = append(out, report.Difference("synthetic", finding.Place{File: name, Line: n + 1},
						msg.M("the value of %s stands here as text, so that every node would have that of the captured installation", own[text])))
				}
			}
		}
	}
	return out, nil
}
