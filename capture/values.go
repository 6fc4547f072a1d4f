package capture

import (
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/pack"
)

// value is one expression of a template, with what it stands for in the
// installation, and in the second one where there is one.
type value struct {
	expression string
	keys       []string // of config.yaml, or derived ones
	a, b       string
	// tier orders expressions that stand for the same text: 0 is a key as it is,
	// 1 a part or another form of one key, 2 several keys.
	tier   int
	secret bool
	// whole says that it only counts as the whole value of a key: it is too
	// common a text.
	whole bool
}

// expression is a value before it is known what it stands for.
type expression struct {
	text  string
	keys  []string
	tier  int
	whole bool
}

// expressions are everything that a place in a file may come from.
func expressions(installations []*Installation) []expression {
	var out []expression
	add := func(tier int, text string, keys ...string) {
		out = append(out, expression{text: text, keys: keys, tier: tier})
	}
	for _, k := range config.Keys() {
		dot := "." + k.Name
		switch k.Form {
		case config.Boolean:
			add(0, "{{"+dot+"}}", k.Name)
			for _, words := range [][2]string{{"True", "False"}, {"1", "0"}, {"yes", "no"}, {"on", "off"}, {"Y", "N"}, {"TRUE", "FALSE"}} {
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
	add(2, "{{hostPort .oms_meta_host .oms_meta_port}}", "oms_meta_host", "oms_meta_port")
	for _, port := range ports {
		add(2, "{{hostPort .host_ip ."+port+"}}", "host_ip", port)
	}
	return out
}

var ports = []string{"ghana_server_port", "nginx_server_port", "cm_server_port", "supervisor_server_port", "sshd_server_port"}

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
		for _, port := range []string{"cm_server_port", "supervisor_server_port"} {
			add(2, `{{range $i, $n := .`+name+`}}{{if $i}}`+separator+`{{end}}{{hostPort $n $.`+port+`}}{{end}}`, name, port)
		}
	}
	add(1, "{{index ."+name+" 0}}", name)
	add(1, "{{len ."+name+"}}", name)
}

// unknownKeys are the keys that omsinit does not know but whose text can be had.
func unknownKeys(installations []*Installation) []string {
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

// known are the values of a format in one of its spellings, filled in. Those
// that say the same as a simpler one are left out.
func (j *Job) known(format pack.Format, spelling pack.Spelling) []value {
	key := string(format) + "/" + string(spelling)
	if have, ok := j.filled[key]; ok {
		return have
	}
	var out []value
	for _, e := range j.expressions {
		v := value{expression: e.text, keys: e.keys, tier: e.tier, whole: e.whole, secret: slices.ContainsFunc(e.keys, secretKey)}
		var err error
		if v.a, err = pack.Fill(e.text, j.Release, format, spelling, j.From.data()); err != nil {
			continue
		}
		if j.Second != nil {
			if v.b, err = pack.Fill(e.text, j.Release, format, spelling, j.Second.data()); err != nil {
				continue
			}
		}
		if v.a == "" && v.b == "" {
			if v.tier == 0 && format == pack.Plain && spelling == pack.Standard {
				j.unset = append(j.unset, v)
			}
			continue
		}
		same := slices.ContainsFunc(out, func(o value) bool {
			return o.a == v.a && o.b == v.b && o.tier <= v.tier && slices.Equal(o.keys[:1], v.keys[:1])
		})
		if !same {
			out = append(out, v)
		}
	}
	j.filled[key] = out
	return out
}

// secretKey reports whether a key of config.yaml holds a secret.
func secretKey(name string) bool {
	for _, k := range config.Keys() {
		if k.Name == name {
			return k.Secret
		}
	}
	return config.SoundsSecret(name)
}
