package main

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// javaProperties is one .properties file, read as java.util.Properties reads
// it: ISO 8859-1 with \uXXXX escapes, trailing blanks kept, no ${} expansion.
type javaProperties struct {
	file   string
	values *properties.Properties
}

func readProperties(file string) (javaProperties, error) {
	p := javaProperties{file: file, values: properties.NewProperties()}
	data, err := os.ReadFile(file)
	if err != nil {
		return p, fmt.Errorf("cannot read the configuration: %w", err)
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	values, err := loader.LoadBytes(joinSurrogates(data))
	if err != nil {
		return p, fmt.Errorf("cannot parse %s: %w", file, err)
	}
	p.values = values
	return p, nil
}

// joinSurrogates turns ISO 8859-1 into UTF-8, and with it each \uXXXX\uXXXX that
// stands for one character beyond the basic plane, which the parser would take
// for two broken ones.
func joinSurrogates(data []byte) []byte {
	var out []byte
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' || i+1 == len(data) {
			out = utf8.AppendRune(out, rune(data[i]))
			continue
		}
		if r := utf16.DecodeRune(escaped(data[i:]), escaped(data[min(i+6, len(data)):])); r != utf8.RuneError {
			out = utf8.AppendRune(out, r)
			i += 11
			continue
		}
		out = utf8.AppendRune(append(out, '\\'), rune(data[i+1]))
		i++
	}
	return out
}

// escaped reads the \uXXXX that data starts with, if it does.
func escaped(data []byte) rune {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

func (p javaProperties) get(key string) string { return p.values.GetString(key, "") }

// require returns a value that the component cannot start without, and dies as
// Spring does when it is not there.
func (p javaProperties) require(key string) (string, error) {
	v := p.get(key)
	if v == "" {
		return "", javaError(fmt.Sprintf(
			"java.lang.IllegalArgumentException: Could not resolve placeholder '%s' in value \"${%s}\" (%s)", key,
			key, p.file))
	}
	return v, nil
}

// port returns a required port.
func (p javaProperties) port(key string) (int, error) {
	v, err := p.require(key)
	if err != nil {
		return 0, err
	}
	return parsePort(key, v)
}

func parsePort(key, v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 {
		return 0, javaError(fmt.Sprintf("java.lang.NumberFormatException: For input string: %q (%s must be a port)", v,
			key))
	}
	return n, nil
}

// parseBool takes what java.lang.Boolean prints, and nothing else.
func parseBool(key, v string) (bool, error) {
	switch v {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, fmt.Errorf("cannot use %s=%s: it must be true or false", key, v)
}

func checkIP(key, v string) error {
	if _, err := netip.ParseAddr(v); err != nil {
		return fmt.Errorf("cannot use %s=%s: it must be an IP address", key, v)
	}
	return nil
}
