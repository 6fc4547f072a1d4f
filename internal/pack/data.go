package pack

import (
	"encoding/base64"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"omsinit/internal/config"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
)

// Data is what templates are filled in from.
type Data struct {
	Config *config.Config
	Layout layout.Layout
	// HostIP is this node's own address (OMS_HOST_IP).
	HostIP string
	// HTTPS reports whether nginx has a certificate (oms-facts §10).
	HTTPS bool
	// EUIDRoot reports whether omsinit runs as root.
	EUIDRoot bool
	// Extra are the values that File.Values names.
	Extra map[string]any

	files []File // of the pack that is rendered
}

// derived are the names that templates may use beside the keys of config.yaml.
var derived = []string{"host_ip", "https", "cert_file", "key_file", "release", "root", "relocated", "euid_root"}

// values is the dot of a template. Secrets become text here and nowhere else.
func (d Data) values(release string, extra []string) (map[string]any, error) {
	out := map[string]any{}
	if d.Config != nil {
		out = d.Config.Values()
	}
	for key, value := range out {
		if secret, ok := value.(config.Secret); ok {
			out[key] = secret.Reveal()
		}
	}
	maps.Copy(out, map[string]any{
		"host_ip": d.HostIP, "https": d.HTTPS, "cert_file": d.Layout.CertFile(), "key_file": d.Layout.KeyFile(),
		"release": release, "root": d.Layout.Root(), "relocated": d.Layout.Relocated(), "euid_root": d.EUIDRoot,
	})
	for _, key := range extra {
		value, ok := d.Extra[key]
		if !ok {
			return nil, msg.Errorf("no value was given for %q", key)
		}
		out[key] = value
	}
	return out, nil
}

// encoders write a text in another form. Each is a function of templates.
var encoders = map[string]func(string) string{
	"urlpath":   url.PathEscape,
	"urlall":    func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") },
	"urlslash":  func(s string) string { return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(s)) },
	"urljava":   func(s string) string { return strings.NewReplacer("%2A", "*", "~", "%7E").Replace(url.QueryEscape(s)) },
	"urlscript": func(s string) string { return urlScript.Replace(url.QueryEscape(s)) },
	"xmlapos":   strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace,
	"xmlpython": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;").Replace,
	"xmlnumber": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace,
	"xmlmixed":  strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace,
	"xmlopen":   strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace,
	"xmlquot":   strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace,
	"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"xml": func(s string) string {
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
	},
	"xmltext": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace,
	"shell":   func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) },
	"dquoted": func(s string) string { return needsBackslash().ReplaceAllString(s, `\$0`) },
	"shlex": func(s string) string {
		if shellSafe().MatchString(s) {
			return s
		}
		return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
	},
	"doubled": func(s string) string { return strings.ReplaceAll(s, "'", "''") },
	// Texts are UTF-8, which JSON can always hold.
	"json":      func(s string) string { s, _ = escapeJSON(s); return s },
	"jsonascii": func(s string) string { s, _ = escapeJSONASCII(s); return s },
	// For a file of the spelling raw, in which some values are escaped and others are not.
	"javastore": func(s string) string { s, _ = escapePropertiesStore(s); return s },
	"javaupper": func(s string) string { return escapeProperty(s, `\u%04X`) },
	// A function of text/template itself.
	"urlquery": url.QueryEscape,
}

var (
	needsBackslash = pattern.New("[\\\\\"$`]")
	shellSafe      = pattern.New(`^[A-Za-z0-9_@%+=:,./-]+$`)
	urlScript      = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
)

// Encoders names the functions that write a text in another form, the likelier
// one first where two give the same.
func Encoders() []string {
	return []string{"urlquery", "urlall", "urlslash", "urljava", "urlscript", "urlpath", "base64",
		"xml", "xmltext", "xmlapos", "xmlpython", "xmlnumber", "xmlmixed", "xmlopen", "xmlquot",
		"shell", "dquoted", "shlex", "doubled", "json", "jsonascii", "javastore", "javaupper"}
}

// Forms returns every way in which a generated file may hold a text: as it is, and
// in the spellings of the formats and the forms of the encoders, for finding
// secrets.
func Forms(text string) []string {
	whole := []string{text}
	for _, encode := range encoders {
		whole = append(whole, encode(text))
	}
	out := slices.Clone(whole)
	for _, form := range whole {
		for format := range escapers {
			for _, spelling := range Spellings(format) {
				if escaped, ok := EscapeAs(format, spelling, form); ok {
					out = append(out, escaped)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// functions are what templates may call beside those of text/template.
//
//	path "/home/admin"         a container path, under the root of the tree
//	hostPort host port         host:port, with brackets around an IPv6 address
//	jdbcURL host port database the URL of a MetaDB database for a Java program
//	quote text                 one word of a command line
//	readBy "program"           the files that a program reads, by their readers, with commas between
//	setting "key"              a key of config.yaml that omsinit does not know, "" without it
//	withoutScheme url          http://host:port as host:port
//	urlHost url, urlPort url   the parts of http://host:port and of host:port
//	before mark text           what stands before the first mark; all of it without one
//	after mark text            what stands after the first mark; "" without one
//	join list separator        the list as one text
//	lower text                 in lower case
//	urlpath text               escaped as a part of a URL's path (urlquery: of its query)
//	urlall, urlslash text      as Python's urllib.parse.quote does, with safe="" and as it is
//	urljava, urlscript text    as Java's URLEncoder and JavaScript's encodeURIComponent do
//	xmlapos, xmlpython, xmlnumber, xmlmixed text
//	                           as xml, and ' as &apos;, &#x27; (Python's html.escape), &#39; (and " as &#34; or &quot;)
//	xmlopen, xmlquot text      with & and < escaped, and "
//	base64 text, xml text      in base64; with & < > and " escaped
//	xmltext text               with & < and > escaped
//	shell text                 what stands inside the single quotes of a shell
//	dquoted text               what stands inside the double quotes of a shell
//	shlex text                 a word of a shell, in quotes where it needs them, as Python's shlex.quote does
//	javastore text             as java.util.Properties.store writes a value
//	javaupper text             as a value of a properties file, with upper-case digits in \uXXXX
//	doubled text               with each single quote doubled, as YAML and SQL want it
//	json text, jsonascii text  what stands inside the quotes of JSON; with what is beyond ASCII as \uXXXX
func functions(d Data) template.FuncMap {
	all := template.FuncMap{
		"path":     d.Layout.Path,
		"hostPort": hostPort,
		"jdbcURL":  jdbcURL,
		"quote": func(s string) string {
			s, _ = escapeQuoted(s)
			return `"` + s + `"`
		},
		"readBy":        d.readBy,
		"setting":       d.setting,
		"withoutScheme": withoutScheme,
		"urlHost":       func(s string) string { host, _ := splitURL(s); return host },
		"urlPort":       func(s string) string { _, port := splitURL(s); return port },
		"before":        func(mark, s string) string { s, _, _ = strings.Cut(s, mark); return s },
		"after":         func(mark, s string) string { _, s, _ = strings.Cut(s, mark); return s },
		"join":          func(list []string, separator string) string { return strings.Join(list, separator) },
		"lower":         strings.ToLower,
	}
	for name, encode := range encoders {
		if name != "urlquery" {
			all[name] = encode
		}
	}
	return all
}

// readBy returns the paths of the pack's files that have a program among their readers, but for program files: a change
// of a program's own definition restarts it anyway.
func (d Data) readBy(program string) string {
	var paths []string
	for _, f := range d.files {
		if f.Format != INI && slices.Contains(f.Readers, program) {
			paths = append(paths, d.Layout.Path(f.Path))
		}
	}
	return strings.Join(paths, ",")
}

// setting returns a key that omsinit does not know. Secrets become text here too.
func (d Data) setting(key string) any {
	if d.Config == nil {
		return ""
	}
	switch v := d.Config.Extra[key].(type) {
	case config.Secret:
		return v.Reveal()
	case nil:
		return ""
	default:
		return v
	}
}

func withoutScheme(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		return rest
	}
	return s
}

func splitURL(s string) (host, port string) {
	host, port, err := net.SplitHostPort(withoutScheme(s))
	if err != nil {
		return withoutScheme(s), ""
	}
	return host, port
}

// placeholders are the functions as Open needs them: names and arguments.
func placeholders() template.FuncMap { return functions(Data{}) }

func hostPort(host string, port any) (string, error) {
	p, err := text(port)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), p), nil
}

// jdbcURL asks for utf8 as the documented components do (oms-facts §4).
func jdbcURL(host string, port any, database string) (string, error) {
	address, err := hostPort(host, port)
	if err != nil {
		return "", err
	}
	return "jdbc:mysql://" + address + "/" + url.PathEscape(database) + "?useUnicode=true&characterEncoding=utf8", nil
}

// configKeys are the names of config.yaml.
func configKeys() keys {
	k := keys{names: map[string]bool{}, secret: map[string]bool{}}
	for _, key := range config.Keys() {
		k.names[key.Name] = true
		if key.Secret {
			k.secret[key.Name] = true
		}
	}
	for _, name := range derived {
		k.names[name] = true
	}
	return k
}

// with adds the names that one file brings itself. They may be secrets: trial
// mode's password is one.
func (k keys) with(names []string) keys {
	if len(names) == 0 {
		return k
	}
	out := keys{names: maps.Clone(k.names), secret: k.secret}
	for _, name := range names {
		out.names[name] = true
	}
	return out
}

// Render returns the contents of a generated file.
func (p *Pack) Render(f File, d Data) ([]byte, error) {
	d.files = p.Files
	s, err := render(f.tmpl, d, p.Release, f.Values)
	if err != nil {
		return nil, msg.Errorf("cannot make %s from %s: %w", f.Path, p.fsys.place(f.Template), err)
	}
	return []byte(s), nil
}
