package config

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Values returns every key of OMS with its effective value (string, int, bool, []string, or Secret), and Extra.
func (c *Config) Values() map[string]any {
	values := make(map[string]any, len(keys)+len(c.Extra))
	maps.Copy(values, c.Extra)
	for i := range keys {
		values[keys[i].Name] = keys[i].value(c)
	}
	return values
}

// fields are the fields of a Config by their keys.
var fields = func() map[string]int {
	fields := map[string]int{}
	for i, t := 0, reflect.TypeFor[Config](); i < t.NumField(); i++ {
		fields[t.Field(i).Tag.Get("key")] = i
	}
	return fields
}()

func (k *Key) field(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().Field(fields[k.Name]) }

func (k *Key) value(c *Config) any {
	if list, ok := k.field(c).Interface().([]string); ok {
		return slices.Clone(list)
	}
	return k.field(c).Interface()
}

// set puts a value that was judged into the configuration.
func (k *Key) set(c *Config, text string) {
	switch field := k.field(c); field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Int:
		n, _ := decimal(text)
		field.SetInt(int64(n))
	case reflect.Bool:
		on, _ := boolean(text)
		field.SetBool(on)
	case reflect.Slice:
		field.Set(reflect.ValueOf([]string{text}))
	}
}

// take takes the value of one key into the configuration; ok is false when there is an error. The switches that
// Key.With names must be taken before.
func (r *reader) take(k *Key) (ok bool) {
	if file, ok := r.files[k.Name]; ok {
		return r.takeFile(k, file)
	}
	e, ok := r.entries[k.Name]
	if !ok {
		if k.Required || r.switchedOn(k) {
			rule := msg.M("the key is missing")
			if k.With != "" {
				rule = msg.M("the key is missing, and %s is true", k.With)
			}
			r.error(finding.Place{Key: k.Name}, rule, msg.M("add the line %q", k.line()))
			return false
		}
		return true
	}
	if k.Form == IPList {
		return r.takeList(k, e.value)
	}
	text, ok := r.scalar(k, e.value)
	switch {
	case !ok:
		return false
	case text == "":
		return r.empty(k, e.value)
	}
	if text, ok = r.accept(k, e.value, text); ok {
		k.set(&r.config, text)
		r.taken[k.Name] = e.value
	}
	return ok
}

// switchedOn reports whether the key is used because another one is true.
func (r *reader) switchedOn(k *Key) bool {
	if k.With == "" {
		return false
	}
	by, _ := find(k.With)
	return by.field(&r.config).Bool()
}

// empty reports an empty value where one is needed. For all other keys an empty value means the same as none.
func (r *reader) empty(k *Key, n *yaml.Node) (ok bool) {
	switch {
	case !k.Required && !r.switchedOn(k):
		return true
	case k.Secret:
		r.at(n, k.Name, "", msg.M("the value is empty"),
			msg.M("write it in single quotes, so that signs such as # and * do no harm: %s", k.line()))
	default:
		r.at(n, k.Name, "", msg.M("the value is empty"), k.exampleFix())
	}
	return false
}

// takeList takes a list of addresses.
func (r *reader) takeList(k *Key, n *yaml.Node) (ok bool) {
	var items []*yaml.Node
	switch n.Kind {
	case yaml.SequenceNode:
		items = n.Content
	case yaml.MappingNode:
		r.at(n, k.Name, "", msg.M("a list of addresses is expected here, not keys with values"), k.listFix())
		return false
	default:
		text, ok := r.scalar(k, n)
		if !ok {
			return false
		}
		for _, word := range strings.FieldsFunc(text, isListSeparator) {
			if strings.HasPrefix(word, "-") {
				r.at(n, k.Name, "", msg.M("a space is missing between the dash and the address"), k.listFix())
				return false
			}
			item := *n
			item.Value = word
			items = append(items, &item)
		}
		if len(items) > 0 {
			r.warn(n, k.Name, text, msg.M("this is a single value where a list is expected"), k.listFix())
		}
	}
	if len(items) == 0 {
		return r.empty(k, n)
	}
	var list []string
	seen := map[netip.Addr]bool{}
	for _, item := range items {
		text, ok := r.scalar(k, item)
		switch {
		case !ok:
		case text == "":
			r.at(item, k.Name, "", msg.M("an item of the list is empty"), msg.M("write an address, or delete the line"))
		default:
			if text, ok = r.accept(k, item, text); !ok {
				continue
			}
			ip, _ := netip.ParseAddr(text)
			if ip = ip.Unmap(); seen[ip] {
				r.at(item, k.Name, text, msg.M("the address is in the list twice"), msg.M("delete one of them"))
				continue
			}
			seen[ip] = true
			list = append(list, text)
		}
	}
	k.field(&r.config).Set(reflect.ValueOf(list))
	r.taken[k.Name] = n
	return len(list) == len(items)
}

func isListSeparator(c rune) bool { return strings.ContainsRune(",\uff0c、 ", c) }

func (k *Key) listFix() msg.Message {
	return msg.M("write %s: alone in its line, and below it each address in a line of its own, after \"  - \"", k.Name)
}

var scalarTags = []string{"!!str", "!!int", "!!bool", "!!float", "!!null", "!!timestamp", "!!merge"}

// scalar returns the text of a value as it was written: numbers and booleans may be in quotes or not. Empty and null
// are both "".
func (r *reader) scalar(k *Key, n *yaml.Node) (text string, ok bool) {
	switch {
	case n.Kind == yaml.MappingNode && holdsKey(n):
		r.at(n, k.Name, "", msg.M("other keys are indented below this one, so they belong to it"), sameColumn())
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.at(n, k.Name, "", msg.M("a single value is expected here, not a list or keys of its own"), k.exampleFix())
		return "", false
	case n.Tag == "!!null" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0:
		return "", true
	case !slices.Contains(scalarTags, n.Tag):
		r.at(n, k.Name, "", msg.M("the value begins with a YAML tag that is not known here"),
			msg.M("leave the tag out; if the value really begins with !, put it in single quotes"))
		return "", false
	}
	text = n.Value
	if trimmed := strings.TrimSpace(text); trimmed != text && !strings.ContainsFunc(text, isControl) {
		if k.Secret {
			r.warn(n, k.Name, text,
				msg.M("there are spaces at the start or the end of the value, and they are part of it"),
				msg.M("delete them if they are not meant"))
		} else {
			r.warn(n, k.Name, text, msg.M("there are spaces at the start or the end of the value; they are left out"),
				msg.M("delete them"))
			text = trimmed
		}
	}
	if strings.ContainsFunc(text, isControl) || strings.Contains(text, "\t") {
		// An OMS properties file or a program argument ends at such a character.
		r.at(n, k.Name, "", msg.M("the value holds a line end, a tab or another control character"),
			msg.M("write it in one line, without them"))
		return "", false
	}
	if k.oftenHash() && strings.HasPrefix(n.LineComment, "#") && !strings.HasPrefix(n.LineComment, "# ") {
		r.warn(n, k.Name, text, msg.M("what follows after \" #\" is a comment, and not part of the value"),
			k.quoteFix())
	}
	return text, true
}

// oftenHash reports whether values of the key often have a #: passwords, and users such as user@tenant#cluster.
func (k *Key) oftenHash() bool {
	return k.Secret || strings.HasSuffix(k.Name, "_user") || strings.HasSuffix(k.Name, "_username")
}

func holdsKey(n *yaml.Node) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if _, ok := find(n.Content[i].Value); ok {
			return true
		}
	}
	return false
}

// accept judges a value by its form and returns it in its normal spelling.
func (r *reader) accept(k *Key, n *yaml.Node, text string) (normal string, ok bool) {
	if found, sure := placeholder(k, text); found {
		if sure {
			r.at(n, k.Name, text, placeholderRule(), realValue(k))
			return "", false
		}
		r.warn(n, k.Name, text, msg.M("this looks like a placeholder that was left in the file"), realValue(k))
	}
	if first := []rune(text)[0]; !k.Secret && strings.ContainsRune("“”‘’", first) {
		r.at(n, k.Name, text, msg.M("the quotes are typographic ones, so they belong to the value"),
			msg.M("use ' or \", or no quotes"))
		return "", false
	}
	normal, wrong := k.judge(text)
	if wrong != nil {
		r.at(n, k.Name, text, wrong.rule, wrong.fix)
		return "", false
	}
	return normal, true
}

// quoteFix is for a value with signs of YAML.
func (k *Key) quoteFix() msg.Message {
	return msg.M("put the value in single quotes, and double each single quote within it: %s: '…'", k.Name)
}

func sameColumn() msg.Message {
	return msg.M("let all keys begin in the same column, best in the first")
}

// line returns how the key may look in the file.
func (k *Key) line() string {
	switch {
	case k.Secret:
		return k.Name + ": '…'"
	case k.Form == IPList:
		return k.Name + ": [" + k.Example + "]"
	case k.Example != "":
		return k.Name + ": " + k.Example
	case k.Default != "":
		return k.Name + ": " + k.Default
	}
	return k.Name + ": …"
}
