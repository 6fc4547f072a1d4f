// Package testsecrets looks for secrets where nobody may find them: in whatever was printed, logged, kept or handed to
// a process, in every spelling that omsinit itself knows.
package testsecrets

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/mask"
	"omsinit/internal/spelling"
)

// shortest is the length from which on a secret is searched for: a shorter one stands anywhere by chance.
const shortest = 6

// Of reads the secrets out of a config.yaml. One that cannot be read has none.
func Of(file []byte) (secrets []string) {
	var keys map[string]any
	if yaml.Unmarshal(file, &keys) != nil {
		return nil
	}
	for key, value := range keys {
		if text := fmt.Sprint(value); value != nil && len(text) >= shortest && config.SoundsSecret(key) {
			secrets = append(secrets, text)
		}
	}
	return secrets
}

// Search finds secrets in texts.
type Search struct {
	secrets []string
	forms   []form
}

type form struct{ text, how string }

// For returns a search for secrets. Accounts are the names that may be hashed together with them.
func For(secrets []string, accounts ...string) *Search {
	s := &Search{secrets: slices.Compact(slices.Sorted(slices.Values(secrets)))}
	add := func(how string, texts ...string) {
		for _, text := range texts {
			if len(text) >= shortest {
				s.forms = append(s.forms, form{text, how})
			}
		}
	}
	for _, secret := range s.secrets {
		add("as it is", secret)
		add("spelled or hashed", mask.Forms(secret, accounts...)...)
		for _, text := range append(mask.Forms(secret), secret) {
			digits := hex.EncodeToString([]byte(text))
			add("hexadecimal", digits, strings.ToUpper(digits))
			add("base64", words(text)...)
		}
	}
	return s
}

// words are what base64 makes of a text, wherever in a longer one it stands: without the characters at both ends that
// depend on its neighbours.
func words(text string) (list []string) {
	for before := range 3 {
		padded := make([]byte, before, before+len(text))
		whole := base64.RawStdEncoding.EncodeToString(append(padded, text...))
		from, to := (8*before+5)/6, (before+len(text))*8/6
		if from < to {
			word := whole[from:to]
			list = append(list, word, strings.NewReplacer("+", "-", "/", "_").Replace(word))
		}
	}
	return list
}

// decoders take one spelling off a whole text. What is in base64 or hexadecimal is among the forms, too: a word that is
// nothing else needs no decoder.
var decoders = []struct {
	mark   string // a text without it is not spelled so
	how    string
	decode func(string) string
}{
	{"%", "URL", spelling.Unpercent},
	{"+", "URL", func(s string) string { return spelling.Unpercent(strings.ReplaceAll(s, "+", " ")) }},
	{"&", "XML", html.UnescapeString},
	{`\`, `\`, spelling.Unbackslash},
	{"", "base64", spelling.Unbase64},
}

// quotes are what a shell, SQL, YAML and properties put between the characters of a text.
var quotes = strings.NewReplacer(`\`, "", `'`, "", `"`, "", "$", "")

// most is how many spellings are taken off a text: JSON in JSON in base64.
const most = 3

// mostText is how long a text may be that is decoded: longer ones are no texts.
const mostText = 4 << 20

// In returns how a text holds a secret; it is empty where it holds none. The secret is not in what it says.
func (s *Search) In(text string) string { return s.in(text, most) }

func (s *Search) in(text string, left int) string {
	for _, f := range s.forms {
		if strings.Contains(text, f.text) {
			return f.how
		}
	}
	if len(text) > mostText {
		return ""
	}
	bare := quotes.Replace(text)
	for _, secret := range s.secrets {
		if secret = quotes.Replace(secret); len(secret) >= shortest && strings.Contains(bare, secret) {
			return "quoted"
		}
	}
	for _, d := range decoders {
		if left == 0 || !strings.Contains(text, d.mark) || d.mark == "" && left < most {
			continue // base64 of base64 is four times four times as much
		}
		if said := d.decode(text); said != "" && said != text {
			if how := s.in(said, left-1); how != "" {
				return d.how + ", " + how
			}
		}
	}
	return ""
}
