package node

import (
	"io/fs"
	"os"
	"syscall"

	"omsinit/internal/atomicfile"
	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// Snapshot is config.yaml as it was when it was read: all parts of a command
// work with the same one, whatever becomes of the file meanwhile.
type Snapshot struct {
	// Name stands for the file in messages: its path, or <stdin>.
	Name string
	// Text is what the file holds, with its secrets; nil when it cannot be read.
	Text []byte
	// Config is nil when the file cannot be read or used; Err says why then: a
	// *config.Error is about what is in the file.
	Config   *config.Config
	Warnings []finding.Finding
	Err      error

	state fs.FileInfo // nil when there is no file
	https bool        // whether there was a certificate then, too
}

// Snapshot returns config.yaml as it was when it was first asked for.
func (n *Node) Snapshot() *Snapshot {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.snapshot == nil {
		n.snapshot = n.read()
	}
	return n.snapshot
}

// Config returns the configuration of the snapshot.
func (n *Node) Config() (*config.Config, error) {
	s := n.Snapshot()
	return s.Config, s.Err
}

// Load returns the snapshot as config.Load returns a file.
func (n *Node) Load() (*config.Config, []finding.Finding, error) {
	s := n.Snapshot()
	return s.Config, s.Warnings, s.Err
}

// Settings returns every key of the snapshot with its value and its origin, as
// config.Settings.
func (n *Node) Settings() ([]config.Setting, []finding.Finding, error) {
	s := n.Snapshot()
	if s.Err != nil {
		return nil, s.Warnings, s.Err
	}
	return config.Settings(s.Name, s.Text)
}

func (n *Node) read() *Snapshot {
	s := &Snapshot{Name: n.ConfigFile, https: n.Layout.HTTPS()}
	if n.fromStdin() {
		s.Name = "<stdin>"
		s.Text, s.Err = config.ReadFrom(s.Name, n.Stdin)
	} else {
		before, _ := os.Stat(n.ConfigFile) // ReadFile says what is wrong with the file
		s.Text, s.state, s.Err = config.ReadFile(n.ConfigFile)
		if s.Err == nil && !sameState(before, s.state) {
			s.Text = nil
			s.Err = finding.Transient(msg.Errorf("%s was changed while it was read; run the same command again",
				n.ConfigFile))
		}
	}
	if s.Err == nil {
		s.Config, s.Warnings, s.Err = config.Parse(s.Name, s.Text)
	}
	return s
}

// Refresh makes the next use of the snapshot read config.yaml again if the file
// is another one, or was written to, since it was read: for whoever has waited
// for a person or for another run.
func (n *Node) Refresh() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.snapshot != nil && n.outdated() {
		n.snapshot = nil
	}
}

// outdated reports whether the file is not the one that was read any more. It
// asks for its state and does not open it.
func (n *Node) outdated() bool {
	now, _ := os.Stat(n.ConfigFile)
	return !n.fromStdin() && !sameState(now, n.snapshot.state)
}

func (n *Node) fromStdin() bool { return n.ConfigFile == "-" && n.Stdin != nil }

// sameState reports whether a file is the same, and was not written to. Nil
// stands for a file that is not there.
func sameState(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && changeTime(a) == changeTime(b)
}

// changeTime moves with every change, also when a program sets the time of
// modification back.
func changeTime(info fs.FileInfo) syscall.Timespec {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ctim
	}
	return syscall.Timespec{}
}

// Overwrite puts a new text into config.yaml, which is mounted on its own and
// cannot be replaced, and makes it the snapshot.
func (n *Node) Overwrite(text []byte) error {
	if err := atomicfile.Overwrite(n.ConfigFile, text); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &Snapshot{Name: n.ConfigFile, Text: text, https: n.Layout.HTTPS()}
	s.Config, s.Warnings, s.Err = config.Parse(s.Name, text)
	s.state, _ = os.Stat(n.ConfigFile)
	n.snapshot = s
	return nil
}
