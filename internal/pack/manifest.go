package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"gopkg.in/yaml.v3"

	"omsinit/internal/msg"
	"omsinit/scripts"
)

const manifestName = "pack.yaml"

// manifest is pack.yaml.
type manifest struct {
	Version    int                  `yaml:"version"`
	Release    string               `yaml:"release"`
	Edition    string               `yaml:"edition"`
	Standalone bool                 `yaml:"standalone"`
	Register   Registration         `yaml:"register"`
	Restart    []string             `yaml:"restart"`
	Ignore     []string             `yaml:"ignore"`
	Folders    []Folder             `yaml:"folders"`
	Files      []File               `yaml:"files"`
	Trial      []File               `yaml:"trial"`
	Calls      []Call               `yaml:"calls"`
	Validators map[string]Validator `yaml:"validators"`
	TSDB       TSDB                 `yaml:"tsdb"`
	Upgrade    Upgrade              `yaml:"upgrade"`
}

// Open reads the reference pack with the files of dir over it. An empty dir,
// or one that does not exist, means the reference pack alone. The whole pack
// is checked here: what is wrong in it is found before anything is touched,
// with its file and line.
func Open(dir string) (*Pack, error) {
	if dir != "" {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			dir = ""
		case err != nil:
			return nil, msg.Errorf("cannot read the pack directory %s: %w", dir, err)
		case !info.IsDir():
			return nil, msg.Errorf("cannot read the pack directory %s: it is not a directory", dir)
		}
	}
	return open(overlay{dir: dir, lower: scripts.Pack})
}

func open(fsys overlay) (*Pack, error) {
	if fsys.standsAlone() {
		fsys.lower = nothing{}
	}
	place := fsys.place(manifestName)
	data, err := fs.ReadFile(fsys, manifestName)
	if err != nil {
		return nil, msg.Errorf("cannot read the pack: %w", err)
	}
	m, root, err := decode(place, data)
	if err != nil {
		return nil, msg.Errorf("cannot use the pack: %w", err)
	}
	p := &Pack{
		Release: m.Release, Edition: m.Edition, Standalone: m.Standalone, Register: m.Register,
		Restart: m.Restart, Ignore: m.Ignore, Folders: m.Folders,
		Files: m.Files, Trial: m.Trial, Calls: m.Calls, Validators: m.Validators, Upgrade: m.Upgrade,
		fsys: fsys, forms: map[string]map[string]*template.Template{},
	}
	if len(p.Upgrade.Stop) == 0 {
		p.Upgrade.Stop = p.Restart // better too many than one that writes meanwhile
	}
	c := checker{pack: p, place: place, root: root, keys: configKeys()}
	c.manifest(m)
	if c.err != nil {
		return nil, msg.Errorf("cannot use the pack: %w", c.err)
	}
	return p, nil
}

// decode reads the text strictly. The node tree is kept for line numbers.
func decode(place string, data []byte) (m manifest, root *yaml.Node, err error) {
	root = new(yaml.Node)
	if err := yaml.Unmarshal(data, root); err != nil {
		return m, nil, yamlError(place, err.Error())
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	err = dec.Decode(&m)
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return m, nil, msg.Errorf("the file %s is empty", place)
	case errors.As(err, &wrong):
		return m, nil, yamlError(place, wrong.Errors[0])
	case err != nil:
		return m, nil, yamlError(place, err.Error())
	}
	return m, root, nil
}

// yamlError puts the line where people look for it.
func yamlError(place, text string) error {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "yaml: "), "line ")
	if line, what, found := strings.Cut(rest, ": "); ok && found {
		place, text = place+":"+line, what
	}
	if field, ok := strings.CutPrefix(text, "field "); ok {
		if name, _, found := strings.Cut(field, " not found in type "); found {
			return msg.Errorf("%s: there is no field %q", place, name)
		}
	}
	return msg.Errorf("%s: %s", place, text)
}

// checker finds what is wrong in a manifest, and keeps the first fault.
type checker struct {
	pack  *Pack
	place string
	root  *yaml.Node
	keys  keys
	err   error
}

// fail notes a fault of the value under the given keys and indexes.
func (c *checker) fail(what msg.Message, at ...any) {
	if c.err == nil {
		c.err = msg.Errorf("%s:%d: %v", c.place, line(c.root, at), what)
	}
}

// line is where a value stands, or as near as the file goes: a field that is
// missing is looked for where its parent starts.
func line(n *yaml.Node, at []any) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, step := range at {
		var next *yaml.Node
		switch step := step.(type) {
		case string:
			for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
				if n.Content[i].Value == step {
					next = n.Content[i+1]
				}
			}
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

func (c *checker) manifest(m manifest) {
	if m.Version != 1 {
		c.fail(msg.M("version is %d; this omsinit reads version 1", m.Version), "version")
	}
	if m.Release == "" || strings.ContainsAny(m.Release, " \t\n'\"\\") {
		c.fail(msg.M("release is %q; it must be a version such as 4.2.3-CE", m.Release), "release")
	}
	for i, name := range m.Restart {
		if name == "" || slices.Contains(m.Restart[:i], name) {
			c.fail(msg.M("%q stands in the list twice, or is empty", name), "restart", i)
		}
	}
	for name, v := range m.Validators {
		if len(v.Command) == 0 || v.Command[0] == "" {
			c.fail(msg.M("the validator %q has no command", name), "validators", name)
		}
	}
	for i, f := range m.Folders {
		c.location(f.Path, f.Owner, f.Mode, f.When, "folders", i)
	}
	if c.pack.Register == "" {
		c.pack.Register = ByRows
	}
	if c.pack.Register != ByRows && c.pack.Register != ByCalls {
		c.fail(msg.M("there is no way to register called %q; it is rows or calls", c.pack.Register), "register")
	}
	seen := map[string]bool{}
	c.files(m.Files, "files", seen)
	c.files(m.Trial, "trial", seen)
	c.calls(m.Calls)
	c.tsdb(&m.TSDB)
	c.pack.TSDB = m.TSDB
	c.upgrade(m.Upgrade)
	c.schema()
}

// userName is what useradd accepts. It is compiled when it is needed: that
// costs every start otherwise.
var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`) })

// location checks what files and folders have in common.
func (c *checker) location(p, owner string, mode fs.FileMode, when []Condition, at ...any) {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		c.fail(msg.M("path is %q; it must be an absolute path of the container", p), append(at, "path")...)
	}
	if !userName().MatchString(owner) {
		c.fail(msg.M("owner is %q; it must be a user name, root or ds", owner), append(at, "owner")...)
	}
	if mode == 0 || mode > 0o777 {
		c.fail(msg.M("mode is %#o; it must be an octal number such as 0600", uint32(mode)), append(at, "mode")...)
	}
	for _, w := range when {
		if !slices.Contains([]Condition{InContainer, Relocated, EUIDRoot, OwnSupervisor}, w) {
			c.fail(msg.M("there is no condition %q", w), append(at, "when")...)
		}
	}
}

func (c *checker) files(files []File, list string, seen map[string]bool) {
	for i := range files {
		f := &files[i]
		at := func(field string) []any { return []any{list, i, field} }
		c.location(f.Path, f.Owner, f.Mode, f.When, list, i)
		if f.Needs != "" && !path.IsAbs(f.Needs) {
			c.fail(msg.M("needs is %q; it must be an absolute path of the container", f.Needs), at("needs")...)
		}
		if seen[f.Path] {
			c.fail(msg.M("path %s stands in the list twice", f.Path), at("path")...)
		}
		seen[f.Path] = true
		if f.Policy == "" {
			f.Policy = Replace
		}
		if f.Policy != Replace && f.Policy != Create {
			c.fail(msg.M("there is no policy %q; it is replace or create", f.Policy), at("policy")...)
		}
		keyed := f.Format == Properties || f.Format == JSON
		switch {
		case f.Merge == "" && keyed:
			f.Merge = Keys
		case f.Merge == "":
			f.Merge = Whole
		case f.Merge != Keys && f.Merge != Whole:
			c.fail(msg.M("there is no way to merge called %q; it is keys or whole", f.Merge), at("merge")...)
		case f.Merge == Keys && !keyed:
			c.fail(msg.M("a file of the format %q has no keys to merge by", f.Format), at("merge")...)
		}
		if _, ok := c.pack.Validators[f.Validate]; !ok && f.Validate != "" {
			c.fail(msg.M("there is no validator %q", f.Validate), at("validate")...)
		}
		if _, ok := escapers[f.Format]; !ok || f.Format == SQL {
			c.fail(msg.M("there is no format %q", f.Format), at("format")...)
			continue
		}
		if _, ok := spelledEscaper(f.Format, f.Spelling); !ok {
			c.fail(msg.M("there is no spelling %q of the format %q", f.Spelling, f.Format), at("spelling")...)
			continue
		}
		body, err := fs.ReadFile(c.pack.fsys, f.Template)
		if err != nil {
			c.fail(msg.M("cannot read the template: %v", err), at("template")...)
			continue
		}
		place, keys := c.pack.fsys.place(f.Template), c.keys.with(f.Values)
		f.tmpl, f.Secret, err = parseTemplate(place, string(body), f.Format, f.Spelling, keys)
		if err != nil && c.err == nil {
			c.err = err
		}
		if f.Secret && f.Mode&0o077 != 0 {
			c.fail(msg.M("%s holds a secret; its mode must be 0600, not %#o", f.Path, uint32(f.Mode)), at("mode")...)
		}
	}
}

func (c *checker) calls(calls []Call) {
	for i, call := range calls {
		if _, again := c.pack.forms[call.Name]; again || call.Name == "" {
			c.fail(msg.M("the name %q stands in the list twice, or is empty", call.Name), "calls", i, "name")
		}
		if call.Method != "GET" && call.Method != "POST" {
			c.fail(msg.M("method is %q; it is GET or POST", call.Method), "calls", i, "method")
		}
		if !strings.HasPrefix(call.Path, "/") {
			c.fail(msg.M("path is %q; it must start with a slash", call.Path), "calls", i, "path")
		}
		form := map[string]*template.Template{}
		for key, body := range call.Form {
			at := fmt.Sprintf("%s:%d", c.place, line(c.root, []any{"calls", i, "form", key}))
			t, _, err := parseTemplate(at, body, Plain, Standard, c.keys)
			if err != nil && c.err == nil {
				c.err = err
			}
			form[key] = t
		}
		c.pack.forms[call.Name] = form
	}
}
