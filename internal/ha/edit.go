package ha

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
)

// Enabled reports whether a value of ha.config switches high availability on. Only the field enable decides:
// enableStore and the like are true by default and mean nothing while it is false (docs/oms-facts.md §6, §12). It may
// be in quotes.
func Enabled(text string) (bool, error) {
	value, err := Field(text, enable)
	return isTrue(value), err
}

const enable = "enable"

func isTrue(value string) bool { return strings.EqualFold(value, "true") }

// Edit returns the text with enable set to on. Everything else stays as it is, to the letter: order, spaces,
// undocumented fields. The field is put first where it is missing.
func Edit(text string, on bool) (string, error) {
	return set(text, enable, strconv.FormatBool(on), func(have string) bool { return isTrue(have) == on })
}

// Field returns the value of a field at the top of the object, without the quotes that it may be in, and "" where it is
// missing.
func Field(text, name string) (string, error) {
	fields, err := named(text, name)
	if err != nil || len(fields) == 0 {
		return "", err
	}
	return fields[len(fields)-1].value, nil
}

// Set is Edit for another field and a value that needs no escaping.
func Set(text, name, value string) (string, error) {
	return set(text, name, value, func(string) bool { return false })
}

// set leaves values alone that are good. github.com/tidwall/sjson cannot do this: of a field that is there twice it
// sets the first only, and OMS's parser may count the last; it takes the spaces out of an empty object; and it puts a
// new field last.
func set(text, name, value string, good func(have string) bool) (string, error) {
	fields, err := named(text, name)
	if err != nil {
		return "", err
	}
	if len(fields) == 0 {
		begin := strings.IndexByte(text, '{') + 1
		rest := strings.TrimLeft(text[begin:], " \t\r\n")
		comma := ","
		if rest[0] == '}' {
			comma = ""
		}
		return text[:begin] + `"` + name + `":` + value + comma + text[begin:], nil
	}
	var b strings.Builder
	at := 0
	for _, f := range fields {
		b.WriteString(text[at:f.begin])
		if good(f.value) {
			b.WriteString(text[f.begin:f.end])
		} else {
			b.WriteString(value)
		}
		at = f.end
	}
	b.WriteString(text[at:])
	return b.String(), nil
}

// field is a field at the top of the object. There may be several of one name: parsers do not agree on which one
// counts.
type field struct {
	begin, end int    // the place of the value in the text
	value      string // without quotes
}

func named(text, name string) ([]field, error) {
	fields, err := scan(text, name)
	if err != nil {
		return nil, msg.Errorf("the system parameter ha.config is not a JSON object (%v), so it is left as it is: %q; correct it in the console (System Management > System Parameters > ha.config)",
			err, msg.Shorten(text, 300))
	}
	return fields, nil
}

func scan(text, name string) (fields []field, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, errors.New("it does not begin with {")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if key == name {
			end := int(d.InputOffset())
			fields = append(fields, field{end - len(value), end, strings.Trim(string(value), `"`)})
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return fields, nil
}

// RefetchMinutes returns refetchStoreIntervalMin of a value of ha.config, 0 when it is not there.
func RefetchMinutes(text string) int {
	value, _ := Field(text, "refetchStoreIntervalMin")
	n, _ := strconv.Atoi(value)
	return n
}

// BackOn returns ha.config for after an outage: enable is on, and refetchStoreIntervalMin is greater than the outage,
// unless the checkpoints of the stores' clients are looked at (docs/oms-facts.md §7).
func BackOn(text string, outage time.Duration) (string, error) {
	on, err := Edit(text, true)
	if err != nil {
		return text, err
	}
	looked, err := Field(on, "perceiveStoreClientCheckpoint")
	least := int(math.Floor(outage.Minutes())) + 1
	if err == nil && looked != "true" && RefetchMinutes(on) < least {
		on, err = Set(on, "refetchStoreIntervalMin", strconv.Itoa(least))
	}
	return on, err
}
