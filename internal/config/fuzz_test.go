package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// canary is a password that no text of ours contains by chance.
const canary = "zQ9vKx7"

var secretKeys = []string{"oms_meta_password", "drc_password", "tsdb_password", "apsara_audit_sls_access_key",
	"apsara_audit_sls_access_secret"}

// FuzzParse reads head, a line that gives a password, and tail. No input may
// panic, and no problem may show the password.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.yaml", samples + "*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data), " ", "", "", uint8(0))
		}
	}
	for i, quote := range []string{" ", " '", ` "`, "", "=", " *", " &", " !", " [", " {", " | ", " ${", " a: ", " #",
		" - ", "\t", " !!binary "} {
		f.Add("cm_location: 1\n", quote, " #x", "cm_region:x\n\tcm_url: y\n", uint8(i))
	}
	f.Fuzz(func(t *testing.T, head, before, after, tail string, which uint8) {
		key := secretKeys[int(which)%len(secretKeys)]
		text := head + "\n" + key + ":" + oneLine(before) + canary + oneLine(after) + "\n" + tail
		if strings.Contains(head+before+after+tail, canary) {
			return
		}
		c, warnings, err := config.Parse("config.yaml", []byte(text))
		if (c == nil) != (err != nil) {
			t.Errorf("configuration %v with error %v", c, err)
		}
		for _, l := range []msg.Lang{msg.English, msg.Chinese} {
			if got := render(l, warnings, err); strings.Contains(got, canary) && !elsewhere(text) {
				t.Errorf("the password is shown:\n%s", got)
			}
		}
		settings, _, err := config.Settings("-", []byte(text))
		if (c == nil) != (err != nil) || (c == nil) != (settings == nil) {
			t.Errorf("settings %v with error %v, configuration %v", settings, err, c)
		}
		if got := fmt.Sprint(settings); strings.Contains(got, canary) && !elsewhere(text) {
			t.Errorf("the settings show the password:\n%s", got)
		}
	})
}

// oneLine keeps the password's line one line, for YAML as for us.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return -1
		}
		return c
	}, s)
}

// elsewhere reports whether YAML reads the canary as something else than the
// value of one of the secret keys, because of what stands around its line.
func elsewhere(text string) (found bool) {
	defer func() {
		if recover() != nil { // yaml.v3 on some broken texts
			found = false
		}
	}()
	var document yaml.Node
	if yaml.Unmarshal([]byte(text), &document) != nil || len(document.Content) == 0 {
		return false
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return contains(root)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		secret := false
		for _, k := range secretKeys {
			secret = secret || key.Value == k
		}
		if contains(key) || contains(value) && !secret {
			return true
		}
	}
	return false
}

func contains(n *yaml.Node) bool {
	if strings.Contains(n.Value, canary) {
		return true
	}
	for _, child := range n.Content {
		if contains(child) {
			return true
		}
	}
	return false
}
