package config

import (
	"fmt"
	"strings"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Draft is a config.yaml that is being made: the texts of its keys, lists with commas.
type Draft map[string]Secret

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
	for i, item := range items {
		normal, wrong := k.judge(item)
		if wrong != nil {
			return "", msg.Errorf("%v: %v", wrong.rule, wrong.fix)
		}
		items[i] = normal
	}
	return strings.Join(items, ","), nil
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
	}
	_, _ = r.findings.result() // puts them in order
	return d, r.findings.errors
}

// File returns the text of the config.yaml, with a comment above each key that says what it is, in a language.
func (d Draft) File(lang msg.Lang) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", lang.Sprintf("config.yaml of OMS, made by omsinit config new. It holds passwords: keep it to yourself."))
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
		fmt.Fprintf(&b, "# %s\n%s: %s\n", k.Description.In(lang), k.Name, spell(texts, isList, quote))
	}
	return []byte(b.String())
}
