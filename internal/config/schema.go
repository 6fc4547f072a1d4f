package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"omsinit/internal/msg"
)

// Schema returns a JSON Schema (draft 2020-12) of config.yaml, for editors. It takes every spelling that Parse takes;
// rules between keys, and what is wrong with a value that is not used, are left to Parse.
func Schema(lang msg.Lang) ([]byte, error) {
	properties := map[string]any{}
	var required []string
	var conditions []any
	switched := map[string][]string{}
	for i := range keys {
		k := &keys[i]
		properties[k.Name] = k.schema(lang)
		switch {
		case k.Secret:
			properties[k.FileKey()] = map[string]any{"type": "string", "pattern": "^ */",
				"description": lang.Sprintf("path of a file that holds %s, in its place (a key of omsinit)", k.Name)}
			if k.Required {
				conditions = append(conditions, k.eitherWay())
			}
		case k.Required:
			required = append(required, k.Name)
		}
		if k.With != "" {
			switched[k.With] = append(switched[k.With], k.Name)
		}
	}
	for i := range keys {
		if needs := switched[keys[i].Name]; needs != nil {
			on := keys[i].Name
			filled := map[string]any{}
			var all []string
			var secrets []any
			for _, name := range needs {
				filled[name] = map[string]any{"not": map[string]any{"enum": []any{"", nil}}}
				if k, _ := find(name); k.Secret {
					secrets = append(secrets, k.eitherWay())
				} else {
					all = append(all, name)
				}
			}
			conditions = append(conditions, map[string]any{
				"if":   map[string]any{"properties": map[string]any{on: yes()}, "required": []string{on}},
				"then": map[string]any{"required": all, "properties": filled, "allOf": secrets},
			})
		}
	}
	return json.MarshalIndent(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       lang.Sprintf("config.yaml of OceanBase Migration Service (OMS)"),
		"description": lang.Sprintf("Keys that OMS does not know are handed on as they are."),
		"type":        "object",
		"properties":  properties, "required": required, "allOf": conditions,
	}, "", "  ")
}

// eitherWay returns the schema of a file that has a secret, or the path of the file with it.
func (k *Key) eitherWay() map[string]any {
	return map[string]any{"oneOf": []any{
		map[string]any{"required": []string{k.Name}}, map[string]any{"required": []string{k.FileKey()}}}}
}

// yes returns the schema of every spelling of true.
func yes() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"enum": []any{true, 1}},
		map[string]any{"type": "string", "pattern": anyOf(trueWords...)},
	}}
}

func (k *Key) schema(lang msg.Lang) map[string]any {
	s := k.forms()
	s["description"] = k.describe(lang)
	if value := k.typed(k.Default); k.Default != "" {
		s["default"] = value
	}
	if value := k.typed(k.Example); k.Example != "" {
		s["examples"] = []any{value}
	}
	return s
}

// describe returns the description with the releases whose documentation has the key.
func (k *Key) describe(lang msg.Lang) string {
	text := k.Description.In(lang)
	switch {
	case k.Until != "":
		text = lang.Sprintf("%s (until OMS CE %s)", text, k.Until)
	case k.Since != "":
		text = lang.Sprintf("%s (since OMS CE %s)", text, k.Since)
	}
	return text
}

// typed returns a text as the value that it is.
func (k *Key) typed(text string) any {
	var c Config
	k.set(&c, text)
	return k.value(&c)
}

// forms returns what the value may look like. An optional key may be empty.
func (k *Key) forms() map[string]any {
	var forms []any
	add := func(s map[string]any) { forms = append(forms, s) }
	text := func(pattern string) { add(map[string]any{"type": "string", "pattern": pattern}) }
	switch k.Form {
	case Boolean:
		add(map[string]any{"type": "boolean"})
		add(map[string]any{"enum": []any{0, 1}})
		text(anyOf(slices.Concat(trueWords, falseWords)...))
	case Integer, ComponentPort:
		lowest, highest := k.limits()
		add(map[string]any{"type": "integer", "minimum": lowest, "maximum": highest})
		text("^ *(0|[1-9][0-9]{0," + strconv.Itoa(len(strconv.Itoa(highest))-1) + "}) *$")
	case Choice:
		text(anyOf(k.Choices...))
	case DatabaseName:
		text("^[0-9A-Za-z_$]{1,64}$")
	case Address:
		text("^([hH][tT][tT][pP][sS]?://)?[^/?#@ ]+:[0-9]{1,5}/*$")
	case HostPort:
		text("^[^/?#@ ]+:[0-9]{1,5}$")
	case Host:
		text("^[^/?#@ ]+$")
	case IPList:
		address := map[string]any{"type": "string", "pattern": "^ *[0-9A-Fa-f.:]+ *$"}
		add(map[string]any{"type": "array", "items": address, "minItems": 1, "uniqueItems": true})
		text("^[0-9A-Fa-f.:, ]+$")
	case Account:
		add(map[string]any{"type": "string", "minLength": 1, "not": map[string]any{"pattern": "@[sS][yY][sS](#.*)?$"}})
	default:
		add(map[string]any{"type": []string{"number", "boolean"}})
		add(map[string]any{"type": "string", "minLength": 1})
	}
	if !k.Required {
		add(map[string]any{"enum": []any{"", nil}})
	}
	return map[string]any{"anyOf": forms}
}

// anyOf returns a pattern for words in upper and lower case; the patterns of JSON Schema have no flag for it.
func anyOf(words ...string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteString("|")
		}
		for _, c := range word {
			b.WriteString("[" + string(unicode.ToLower(c)) + string(unicode.ToUpper(c)) + "]")
		}
	}
	return "^(" + b.String() + ")$"
}
