package component

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/magiconair/properties"

	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

// checkFormat reads a file back in its own syntax. Templates escape their
// values, so a fault here is one of the template.
func checkFormat(format pack.Format, data []byte) error {
	switch format {
	case pack.JSON:
		return checkJSON(data)
	case pack.Properties:
		loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
		_, err := loader.LoadBytes(data)
		return err
	case pack.INI:
		return checkINI(string(data))
	}
	return nil
}

func checkJSON(data []byte) error {
	var value any
	err := json.Unmarshal(data, &value)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		return msg.Errorf("not JSON, line %d: %w", line, err)
	}
	return err
}

// checkINI knows what Supervisor's parser refuses, and names that stand twice,
// which it silently merges.
func checkINI(text string) error {
	seen := map[string]bool{}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		number := i + 1
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "", strings.HasPrefix(trimmed, ";"), strings.HasPrefix(trimmed, "#"):
		case line[0] == ' ' || line[0] == '\t': // goes on from the line before
		case strings.HasPrefix(trimmed, "["):
			if !strings.HasSuffix(trimmed, "]") {
				return msg.Errorf("line %d: %q has no closing bracket", number, trimmed)
			}
			section = trimmed
			if seen[section] {
				return msg.Errorf("line %d: %s stands in the file twice", number, section)
			}
			seen[section] = true
		default:
			name, _, ok := strings.Cut(trimmed, "=")
			name = strings.TrimSpace(name)
			if !ok || name == "" || section == "" {
				return msg.Errorf("line %d: there is no [section] or no option = value", number)
			}
			if seen[section+name] {
				return msg.Errorf("line %d: %s stands in %s twice", number, name, section)
			}
			seen[section+name] = true
		}
	}
	return nil
}
