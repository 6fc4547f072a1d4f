package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"omsinit/internal/finding"
	"omsinit/internal/spelling"
)

var planted = []string{"Secret42", `p@ss w/rd+"x'<y>&z\q`, "密码Über#1$x", "a1!b", "deadbeef99", "it's=a:b"}

// spellings are how others may write a text.
var spellings = map[string]func(string) string{
	"raw":          func(s string) string { return s },
	"query":        url.QueryEscape,
	"query, small": func(s string) string { return hexDigits().ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
	"path":         url.PathEscape,
	"userinfo":     func(s string) string { return url.UserPassword("u", s).String() },
	"every character": func(s string) string {
		return hexDigits().ReplaceAllString(fmt.Sprintf("% x", s), "$0") + percentAll(s)
	},
	"some characters": func(s string) string { return percentAll(s[:1]) + s[1:] },
	"twice":           func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"JSON": func(s string) string {
		data, _ := json.Marshal(s)
		return string(data)
	},
	"JSON in JSON": func(s string) string {
		data, _ := json.Marshal(s)
		data, _ = json.Marshal(string(data))
		return string(data)
	},
	"JSON, every character": unicodeAll,
	"XML": func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s))
		return b.String()
	},
	"HTML":         html.EscapeString,
	"XML, numbers": func(s string) string { return fmt.Sprintf("&#%d;", s[0]) + html.EscapeString(s[1:]) },
	"properties": func(s string) string {
		return strings.NewReplacer(`\`, `\\`, ":", `\:`, "=", `\=`, "#", `\#`, "!", `\!`).Replace(s)
	},
	"shell": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	"shell, double": func(s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(s) + `"`
	},
	"shell, backslash": func(s string) string {
		return strings.NewReplacer(" ", `\ `, `"`, `\"`, "'", `\'`, "$", `\$`).Replace(s)
	},
	"YAML, single": func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	"SQL":          func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'" },
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 + 1":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u" + s + "!")) },
	"base64 + 2":   func(s string) string { return base64.URLEncoding.EncodeToString([]byte("u:" + s)) },
	"base64 + 3":   func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("abc" + s + "tail")) },
	"base64 of JSON": func(s string) string {
		data, _ := json.Marshal(map[string]string{"password": s})
		return base64.StdEncoding.EncodeToString(data)
	},
	"base64, lines": func(s string) string {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("head", 9) + s + strings.Repeat("tail", 9)))
		return "\n" + text[:20] + "\n" + text[20:40] + "\n" + text[40:60] + "\n" + text[60:] + "\n"
	},
	"hex":     func(s string) string { return hex.EncodeToString([]byte("x" + s)) },
	"HEX":     func(s string) string { return "0x" + strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"UTF-16":  func(s string) string { return utf16le(s) },
	"MD5":     func(s string) string { return hashed(s, "MD5") },
	"SHA-256": func(s string) string { return strings.ToUpper(hashed(s, "SHA-256")) },
}

func percentAll(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func unicodeAll(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, `\u%04X`, unit)
	}
	return b.String()
}

func utf16le(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

func hashed(s, how string) string {
	for _, t := range spelling.Traces(s) {
		if t.How == how {
			return hex.EncodeToString([]byte(t.Bytes))
		}
	}
	return ""
}

// TestEverySpelling: whatever a text looks like, nobody can read a secret out of what is left of it.
func TestEverySpelling(t *testing.T) {
	m := New(planted)
	for name, spell := range spellings {
		for _, s := range planted {
			for _, frame := range []string{"%s", "before %s after", "2026-11-28 03:00:00 INFO jdbc: x=%s;y=1",
				`{"k":"%s"}`} {
				text := "first line stays\n" + fmt.Sprintf(frame, spell(s)) + "\nlast line stays"
				masked := m.Text(text)
				if !strings.HasPrefix(masked, "first line stays\n") || !strings.HasSuffix(masked, "\nlast line stays") {
					t.Errorf("%s: too much is gone: %q", name, masked)
				}
				if strings.Contains(masked, hashed(s, "MD5")) ||
					strings.Contains(strings.ToLower(masked), hashed(s, "SHA-256")) {
					t.Errorf("%s: a hash is left of %q: %q", name, s, masked)
				}
				joined := strings.ReplaceAll(masked, "\n", "")
				for _, r := range append(spelling.Readings(masked), spelling.Readings(joined)...) {
					if strings.Contains(r.Text, s) || strings.Contains(strings.ReplaceAll(r.Text, "\x00", ""), s) {
						t.Fatalf("%s (%q in %q) is left, by %v: %q", name, s, frame, r.How, masked)
					}
				}
			}
		}
	}
}

// TestShort: short secrets go where they are a value, and words that only look like them stay.
func TestShort(t *testing.T) {
	m := New([]string{"ab", "7", ""})
	for text, want := range map[string]string{
		"x_password: ab\ny: abc": "x_password: ******\ny: abc",
		`{"p":"7","q":77}`:       `{"p":"******","q":77}`,
		"k=ab&j=7":               "k=******&j=******",
		"about 7 abs":            "about 7 abs",
		"k=YWI= x":               "k=****** x",
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

// TestByName: what nobody has told of goes by the name of its key; what tells how things are set stays.
func TestByName(t *testing.T) {
	m := New(nil)
	for text, want := range map[string]string{
		"oms_meta_password: old-One":                           "oms_meta_password: ******",
		`"tsdb_password": !!str "x y"`:                         `"tsdb_password": !!str "******"`,
		`{"metricServerPassword":"abc","a":1}`:                 `{"metricServerPassword":"******","a":1}`,
		"<password>abc</password>":                             "<password>******</password>",
		"jdbc.password=abc\nx=1":                               "jdbc.password=******\nx=1",
		"mysql --password=abc -h x":                            "mysql --password=****** -h x",
		"mysql --password abc -h x":                            "mysql --password ****** -h x",
		"http://u:abc@h/":                                      "http://u:******@h/",
		"ALTER USER 'a' IDENTIFIED BY 'x y'":                   "ALTER USER 'a' IDENTIFIED BY '******'",
		"Access denied for user 'a'@'b' (using password: YES)": "Access denied for user 'a'@'b' (using password: YES)",
		"enable_password: false":                               "enable_password: false",
		"the password was wrong":                               "the password was wrong",
		"a\n-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nb": "a\n-----PRIVATE KEY ******-----\nb",
		"apsara_audit_sls_access_key: abc":                                          "apsara_audit_sls_access_key: ******",
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
	got := strings.Join(Named("a_password: \"x1y2\"\njdbc.password=p\\u0041bc\nenable_password: true\nb: c"), " ")
	if !strings.Contains(got, "x1y2") || !strings.Contains(got, "pAbc") || strings.Contains(got, "true") {
		t.Errorf("named: %s", got)
	}
	if m.Text("") != "" || New([]string{finding.Masked}).Text("x") != "x" {
		t.Error("nothing is something")
	}
}

func BenchmarkText(b *testing.B) {
	m := New(planted, "root@oms")
	line := "2026-11-28 03:00:00.123 [http-nio-8090-exec-1] INFO  c.a.d.e.SOFABootRestApplication - GET /oms/health 200 12ms traceId=0a0000021764298000123100112345\n"
	text := strings.Repeat(line, 1<<20/len(line))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		m.Text(text)
	}
}
