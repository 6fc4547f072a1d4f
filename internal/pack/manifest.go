package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/internal/pattern"
	"omsinit/scripts"
)

const manifestName = "pack.yaml"

// Manifest is pack.yaml, as it is read and as it is written.
type Manifest struct {
	Version int `yaml:"version"` // 1
	// Release is the OMS version as the oms_version table holds it, 4.2.3-CE.
	Release string `yaml:"release"`
	// Edition is CE or EE.
	Edition string `yaml:"edition"`
	// Standalone reports whether the pack directory is all there is of the pack:
	// nothing of the reference pack is below it.
	Standalone bool `yaml:"standalone"`
	// Register is who registers regions and nodes in step 5; ByRows when it is
	// not given.
	Register Registration `yaml:"register,omitempty"`
	// Restart names the programs of step 4 in the documented order; those that
	// the program files do not define are left out (oms-facts §4).
	Restart []string `yaml:"restart,flow"`
	// Ignore are the IDs of findings of step 1 that are warnings for this
	// release, not errors.
	Ignore []string `yaml:"ignore,flow,omitempty"`
	// Folders must exist before the components start.
	Folders []Folder `yaml:"folders,omitempty"`
	// Files are the generated files of step 3.
	Files []File `yaml:"files"`
	// Trial are the files that trial mode adds.
	Trial []File `yaml:"trial,omitempty"`
	// Ports are where the ports of config.yaml are set, for people.
	Ports []Port `yaml:"ports,omitempty"`
	// Validators are the programs that check a file before it goes live.
	Validators map[string]Validator `yaml:"validators,omitempty"`
	// Calls are the requests of step 5 to the CM, in order.
	Calls []Call `yaml:"calls,omitempty"`
	// Script does the old step 5 where its requests cannot be sent again; nil where they can.
	Script *Script `yaml:"script,omitempty"`
	// Missing are requests that the old step 5 sends and this pack cannot, for people.
	Missing []string `yaml:"missing,omitempty"`
	// Rows are those that step 5 writes itself after the calls, because the CM does not.
	Rows []Row `yaml:"rows,omitempty"`
	// MetaDB is what is known about servers as the MetaDB of this release.
	MetaDB []Server `yaml:"metadb,omitempty"`
	// TSDB is where the metrics go.
	TSDB TSDB `yaml:"tsdb,omitempty"`
	// Upgrade is how to come here from other releases.
	Upgrade Upgrade `yaml:"upgrade"`
}

// Encode returns the text of pack.yaml, with modes as people write them.
func (m Manifest) Encode() ([]byte, error) {
	var root yaml.Node
	if err := root.Encode(m); err != nil {
		return nil, err
	}
	octalModes(&root)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(&root)
	return b.Bytes(), err
}

func octalModes(n *yaml.Node) {
	for i, child := range n.Content {
		if mode, err := strconv.Atoi(child.Value); err == nil && i > 0 && n.Content[i-1].Value == "mode" {
			child.Value = fmt.Sprintf("%04o", mode)
		}
		octalModes(child)
	}
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
	p := &Pack{Manifest: m, fsys: fsys, calls: map[string]callTemplates{}}
	if len(p.Upgrade.Stop) == 0 {
		p.Upgrade.Stop = p.Restart // better too many than one that writes meanwhile
	}
	c := checker{pack: p, place: place, root: root, keys: configKeys()}
	c.manifest()
	if c.err != nil {
		return nil, msg.Errorf("cannot use the pack: %w", c.err)
	}
	return p, nil
}

// decode reads the text strictly. The node tree is kept for line numbers.
func decode(place string, data []byte) (m Manifest, root *yaml.Node, err error) {
	root, err = readYAML(place, data, &m)
	return m, root, err
}

// readYAML reads a text strictly, and returns its nodes, too. Errors name file and line, and are one line.
func readYAML(place string, data []byte, into any) (root *yaml.Node, err error) {
	root = new(yaml.Node)
	err = safely(func() error {
		if err := yaml.Unmarshal(data, root); err != nil {
			return err
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		return dec.Decode(into)
	})
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil, msg.Errorf("the file %s is empty", place)
	case errors.As(err, &wrong):
		return nil, yamlError(place, wrong.Errors[0])
	case err != nil:
		return nil, yamlError(place, err.Error())
	}
	return root, nil
}

// safely is for yaml.v3, which panics on some broken files instead of refusing them.
func safely(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the structure cannot be made out")
		}
	}()
	return read()
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
	// It quotes values as they are, line ends and all.
	return msg.Errorf("%s: %s", place, msg.Foreign(strings.Join(strings.FieldsFunc(text, unicode.IsControl), " ")))
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

func (c *checker) manifest() {
	m := &c.pack.Manifest
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
	if m.Register == "" {
		m.Register = ByRows
	}
	if m.Register != ByRows && m.Register != ByCalls {
		c.fail(msg.M("there is no way to register called %q; it is rows or calls", m.Register), "register")
	}
	seen := map[string]bool{}
	c.files(m.Files, "files", seen)
	c.files(m.Trial, "trial", seen)
	c.calls(m.Calls)
	c.script(m.Script)
	c.rows(m.Rows)
	c.ports(m.Ports)
	c.metadb(m.MetaDB)
	c.tsdb(&m.TSDB)
	c.upgrade(m.Upgrade)
	c.schema()
}

// userName is what useradd accepts. It is compiled when it is needed: that
// costs every start otherwise.
var userName = pattern.New(`^[a-z_][a-z0-9_-]*$`)

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
		c.evidence(f.Evidence.Path, list, i)
		c.evidence(f.Evidence.Template, list, i)
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

// evidence refuses a word that is none.
func (c *checker) evidence(e Evidence, at ...any) {
	if !slices.Contains([]Evidence{"", Documented, Observed, Guess}, e) {
		c.fail(msg.M("there is no evidence called %q; it is documented, observed or guess", e),
			append(at, "evidence")...)
	}
}

func (c *checker) ports(ports []Port) {
	for i, p := range ports {
		if !slices.Contains(config.KeysOf(config.ComponentPort), p.Key) {
			c.fail(msg.M("%q is no port of config.yaml", p.Key), "ports", i, "key")
		}
		if !slices.ContainsFunc(c.pack.Files, func(f File) bool { return f.Path == p.File }) {
			c.fail(msg.M("the pack has no file %q", p.File), "ports", i, "file")
		}
		c.evidence(p.Evidence, "ports", i)
	}
}
