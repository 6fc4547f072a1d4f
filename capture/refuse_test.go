package capture_test

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	reports "omsinit/capture/report"
	"omsinit/capture/source"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
)

const secretPassword = `Zq"7\x<&secret`

// plainValues is a configuration with one secret.
func plainValues() map[string]any {
	v := values(0)
	v["oms_meta_password"] = secretPassword
	return v
}

// A capture that would keep a secret as text writes nothing, and does not show it.
func TestSecretsAreRefused(t *testing.T) {
	t.Parallel()
	const file = "/home/ds/ghana/config/application-oms.properties"
	for name, tc := range map[string]struct{ text, want string }{
		"reversed is none":        {"a=" + "terces&<x", ""},
		"hidden in hex":           {"a=5a7122375c783c26736563726574", "oms_meta_password"},
		"in base64, in a word":    {"a=x" + base64.StdEncoding.EncodeToString([]byte(secretPassword)), ""},
		"another one by its name": {"b.password=hunter2", "b.password is named like a secret"},
		"a file is no secret":     {"b.password.file=/etc/secret", ""},
		"in XML, by its name": {"<a b=\"1\"><dbPassword type=\"x\">hunter2</dbPassword></a>",
			"dbPassword is named like a secret"},
		"with a slash":            {"b.secret_key=wJalr/K7MDhunter2", "b.secret_key is named like a secret"},
		"with special characters": {"b.password=a*b%c{hunter2$", "b.password is named like a secret"},
		"with braces":             {"b.password={{hunter2}}", "b.password is named like a secret"},
		"in an address": {"b.url=jdbc:mysql://h/d?useSSL=false&password=hunter2",
			"password is named like a secret"},
		"in an environment":          {`environment=A="1",DB_PASSWORD="hunter2"`, "DB_PASSWORD is named like a secret"},
		"stars are none":             {"b.password=******", ""},
		"nor is an address":          {"b.token.url=http://h/token?response_type=token", ""},
		"nor the environment's":      {"b.password=%(ENV_PASSWORD)s", ""},
		"a reference is none either": {"b.password=${env.PASSWORD}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := file
			if strings.HasPrefix(tc.text, "<") {
				file = "/home/ds/ghana/config/a.xml"
			}
			j := job(t, install(t, plainValues(), map[string]string{file: tc.text + "\n"}), nil)
			j.Files = []string{file}
			report, err := j.Run(context.Background())
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				data, _ := os.ReadFile(filepath.Join(j.Out, "templates", file))
				if strings.Contains(string(data), base64.StdEncoding.EncodeToString([]byte(secretPassword))) {
					t.Errorf("the template holds the secret: %s", data)
				}
				return
			}
			var refused *reports.SecretError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.want) ||
				!strings.Contains(err.Error(), file+":1") {
				t.Fatalf("%v", err)
			}
			if zh := msg.Chinese.Text(err); zh == err.Error() {
				t.Errorf("no Chinese for %q", zh)
			}
			for _, text := range []string{err.Error(), toJSON(t, report)} {
				if strings.Contains(text, "hunter2") || strings.Contains(text, secretPassword) {
					t.Errorf("it shows the secret: %s", text)
				}
			}
			if _, err := os.Stat(j.Out); err == nil {
				t.Error("a pack was written")
			}
		})
	}
	t.Run("said to be none", func(t *testing.T) {
		const place = "a.password=" + `Zq"7\\x<&secret` + "\n"
		j := job(t, install(t, plainValues(), map[string]string{file: place + "b.password=changeit\n"}), nil)
		j.Keep = []string{file + ":b.password"}
		if _, err := j.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	// The password was found nowhere: what is said to be none may be the password in a spelling that nobody knows.
	t.Run("said to be none, in its place", func(t *testing.T) {
		w := plainValues()
		w["oms_meta_password"] = "other-one"
		for name, second := range map[string]*source.Installation{
			"alone":   nil,
			"another": install(t, w, map[string]string{file: "b.password=bgure-bar\n"}), // rot13
			"missing": install(t, w, map[string]string{}),
		} {
			j := job(t, install(t, plainValues(), map[string]string{file: "b.password=Md" + `"7\\k<&frperg` + "\n"}),
				second)
			j.Keep = []string{file + ":b.password"}
			var refused *reports.SecretError
			if _, err := j.Run(context.Background()); !errors.As(err, &refused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		j := job(t, install(t, plainValues(), map[string]string{file: "b.password=changeit\n"}),
			install(t, w, map[string]string{file: "b.password=changeit\n"}))
		j.Keep = []string{file + ":b.password"}
		if _, err := j.Run(context.Background()); err != nil {
			t.Errorf("the same with another password: %v", err)
		}
	})
	// Two keys share a password: nobody can tell which of them a file means.
	t.Run("two keys with the same secret", func(t *testing.T) {
		v := plainValues()
		v["tsdb_password"] = secretPassword
		files := map[string]string{file: "x=" + `Zq"7\\x<&secret` + "\n"}
		j := job(t, install(t, v, files), nil)
		var refused *reports.SecretError
		if _, err := j.Run(context.Background()); !errors.As(err, &refused) {
			t.Errorf("%v", err)
		}
		w := plainValues()
		w["oms_meta_password"], w["tsdb_password"] = "other-one", "second-one"
		j = job(t, install(t, v, files), install(t, w, map[string]string{file: "x=second-one\n"}))
		if _, err := j.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(filepath.Join(j.Out, "templates", file)); string(data) != "x={{.tsdb_password}}\n" {
			t.Errorf("%s", data)
		}
	})
}

// A line that the second installation does not have could not be compared, so a
// secret in it is one.
func TestSecretInALineThatWasNotCompared(t *testing.T) {
	const file = "/home/ds/ghana/config/application-oms.properties"
	v, w := plainValues(), plainValues()
	v["tsdb_password"], w["oms_meta_password"], w["tsdb_password"] = secretPassword, "other-one", "second-one"
	j := job(t, install(t, v, map[string]string{file: "a=1\nx=" + `Zq"7\\x<&secret` + "\nb=2\n"}),
		install(t, w, map[string]string{file: "a=1\nb=2\n"}))
	var refused *reports.SecretError
	if _, err := j.Run(context.Background()); !errors.As(err, &refused) || !strings.Contains(err.Error(), file+":2") {
		t.Errorf("%v", err)
	}
}

// A second installation whose config.yaml was edited but that was never
// initialised again has the files of the first, and says nothing about them.
func TestSecretInTheSameFile(t *testing.T) {
	const file = "/home/ds/ghana/config/application-oms.properties"
	files := map[string]string{file: "a=oms_cm_hb\nx=" + `Zq"7\\x<&secret` + "\n"}
	w := plainValues()
	w["oms_meta_password"] = "other-one"
	j := job(t, install(t, plainValues(), files), install(t, w, files))
	var refused *reports.SecretError
	if _, err := j.Run(context.Background()); !errors.As(err, &refused) || !strings.Contains(err.Error(), file+":2") {
		t.Errorf("%v", err)
	}
}

// The links of a container are absolute; those of a copy mean the copy.
func TestLinksOfTheSecond(t *testing.T) {
	const file = "/home/ds/ghana/config/application-oms.properties"
	v, w := plainValues(), plainValues()
	w["drc_cm_db"] = "second_cm"
	elsewhere := filepath.Join(t.TempDir(), "real.properties")
	a := install(t, v, map[string]string{file: "db=" + v["drc_cm_db"].(string) + "\n"})
	b := install(t, w, map[string]string{elsewhere: "db=second_cm\n"})
	if err := os.WriteFile(elsewhere, []byte("db="+v["drc_cm_db"].(string)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := b.Tree.Path(file)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	j := job(t, a, b)
	if r := run(t, j); !r.Verified {
		t.Error(r.Differences)
	}
	if data, _ := os.ReadFile(filepath.Join(j.Out, "templates", file)); string(data) != "db={{.drc_cm_db}}\n" {
		t.Errorf("%s", data)
	}
}

// What would never end is no file to compare with.
func TestPipeInTheSecond(t *testing.T) {
	const file = "/home/ds/ghana/config/application-oms.properties"
	a := install(t, plainValues(), map[string]string{file: "db=oms_cm_hb\n"})
	b := install(t, plainValues(), nil)
	if err := os.MkdirAll(filepath.Dir(b.Tree.Path(file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(b.Tree.Path(file), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, job(t, a, b))
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// One installation alone: what is ambiguous stays text and is listed.
func TestAmbiguous(t *testing.T) {
	const file = "/home/ds/ghana/config/application-oms.properties"
	v := plainValues()
	v["cm_location"], v["oms_meta_user"] = 1, "root"
	v["oms_meta_host"], v["cm_url"] = "10.0.0.2", "http://10.0.0.2:8088"
	j := job(t, install(t, v, map[string]string{file: strings.Join([]string{
		"retries=1", "cm.location=1", "owner=root", "some.address=10.0.0.2", "cm=http://10.0.0.2:8088", "metrics.url=",
		"port=8089", "big=8089", "backup=oms_cm_hb_2",
	}, "\n")}), nil)
	report, err := j.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(filepath.Join(j.Out, "templates", file))
	want := "retries=1\ncm.location={{.cm_location}}\nowner=root\nsome.address=10.0.0.2\ncm={{.cm_url}}\nmetrics.url=\nport={{.nginx_server_port}}\nbig=8089\nbackup={{.drc_cm_heartbeat_db}}_2"
	if string(data) != want {
		t.Errorf("%s\nwant\n%s", data, want)
	}
	listed := func(line int, candidate string) bool {
		return slices.ContainsFunc(report.Findings, func(f finding.Finding) bool {
			return f.ID == "capture.text" && f.Place.Line == line &&
				slices.Contains(finding.Facts(f.Facts)["candidates"].([]string), candidate)
		})
	}
	for line, candidate := range map[int]string{3: "{{.oms_meta_user}}", 4: "{{.oms_meta_host}}", 6: "{{.tsdb_url}}",
		8: "{{.nginx_server_port}}"} {
		if !listed(line, candidate) {
			t.Errorf("line %d: %s is not listed: %s", line, candidate, toJSON(t, report.Findings))
		}
	}
	if !report.Verified {
		t.Error(report.Differences)
	}
}

func TestOutMustBeEmpty(t *testing.T) {
	j := job(t, install(t, plainValues(), map[string]string{"/home/ds/ghana/config/application-oms.properties": "a=" +
		"oms_cm_hb\n"}), nil)
	if err := os.MkdirAll(j.Out, 0o755); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(j.Out, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	// A slip of the pen: what is no pack is never replaced.
	j.Force = true
	if _, err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "is no pack") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(j.Out, "pack.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err == nil {
		t.Error("--force left the old contents")
	}
	if entries, _ := os.ReadDir(filepath.Dir(j.Out)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := pack.Open(j.Out); err != nil {
		t.Error(err)
	}
}

// One installation with several nodes shows which lines there are for each.
func TestLinePerNode(t *testing.T) {
	const file = "/home/ds/cm/package/config/hosts.json"
	v := plainValues()
	v["cm_nodes"] = []string{"10.3.0.1", "10.3.0.11", "10.3.0.2"}
	text := "{\n  \"hosts\": [\n    \"10.3.0.1:8088\",\n    \"10.3.0.11:8088\",\n    \"10.3.0.2:8088\"\n  ],\n  \"self\": \"10.3.0.1\"\n}\n"
	j := job(t, install(t, v, map[string]string{file: text}), nil)
	if r := run(t, j); !r.Verified {
		t.Error(r.Differences)
	}
	p, err := pack.Open(j.Out)
	if err != nil {
		t.Fatal(err)
	}
	v["cm_nodes"], v["cm_server_port"] = []string{"10.4.0.1"}, 7000
	other := install(t, v, nil)
	made, err := p.Render(p.Files[0], pack.Data{Config: other.Config, HostIP: other.HostIP})
	if want := "{\n  \"hosts\": [\n    \"10.4.0.1:7000\"\n  ],\n  \"self\": \"10.4.0.1\"\n}\n"; err != nil ||
		string(made) != want {
		t.Errorf("%s, %v\nwant\n%s", made, err, want)
	}
}

// What the image ships is left alone, however much of it there is.
func TestFilesOfTheImage(t *testing.T) {
	files := map[string]string{
		"/home/ds/cm/package/config/jdbc.properties":   "u=jdbc:mysql://10.0.0.1:2881/oms_cm\n",
		"/home/ds/cm/package/config/static.properties": "port=8088\nuser=oms\nhost=127.0.0.1\n",
		"/home/ds/cm/package/config/long.txt":          strings.Repeat("x oms 8088 ", 80_000),
		"/home/admin/conf/config.yaml.bak":             "oms_cm_hb",
		"/home/ds/ghana/config/binary":                 "oms_cm_hb\x00",
	}
	j := job(t, install(t, plainValues(), files), nil)
	report := run(t, j)
	if len(report.Files) != 1 || report.Files[0].Path != "/home/ds/cm/package/config/jdbc.properties" {
		t.Errorf("%v", report.Files)
	}
}

// TestSpellingsOfSecrets: whatever is done to a password, a pack does not hold it: it is a template, or it is refused
// by the name of its key.
func TestSpellingsOfSecrets(t *testing.T) {
	t.Parallel()
	const password, account = `Zq'7"\x $y<&密k{{%+`, "root@oms"
	digest := func(sum []byte) string { return hex.EncodeToString(sum) }
	md, sha, sha2 := md5.Sum([]byte(password)), sha1.Sum([]byte(password)), sha256.Sum256([]byte(password))
	mysql := sha1.Sum(sha[:])
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(password)
	if err != nil {
		t.Fatal(err)
	}
	lower := func(s string) string {
		return regexp.MustCompile(`%..`).ReplaceAllStringFunc(s, strings.ToLower)
	}
	each := func(form string) string {
		var b strings.Builder
		for _, r := range password {
			fmt.Fprintf(&b, form, r)
		}
		return b.String()
	}
	backwards := []rune(password)
	slices.Reverse(backwards)
	python, _ := json.Marshal(password)
	texts, lines := map[string]string{}, map[string]string{} // by file
	for name, text := range map[string]string{
		"as it is":         password,
		"shlex.quote":      `'` + strings.ReplaceAll(password, `'`, `'"'"'`) + `'`,
		"single quotes":    `'` + strings.ReplaceAll(password, `'`, `'\''`) + `'`,
		"double quotes":    `"` + regexp.MustCompile("[\"\\\\$`]").ReplaceAllString(password, `\$0`) + `"`,
		"$'...'":           `$'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + `'`,
		"$'...' in octal":  `$'` + strings.NewReplacer(`\`, `\134`, `'`, `\047`).Replace(password) + `'`,
		"backslashes":      regexp.MustCompile("[^A-Za-z0-9\u5bc6]").ReplaceAllString(password, `\$0`),
		"basic":            "Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password)),
		"basic, for a URL": base64.RawURLEncoding.EncodeToString([]byte("a:" + password)),
		"base64 of base64": base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(
			password)))),
		"URL":                  url.QueryEscape(password),
		"URL, lower case":      lower(url.QueryEscape(password)),
		"URL path, lower case": lower(url.PathEscape(password)),
		"URL twice":            url.QueryEscape(url.QueryEscape(password)),
		"XML, decimal":         each("&#%d;"),
		"XML, hexadecimal":     each("&#x%X;"),
		"XML, quotes kept":     strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(password),
		"XML, apostrophe": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", `"`,
			"&quot;").Replace(password),
		"JSON":                 string(python),
		"JSON in JSON":         strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(python)),
		`\u`:                   each(`\u%04x`),
		`\u, upper case`:       each(`\u%04X`),
		"SQL":                  strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(password),
		"GBK":                  gbk,
		"ConfigParser":         strings.ReplaceAll(password, "%", "%%"),
		"crontab":              strings.ReplaceAll(password, "%", `\%`),
		"GBK in base64":        base64.StdEncoding.EncodeToString([]byte(gbk)),
		"GBK in a URL":         url.QueryEscape(gbk),
		"hex":                  digest([]byte(password)),
		"hex, upper case":      strings.ToUpper(digest([]byte(password))),
		"reversed":             string(backwards),
		"MD5":                  digest(md[:]),
		"SHA-1":                "{SHA}" + base64.StdEncoding.EncodeToString(sha[:]),
		"SHA-256":              strings.ToUpper(digest(sha2[:])),
		"MySQL":                "*" + strings.ToUpper(digest(mysql[:])),
		"MD5 with the account": digest(func() []byte { s := md5.Sum([]byte(account + ":" + password)); return s[:] }()),
	} {
		for _, end := range []string{".txt", ".properties"} {
			for where, before := range map[string]string{"alone": "x = ", "in an option": "JAVA_OPTS=-Da.b="} {
				file := fmt.Sprintf("/home/ds/ghana/config/%d%s", len(texts), end)
				texts[file], lines[file] = before+text+"\n", name+", "+where
			}
		}
	}
	v := plainValues()
	v["oms_meta_password"], v["oms_meta_user"] = password, account
	taken := slices.Sorted(maps.Keys(texts))
	capture := func() (string, error) {
		j := job(t, install(t, v, texts), nil)
		j.Files = taken
		_, err := j.Run(context.Background())
		return j.Out, err
	}
	// What is refused is named. The others are taken then, as templates.
	_, err = capture()
	var refused *reports.SecretError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the refusal shows the password: %v", err)
	}
	for _, f := range refused.Findings {
		if strings.Contains(f.Message.String(), "oms_meta_password") {
			delete(texts, f.Place.File)
		}
	}
	taken = slices.Sorted(maps.Keys(texts))
	out, err := capture()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range taken {
		data, _ := os.ReadFile(filepath.Join(out, "templates", file))
		if !strings.Contains(string(data), ".oms_meta_password") {
			t.Errorf("%s, %s: kept as text: %s", file, lines[file], data)
		}
	}
	if len(taken) == 0 || len(taken) == len(lines) {
		t.Errorf("%d of %d are templates", len(taken), len(lines))
	}
}

// TestUnescapedSecrets: a secret is escaped for its file, in whatever quotes it stands, or refused: as root sources the
// file, a $(…) in another password would run.
func TestUnescapedSecrets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, password, line, want string }{
		"a word of a shell": {"a.sh", "abc-123-xyz", "export X=abc-123-xyz",
			"export X={{shlex .oms_meta_password}}"},
		"a word of Python's": {"a.env", "abc'$1", `X='abc'"'"'$1'`, "X={{shlex .oms_meta_password}}"},
		"in single quotes":   {"a.sh", "abc-123-xyz", "X='abc-123-xyz'", "X='{{shell .oms_meta_password}}'"},
		"in double quotes": {"a.sh", "abc-123-xyz", `X="-p abc-123-xyz"`,
			`X="-p {{dquoted .oms_meta_password}}"`},
		"with a dollar":      {"a.sh", "abc$(id)x", `X="abc\$(id)x"`, `X="{{dquoted .oms_meta_password}}"`},
		"a dollar that runs": {"a.sh", "abc$(id)x", `X="abc$(id)x"`, ""},
		"a space that parts": {"profile", "abc 1xyz", "export X=abc 1xyz", ""},
		"by what is in it": {"x", "abc-123-xyz", "export X=abc-123-xyz",
			"export X={{shlex .oms_meta_password}}"},
		"XML": {"a.xml", "abc-123-xyz", `<a b="abc-123-xyz"/>`,
			`<a b="{{xml .oms_meta_password}}"/>`},
		"XML, quotes kept": {"a.xml", `abc"<1xyz`, `<a>abc"&lt;1xyz</a>`,
			`<a>{{xmltext .oms_meta_password}}</a>`},
		"XML, nothing escaped": {"a.xml", `abc&1xyz`, `<a>abc&1xyz</a>`, ""},
		"YAML": {"a.yaml", "abc-123-xyz", "x: 'abc-123-xyz'",
			"x: '{{doubled .oms_meta_password}}'"},
		"YAML without quotes":       {"a.yaml", "abc-123-xyz", "x: abc-123-xyz", ""},
		"properties":                {"a.properties", "abc-123-xyz", "x=abc-123-xyz", "x={{.oms_meta_password}}"},
		"properties, not escaped":   {"a.properties", `abc\1xyz`, `x=abc\1xyz`, ""},
		"what has no syntax at all": {"a.txt", "abc-123-xyz", "abc-123-xyz", "{{.oms_meta_password}}"},
	} {
		t.Run(name, func(t *testing.T) {
			v, file := plainValues(), "/home/ds/ghana/config/"+tc.file
			v["oms_meta_password"] = tc.password
			j := job(t, install(t, v, map[string]string{file: tc.line + "\n"}), nil)
			j.Files = []string{file}
			_, err := j.Run(context.Background())
			data, _ := os.ReadFile(filepath.Join(j.Out, "templates", file))
			var refused *reports.SecretError
			switch {
			case tc.want == "" && !errors.As(err, &refused):
				t.Errorf("%v, %s", err, data)
			case tc.want != "" && (err != nil || string(data) != tc.want+"\n"):
				t.Errorf("%s, %v", data, err)
			}
		})
	}
}

// TestSecretsBelowAllSpellings: what differs, is explained by nothing and is made of a password is refused, whatever
// was done to it.
func TestSecretsBelowAllSpellings(t *testing.T) {
	for name, spelled := range map[string]func(string) string{
		"percents": func(s string) string { return strings.ReplaceAll(s, "%", "%%") },
		"reversed": func(s string) string {
			runes := []rune(strings.ReplaceAll(s, "密", "?"))
			slices.Reverse(runes)
			return string(runes)
		},
		"in pieces": func(s string) string { return strings.Join(strings.Split(s, ""), `\`) },
	} {
		files := func(password string) map[string]string {
			return map[string]string{"/home/ds/cm/agent.ini": "a = 1\ndsn = jdbc:" + spelled(password) + "\n"}
		}
		v, w := plainValues(), plainValues()
		v["oms_meta_password"], w["oms_meta_password"] = `A1 !"#$%&'()*+,密-./:;<=>?@`, `tso\B'9"</p>&%40 $x`
		j := job(t, install(t, v, files(v["oms_meta_password"].(string))),
			install(t, w, files(w["oms_meta_password"].(string))))
		j.Files = []string{"/home/ds/cm/agent.ini"}
		_, err := j.Run(t.Context())
		if refused := new(reports.SecretError); !errors.As(err, &refused) ||
			!strings.Contains(err.Error(), "oms_meta_password") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
