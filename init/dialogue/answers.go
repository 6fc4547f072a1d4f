package dialogue

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Answers are a conversation written down: the keys of config.yaml and of Keys, and, with several regions, a list
// `regions` with those that differ.
type Answers struct {
	all     map[string]string
	regions []map[string]string
	region  int
}

// ReadAnswers reads a file of answers, in YAML. The name is for errors, which show no values.
func ReadAnswers(name string, data []byte) (_ *Answers, err error) {
	broken := msg.Errorf("cannot read the answers in %s: it is no YAML of \"key: value\" lines", name)
	defer func() {
		if recover() != nil { // as yaml.v3 panics on some broken files
			err = broken
		}
	}()
	var doc map[string]yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&doc); err != nil {
		return nil, broken
	}
	a := &Answers{}
	if list, ok := doc["regions"]; ok {
		for _, item := range list.Content {
			var one map[string]yaml.Node
			if item.Kind != yaml.MappingNode || item.Decode(&one) != nil {
				return nil, msg.Errorf("%s:%d: regions is a list of keys with values", name, item.Line)
			}
			texts, err := texts(name, one)
			if err != nil {
				return nil, err
			}
			a.regions = append(a.regions, texts)
		}
		delete(doc, "regions")
	}
	a.all, err = texts(name, doc)
	return a, err
}

// Add puts the answer to a question in the place of what there is.
func (a *Answers) Add(key, value string) error {
	if !isKey(key) {
		return unknown(key)
	}
	if a.all == nil {
		a.all = map[string]string{}
	}
	a.all[key] = value
	return nil
}

// unknown is the error of a key that no question has.
func unknown(key string) error {
	names := Keys()
	for _, k := range config.Keys() {
		names = append(names, k.Name)
	}
	if near := finding.Nearest(key, names); near != "" {
		return msg.Errorf("no answer is called %s; did you mean %s?", key, near)
	}
	return msg.Errorf("no answer is called %s", key)
}

// isKey reports whether a question has this key.
func isKey(key string) bool {
	named := func(k config.Key) bool { return k.Name == key }
	return slices.Contains(Keys(), key) || slices.ContainsFunc(config.Keys(), named)
}

func texts(name string, doc map[string]yaml.Node) (map[string]string, error) {
	out := map[string]string{}
	for key, node := range doc {
		var items []string
		switch {
		case !isKey(key):
			return nil, msg.Errorf("%s:%d: %w", name, node.Line, unknown(key))
		case node.Kind == yaml.ScalarNode:
			items = []string{node.Value}
		case node.Kind == yaml.SequenceNode:
			for _, item := range node.Content {
				items = append(items, item.Value)
			}
		default:
			return nil, msg.Errorf("%s:%d: %s is a single value or a list", name, node.Line, key)
		}
		out[key] = strings.Join(items, ",")
	}
	return out, nil
}

func (a *Answers) answer(key string) (string, bool) {
	if a.region < len(a.regions) {
		if text, ok := a.regions[a.region][key]; ok {
			return text, true
		}
	}
	text, ok := a.all[key]
	return text, ok
}

// Ask looks the answer up.
func (a *Answers) Ask(key string, _ msg.Message, suggestion string, _ bool) (string, error) {
	text, ok := a.answer(key)
	switch {
	case ok:
		return text, nil
	case key == Mode && len(a.regions) > 1:
		return regions, nil
	case key == Mode && strings.Contains(a.all["cm_nodes"], ","):
		return nodes, nil
	}
	return suggestion, nil
}

// Confirm looks the answer up. Settings are correct, and the regions are those of the list.
func (a *Answers) Confirm(key string, _ msg.Message, suggestion bool) (bool, error) {
	switch key {
	case Correct:
		return true, nil
	case More:
		a.region++
		return a.region < len(a.regions), nil
	case Ports:
		given := func(key string) bool { _, ok := a.answer(key); return ok }
		return slices.ContainsFunc(config.KeysOf(config.ComponentPort), given), nil
	case HTTPS:
		_, given := a.answer(HTTPSCert)
		return given, nil
	}
	text, ok := a.answer(key)
	if !ok {
		return suggestion, nil
	}
	yes, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", key, msg.Errorf("the value must be true or false"))
	}
	return yes, nil
}

// Again reports false: an answer that is written down is wrong the second time too.
func (a *Answers) Again() bool { return false }
