package match

import (
	"slices"
	"strings"

	"omsinit/capture/source"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/pack"
)

// Value is one expression of a template, with what it stands for in the
// installation, and in the second one where there is one.
type Value struct {
	Expression string
	Keys       []string // of config.yaml, or derived ones
	A, B       string
	// Tier orders expressions that stand for the same text: 0 is a key as it is,
	// 1 a part or another form of one key, 2 several keys.
	Tier   int
	Secret bool
}

// Shown is what a person sees of the value.
func (v *Value) Shown() string {
	if v.Secret {
		return finding.Masked
	}
	return `"` + v.A + `"`
}

// Expressions returns the expressions of values, each once.
func Expressions(values []*Value) []string {
	var out []string
	for _, v := range values {
		if !slices.Contains(out, v.Expression) {
			out = append(out, v.Expression)
		}
	}
	return out
}

// expressions are everything that a place in a file may come from, before it is known what that stands for.
func expressions(installations []*source.Installation) []Value {
	var out []Value
	add := func(tier int, text string, keys ...string) {
		out = append(out, Value{Expression: text, Keys: keys, Tier: tier, Secret: slices.ContainsFunc(keys, SecretKey)})
	}
	for _, k := range config.Keys() {
		dot := "." + k.Name
		switch k.Form {
		case config.Boolean:
			add(0, "{{"+dot+"}}", k.Name)
			for _, words := range [][2]string{{"True", "False"}, {"1", "0"}, {"yes", "no"}, {"on", "off"}, {"Y", "N"},
				{"TRUE", "FALSE"}} {
				add(1, "{{if "+dot+"}}"+words[0]+"{{else}}"+words[1]+"{{end}}", k.Name)
			}
			continue
		case config.Integer:
			add(0, "{{"+dot+"}}", k.Name)
			continue
		case config.IPList:
			nodes(add, k.Name)
			continue
		}
		add(0, "{{"+dot+"}}", k.Name)
		encoded(add, dot, k.Name)
		switch k.Form {
		case config.Address:
			add(1, "{{withoutScheme "+dot+"}}", k.Name)
			add(1, "{{urlHost "+dot+"}}", k.Name)
			add(1, "{{urlPort "+dot+"}}", k.Name)
		case config.HostPort:
			add(1, "{{urlHost "+dot+"}}", k.Name)
			add(1, "{{urlPort "+dot+"}}", k.Name)
			add(1, "{{if "+dot+`}}{{"http://"}}{{`+dot+"}}{{end}}", k.Name)
		case config.Account:
			add(1, `{{before "@" `+dot+"}}", k.Name)
			add(1, `{{after "@" `+dot+"}}", k.Name)
		case config.Choice:
			add(1, "{{lower "+dot+"}}", k.Name)
		}
		if k.With != "" {
			add(1, "{{if ."+k.With+"}}{{"+dot+"}}{{end}}", k.Name, k.With)
			if k.Form == config.Choice {
				add(1, "{{if ."+k.With+"}}{{lower "+dot+"}}{{end}}", k.Name, k.With)
			}
		}
	}
	for _, name := range unknownKeys(installations) {
		call := `(setting "` + name + `")`
		add(0, `{{setting "`+name+`"}}`, name)
		encoded(add, call, name)
	}
	add(0, "{{.host_ip}}", "host_ip")
	add(0, "{{.release}}", "release")
	add(0, "{{.root}}", "root")
	add(2, metaAddress, "oms_meta_host", "oms_meta_port")
	for _, account := range [][2]string{{"oms_meta_user", "oms_meta_password"}, {"tsdb_username", "tsdb_password"}} {
		add(2, `{{base64 (printf "%s:%s" .`+account[0]+" ."+account[1]+")}}", account[0], account[1])
	}
	for _, port := range config.KeysOf(config.ComponentPort) {
		add(2, "{{hostPort .host_ip ."+port+"}}", "host_ip", port)
	}
	return out
}

// metaAddress is the address of the MetaDB.
const metaAddress = "{{hostPort .oms_meta_host .oms_meta_port}}"

// encoded adds the other forms in which a text may stand in a file.
func encoded(add func(int, string, ...string), dot, name string) {
	for _, f := range pack.Encoders() {
		add(1, "{{"+f+" "+dot+"}}", name)
	}
}

// nodes adds the forms of the list of nodes.
func nodes(add func(int, string, ...string), name string) {
	for _, separator := range []string{",", ";", " ", ", ", "|"} {
		add(1, `{{join .`+name+` "`+separator+`"}}`, name)
	}
	for _, separator := range []string{", ", ","} {
		add(1, `{{range $i, $n := .`+name+`}}{{if $i}}`+separator+`{{end}}"{{$n}}"{{end}}`, name)
	}
	for _, separator := range []string{", ", ",", ";", " ", "|"} {
		for _, port := range []string{"cm_server_port", "supervisor_server_port"} {
			for _, quote := range []string{"", `"`} {
				for _, scheme := range []string{"", "http://"} {
					add(2, `{{range $i, $n := .`+name+`}}{{if $i}}`+separator+`{{end}}`+quote+scheme+`{{hostPort $n $.`+
						port+`}}`+quote+`{{end}}`, name, port)
				}
			}
		}
	}
	add(1, "{{index ."+name+" 0}}", name)
	add(1, "{{len ."+name+"}}", name)
}

// unknownKeys are the keys that omsinit does not know but whose text can be had.
func unknownKeys(installations []*source.Installation) []string {
	var out []string
	for _, i := range installations {
		for name, v := range i.Config.Extra {
			switch v.(type) {
			case string, int, bool, config.Secret:
				if !strings.ContainsAny(name, "\"\\{}\n") {
					out = append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Known are the values of a format in one of its spellings, filled in. Those
// that say the same as a simpler one are left out.
func (w *Vocabulary) Known(format pack.Format, spelling pack.Spelling) []Value {
	key := string(format) + "/" + string(spelling)
	if have, ok := w.filled[key]; ok {
		return have
	}
	var out []Value
	first, err := pack.NewFilling(w.Release, w.From.Data())
	if err != nil {
		return nil
	}
	second := first
	if w.Second != nil {
		if second, err = pack.NewFilling(w.Release, w.Second.Data()); err != nil {
			return nil
		}
	}
	for _, v := range w.expressions {
		if v.A, err = first.Fill(v.Expression, format, spelling); err != nil {
			continue
		}
		if w.Second != nil {
			if v.B, err = second.Fill(v.Expression, format, spelling); err != nil {
				continue
			}
		}
		if v.A == "" && v.B == "" {
			if v.Tier == 0 && format == pack.Plain && spelling == pack.Standard {
				w.Unset = append(w.Unset, v)
			}
			continue
		}
		same := slices.ContainsFunc(out, func(o Value) bool {
			return o.A == v.A && o.B == v.B && o.Tier <= v.Tier && slices.Equal(o.Keys[:1], v.Keys[:1])
		})
		if !same {
			out = append(out, v)
		}
	}
	w.filled[key] = out
	return out
}

// SecretKey reports whether a key of config.yaml holds a secret.
func SecretKey(name string) bool {
	for _, k := range config.Keys() {
		if k.Name == name {
			return k.Secret
		}
	}
	return config.SoundsSecret(name)
}

// FreeText reports whether a key's value may hold any character.
func FreeText(key string) bool {
	for _, k := range config.Keys() {
		if k.Name == key {
			return k.Form == config.Text || k.Form == config.Account
		}
	}
	return false
}
