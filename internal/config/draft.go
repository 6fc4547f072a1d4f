package config

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Draft is a config.yaml that is being made: the texts of its keys, lists with commas. A secret that was read from the
// file of its FileKey has both.
type Draft map[string]Secret

// others is the key in a Draft of what OMS does not know, as YAML.
const others = ""

// Accept judges the text of one key by itself, as in a file, and returns it in its normal spelling. The error says what
// is wrong and what to do; it does not show the text.
func Accept(key, text string) (string, error) {
	k, ok := find(key)
	if !ok {
		return "", msg.Errorf("OMS knows no key %s", key)
	}
	if !k.Secret {
		text = strings.TrimSpace(text)
	}
	if strings.ContainsFunc(text, isControl) || strings.Contains(text, "\t") {
		return "", msg.Errorf("the value holds a line end, a tab or another control character")
	}
	items := []string{text}
	if k.Form == IPList {
		items = strings.FieldsFunc(text, isListSeparator)
	}
	seen := map[netip.Addr]bool{}
	for i, item := range items {
		normal, wrong := k.judge(item)
		if wrong != nil {
			return "", msg.Errorf("%v: %v", wrong.rule, wrong.fix)
		}
		items[i] = normal
		if ip, err := netip.ParseAddr(normal); err == nil && k.Form == IPList {
			if seen[ip.Unmap()] {
				return "", msg.Errorf("%v: %v", msg.M("the address is in the list twice"), msg.M("delete one of them"))
			}
			seen[ip.Unmap()] = true
		}
	}
	return strings.Join(items, ","), nil
}

// SecretOf returns the key of the secret whose file a key names.
func SecretOf(fileKey string) (name string, ok bool) {
	k, ok := findFileKey(fileKey)
	if !ok {
		return "", false
	}
	return k.Name, true
}

// ReadDraft returns what is right in the text of a config.yaml, and what is wrong or missing. Name is the name of the
// file in the findings.
func ReadDraft(name string, data []byte) (Draft, []finding.Finding) {
	r := newReader(name)
	r.all(data)
	d := Draft{}
	for key := range r.taken {
		k, _ := find(key)
		if r.reported[key] {
			continue
		}
		switch v := k.value(&r.config).(type) {
		case Secret:
			d[key] = v
		case []string:
			d[key] = Secret(strings.Join(v, ","))
		default:
			d[key] = Secret(fmt.Sprint(v))
		}
		if e, ok := r.files[key]; ok {
			d[k.FileKey()] = Secret(e.value.Value)
		}
	}
	if len(r.others) > 0 {
		rest := yaml.Node{Kind: yaml.MappingNode}
		for _, e := range r.others {
			rest.Content = append(rest.Content, e.key, e.value)
		}
		if text, err := yaml.Marshal(&rest); err == nil {
			d[others] = Secret(text)
		}
	}
	_, _ = r.findings.result() // puts them in order
	return d, r.findings.errors
}

// File returns the text of the config.yaml, with a comment above each key that says what it is, in a language.
func (d Draft) File(lang msg.Lang) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", lang.Sprintf(
		"config.yaml of OMS, made by omsinit config new. It holds passwords: keep it to yourself."))
	group := ""
	for i := range keys {
		k := &keys[i]
		text, ok := d[k.Name]
		if !ok {
			continue
		}
		if next, _, _ := strings.Cut(k.Name, "_"); next != group {
			group = next
			b.WriteString("\n")
		}
		texts, isList := []string{text.Reveal()}, k.Form == IPList
		if isList {
			texts = strings.Split(text.Reveal(), ",")
		}
		quote := byte(0)
		if k.Secret {
			quote = '\''
		}
		name := k.Name
		if path, ok := d[k.FileKey()]; ok && k.Secret {
			name, texts, quote = k.FileKey(), []string{path.Reveal()}, 0
		}
		fmt.Fprintf(&b, "# %s\n%s: %s\n", k.Description.In(lang), name, spell(texts, isList, quote))
	}
	if rest := d[others]; rest != "" {
		fmt.Fprintf(&b, "\n# %s\n%s", lang.Sprintf("keys that OMS does not know, as they were"), rest.Reveal())
	}
	return []byte(b.String())
}
