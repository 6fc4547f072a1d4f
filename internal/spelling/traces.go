package spelling

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Trace is something that is made of a secret and gives it away, to whoever reads it or to whoever guesses.
type Trace struct {
	Bytes string
	How   string // what was made; empty for the secret itself
}

// shortestTrace is the length from which on a secret is also searched for back to front and in other character sets:
// a short word may well stand in a file for reasons of its own.
const shortestTrace = 6

// charsets are those, beside UTF-8, in which a file may hold a password.
// Each returns the bytes of a text, and whether it has them all.
var charsets = map[string]func(string) (string, bool){
	"GBK": func(text string) (string, bool) {
		other, err := simplifiedchinese.GB18030.NewEncoder().String(text)
		return other, err == nil
	},
	"Latin-1": func(text string) (string, bool) {
		var b []byte
		for _, r := range text {
			if r > 0xff {
				return "", false
			}
			b = append(b, byte(r))
		}
		return string(b), true
	},
	"UTF-16":    func(text string) (string, bool) { return wide(text, binary.LittleEndian), true },
	"UTF-16 BE": func(text string) (string, bool) { return wide(text, binary.BigEndian), true },
}

func wide(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// Traces are what may be made of a secret, alone or with the name of its account.
func Traces(text string, accounts ...string) []Trace {
	out := []Trace{{Bytes: text}}
	if len(text) >= shortestTrace {
		runes := []rune(text)
		slices.Reverse(runes)
		out = append(out, Trace{string(runes), "reversed"})
		for name, charset := range charsets {
			if other, ok := charset(text); ok && other != text {
				out = append(out, Trace{other, name})
			}
		}
	}
	inputs := []string{text}
	for _, account := range accounts {
		inputs = append(inputs, account+":"+text, account+text, text+account)
	}
	for _, input := range inputs {
		b := []byte(input)
		md, sha, sha2, sha5 := md5.Sum(b), sha1.Sum(b), sha256.Sum256(b), sha512.Sum512(b)
		mysql := sha1.Sum(sha[:])
		out = append(out, Trace{string(md[:]), "MD5"}, Trace{string(sha[:]), "SHA-1"},
			Trace{string(sha2[:]), "SHA-256"},
			Trace{string(sha5[:]), "SHA-512"}, Trace{string(mysql[:]), "MySQL"})
	}
	return out
}
