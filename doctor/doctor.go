// Package doctor finds out why a node does not work: it collects what can be known about it, each source with a time
// limit of its own, and turns that into one ranked list of causes, each with the command to go on with.
package doctor

import (
	"context"
	"time"

	"omsinit/check"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/layout"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

// Limit bounds everything that is collected.
const Limit = 14 * time.Second

// Input is where the facts come from. A source that is nil is not asked.
type Input struct {
	Layout layout.Layout
	// System is where /proc and /sys are; empty means "/".
	System string
	// Address is that of this node, Build omsinit's version, Release that of the pack.
	Address, Build, Release string
	// Config is nil where config.yaml cannot be used; the check says why.
	Config *config.Config
	// Programs are those that the initialisation starts.
	Programs []string
	// Check and Cluster are those of `omsinit check` and `omsinit cluster check`.
	Check, Cluster func(context.Context) (check.Report, error)
	Status         func(context.Context) (*api.Status, error)
	// Logs are the files into which PID 1 writes a program's output, for when it does not answer.
	Logs     func() (map[string][]string, error)
	Files    func(context.Context) (Files, error)
	Schema   func(context.Context) (Schema, error)
	History  func() ([]Version, error)
	Symptoms func() (*pack.Symptoms, error)
	// Mask takes secrets out of lines of logs.
	Mask func(string) string
	// Since is how far back logs are read.
	Since time.Duration
	Now   func() time.Time
}

// Facts are what was collected. A part that could not be is nil, and its source says why.
type Facts struct {
	At       time.Time     `json:"at"`
	Address  string        `json:"address"`
	Hostname string        `json:"hostname"`
	Kernel   string        `json:"kernel"`
	Build    string        `json:"omsinit"`
	Release  string        `json:"release"`
	Took     time.Duration `json:"-"`

	Sources []Source `json:"sources"`

	Check    *check.Report    `json:"-"`
	Cluster  *check.Report    `json:"-"`
	Status   *api.Status      `json:"status,omitempty"`
	Programs []Words          `json:"last_words,omitempty"`
	Memory   *Memory          `json:"memory,omitempty"`
	Disks    []Disk           `json:"disks,omitempty"`
	Names    []Name           `json:"names,omitempty"`
	Files    *Files           `json:"files,omitempty"`
	Schema   *Schema          `json:"schema,omitempty"`
	MetaDB   *MetaDB          `json:"metadb,omitempty"`
	Runs     []InitRun        `json:"runs,omitempty"`
	History  []Version        `json:"history,omitempty"`
	Seen     []Seen           `json:"symptoms,omitempty"`
	Limits   Thresholds       `json:"thresholds"`
	statuses map[string]error // of sources that failed
}

// Source is one thing that was asked.
type Source struct {
	Name    string   `json:"name"`
	Seconds float64  `json:"seconds"`
	Error   msg.Text `json:"error,omitzero"`
	// Late: it gave no answer in time.
	Late bool `json:"late,omitempty"`
}

// Words are the last lines of the log of a program that is not ready.
type Words struct {
	Program string `json:"program"`
	File    string `json:"file"`
	Lines   string `json:"lines"`
}

// Files are how the generated files differ from what config.yaml says.
type Files struct {
	Changed []string `json:"changed"` // to be written by the next run
	Edited  []string `json:"edited"`  // by hand, with their keys
}

// Schema is how the databases differ from the schema of the pack.
type Schema struct {
	Recorded []string `json:"recorded"` // releases in oms_version
	Pending  []string `json:"pending"`  // files to be applied
	Missing  []string `json:"missing"`  // tables, columns and keys
	Changed  []string `json:"changed"`
	Problems []string `json:"problems"`
}

// MetaDB is what the databases say of this OMS beyond what the checks look at.
type MetaDB struct {
	Settings map[string]string `json:"settings"`
	// LockedUsers of the console have given a wrong password five times (docs/oms-facts.md §14.5).
	LockedUsers []string `json:"locked_users"`
	// UpgradedAgo is the age of the last of several rows of oms_version; 0 for one.
	UpgradedAgo time.Duration `json:"upgraded_ago_ns,omitempty"`
}

// Version is one entry of `omsinit config history`.
type Version struct {
	ID     string   `json:"id"`
	Reason string   `json:"reason"`
	Files  []string `json:"files"`
}

// InitRun is a log of the initialisation.
type InitRun struct {
	File     string    `json:"file"`
	At       time.Time `json:"at"` // of its last line
	LastLine string    `json:"last_line"`
}

// Cause is something that may be why the node does not work.
type Cause struct {
	finding.Finding
	// Next is the command to go on with, "" for none.
	Next string
	// From is the number of the cause that this one probably comes of, 0 for none.
	From int
	// Log and Lines are the end of the log of the program that it is about.
	Log, Lines string

	rank int
}

// Diagnosis is what came of it.
type Diagnosis struct {
	Facts  Facts
	Causes []Cause // the likeliest first
}

// Run collects the facts and judges them. It changes nothing.
func Run(ctx context.Context, in Input) Diagnosis {
	facts := collect(ctx, in)
	return Diagnosis{Facts: facts, Causes: judge(facts, in)}
}

// Failed reports whether there is an error among the causes.
func (d Diagnosis) Failed() bool {
	for _, c := range d.Causes {
		if c.Severity == finding.Error {
			return true
		}
	}
	return false
}
