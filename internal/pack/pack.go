// Package pack reads what differs from one OMS release to the next: schema,
// templates of generated files, program files, CM calls. It is data, never Go.
// The binary carries the reference pack, made from public documents; an image
// lays its own files over it, file by file.
package pack

import (
	"io/fs"
	"slices"
	"text/template"
)

// Pack is the data of one release. It is checked as a whole by Open and does
// not change afterwards.
type Pack struct {
	Manifest
	fsys  overlay
	calls map[string]callTemplates // by name
	rows  []rowTemplates
}

// File is one generated file.
type File struct {
	// Template is its name in the pack's tree.
	Template string `yaml:"template"`
	// Path is where it goes, as a path of the container.
	Path string `yaml:"path"`
	// Owner is a user name. It counts in the container only: a relocated tree
	// belongs to whoever runs it.
	Owner string      `yaml:"owner"`
	Mode  fs.FileMode `yaml:"mode"`
	// Format decides how values are escaped and how the result is checked.
	Format Format `yaml:"format"`
	// Spelling is how values are escaped where a format has several ways;
	// empty is Standard.
	Spelling Spelling `yaml:"spelling,omitempty"`
	// Merge is how what people wrote into the file survives. When it is not
	// given it is Keys for the formats that have keys, and Whole for others.
	Merge  Merge  `yaml:"merge,omitempty"`
	Policy Policy `yaml:"policy,omitempty"` // Replace when it is not given
	// Readers are the programs that read the file.
	Readers []string `yaml:"readers,flow,omitempty"`
	// Unread says that no program reads the file, so that it is no oversight that it has no readers.
	Unread bool `yaml:"unread,omitempty"`
	// Validate names one of the pack's Validators; empty means that the format
	// alone is checked.
	Validate string `yaml:"validate,omitempty"`
	// When are conditions that must all hold for the file to be made.
	When []Condition `yaml:"when,flow,omitempty"`
	// Needs is a file of the image, as a path of the container, without which
	// this one is not made; empty means none.
	Needs string `yaml:"needs,omitempty"`
	// Values are names that the template uses beyond those of config.yaml,
	// handed in as Data.Extra.
	Values   []string     `yaml:"values,flow,omitempty"`
	Evidence FileEvidence `yaml:"evidence,flow,omitempty"`
	// Secret reports whether the template uses a secret of config.yaml.
	Secret bool `yaml:"-"`

	tmpl *template.Template
}

// Folder is one folder that must exist. One that does is left as it is, but
// for its owner where Claim is set: Docker makes the folders of bind mounts
// for root.
type Folder struct {
	Path  string      `yaml:"path"`
	Owner string      `yaml:"owner"`
	Mode  fs.FileMode `yaml:"mode"`
	Claim bool        `yaml:"claim,omitempty"`
	When  []Condition `yaml:"when,flow,omitempty"`
}

// Format is the syntax of a generated file.
type Format string

// The formats there are.
const (
	Properties Format = "properties" // Java properties, readable as Latin-1 and as UTF-8
	JSON       Format = "json"       // actions of the template stand inside quotes, or are numbers and booleans
	Nginx      Format = "nginx"      // actions stand inside double quotes, or are numbers
	INI        Format = "ini"        // Supervisor's dialect
	SSHD       Format = "sshd"       // sshd_config; actions stand inside double quotes, or are numbers
	Plain      Format = "plain"      // nothing is escaped
	SQL        Format = "sql"        // of schema files only; actions stand inside single quotes, or are numbers
)

// Spelling is one of several ways in which a format can write the same value.
// Files that another program used to write keep its way, to the byte.
type Spelling string

// The spellings there are.
const (
	Standard Spelling = ""
	UTF8     Spelling = "utf8"  // properties: what is beyond ASCII stays as it is
	Store    Spelling = "store" // properties: as java.util.Properties.store does
	ASCII    Spelling = "ascii" // JSON: what is beyond ASCII as \uXXXX, as Python's json does
	Raw      Spelling = "raw"   // nothing is escaped, whatever the value does to the file
)

// Registration is who registers regions and nodes.
type Registration string

// The ways there are.
const (
	// ByRows: step 5 writes the documented tables, after the calls.
	ByRows Registration = "rows"
	// ByCalls: the calls do it, and step 5 writes no row.
	ByCalls Registration = "calls"
)

// Policy is what happens to a file that exists.
type Policy string

// The policies there are.
const (
	Replace Policy = "replace" // it is always as the template says
	Create  Policy = "create"  // it is left alone
)

// Merge is how a file that people edited is brought up to date.
type Merge string

// The ways there are.
const (
	// Keys merges key by key; the format must be Properties or JSON.
	Keys Merge = "keys"
	// Whole keeps an edited file as it is as long as its template and
	// config.yaml would not change it, and then saves it beside the new one.
	Whole Merge = "whole"
)

// Condition is something about the node that files and folders may depend on.
type Condition string

// The conditions there are.
const (
	InContainer Condition = "container" // the tree is at /
	Relocated   Condition = "relocated" // the tree was moved under another root
	EUIDRoot    Condition = "euid_root" // omsinit runs as root
	// OwnSupervisor holds where the program files are those of the reference
	// pack, or not there yet. It does not hold in a real OMS image, whose
	// program files name other start scripts than ours.
	OwnSupervisor Condition = "own_supervisor"
)

// Validator is a program that checks a file.
type Validator struct {
	// Command is run without a shell. {file} is the file, {hostkey} a
	// throw-away SSH host key.
	Command []string `yaml:"command,flow"`
	// Unable lists texts of its output that mean that it could not check at
	// all, for a reason that is not in the file.
	Unable []string `yaml:"unable,flow,omitempty"`
}

// Call is one request to the CM (oms-facts §5).
type Call struct {
	Name   string `yaml:"name"`
	Method string `yaml:"method"`
	// Path is a template, as are Body and the values of Query and Form. What comes from config.yaml is escaped by
	// urlpath in it.
	Path  string            `yaml:"path"`
	Query map[string]string `yaml:"query,omitempty"`
	// Form is the body as a form, or the query of a GET.
	Form map[string]string `yaml:"form,omitempty"`
	// Body is a body that is no form, and ContentType what it is. Values in JSON are escaped for it.
	Body        string `yaml:"body,omitempty"`
	ContentType string `yaml:"content_type,omitempty"`
	// Header are further headers, as templates. Cookies that the CM sets are sent back anyway.
	Header map[string]string `yaml:"header,omitempty"`
	// Timeout is how long one attempt may take, in seconds; 0 is 20.
	Timeout int `yaml:"timeout,omitempty"`
	// Answer is how success is told.
	Answer Answer `yaml:"answer,omitempty"`
	// Status are HTTP statuses besides 200 that mean success.
	Status []int `yaml:"status,flow,omitempty"`
	// Done are the error codes that mean that the work had been done before.
	Done     []int    `yaml:"done,flow,omitempty"`
	Evidence Evidence `yaml:"evidence,omitempty"`
}

// Answer is how it is told from an answer of the CM that a call has succeeded.
type Answer string

// The ways there are.
const (
	ByField  Answer = ""       // by isSuccess in it, the documented way (oms-facts §5)
	ByStatus Answer = "status" // by the HTTP status alone
)

// Evidence is how it is known that something is as the pack says; empty is not said.
type Evidence string

// The evidence there is.
const (
	Documented Evidence = "documented" // public documents say so
	Observed   Evidence = "observed"   // it was seen in an installation
	Guess      Evidence = "guess"
)

// FileEvidence is how a file is known: that it is there and who reads it, and what is in it, of which the least certain
// part counts.
type FileEvidence struct {
	Path     Evidence `yaml:"path,omitempty" json:"path,omitempty"`
	Template Evidence `yaml:"template,omitempty" json:"template,omitempty"`
}

// Port is where a port of config.yaml is set.
type Port struct {
	Key string `yaml:"key" json:"key"`
	// File is the path of one of the pack's files.
	File     string   `yaml:"file" json:"file"`
	Evidence Evidence `yaml:"evidence,omitempty" json:"evidence,omitempty"`
}

// FS is the pack's tree: pack.yaml, schema/{rm,cm,hb}/*.sql, templates/*,
// supervisor/*.
func (p *Pack) FS() fs.FS { return p.fsys }

// Source returns where a file of the tree comes from: its path in the pack
// directory, or "embedded".
func (p *Pack) Source(name string) string { return p.fsys.source(name) }

// Applies reports whether all conditions are among those that hold.
func Applies(when, holds []Condition) bool {
	for _, c := range when {
		if !slices.Contains(holds, c) {
			return false
		}
	}
	return true
}
