package flow

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"omsinit/internal/node"
)

// TestRecord: what the files were made from is recognised again, and nothing else is taken for it.
func TestRecord(t *testing.T) {
	w := newWorld(t, nil)
	now := func() *node.Node { return node.New(w.given) }
	r := recordOf(w.layout)
	if r.matches(now()) {
		t.Fatal("a record that is not there matches")
	}
	if err := r.write(now()); err != nil {
		t.Fatal(err)
	}
	if !r.matches(now()) {
		t.Fatal("the record does not match what it was written for")
	}
	first := w.read(r.path)
	if strings.Contains(first, "Secret42") {
		t.Errorf("a password in %s", first)
	}
	if err := r.write(now()); err != nil || w.read(r.path) == first {
		t.Errorf("%v; the salt is the same again", err)
	}
	for name, change := range map[string]func(*node.Given){
		"host":             func(g *node.Given) { g.HostIP = "10.0.0.2" },
		"build":            func(g *node.Given) { g.Build = "2" },
		"no configuration": func(g *node.Given) { g.ConfigFile = "/nonexistent" },
	} {
		g := w.given
		change(&g)
		if r.matches(node.New(g)) {
			t.Errorf("another %s matches", name)
		}
	}
	w.values["oms_meta_password"] = "Secret43"
	w.writeConfig()
	if r.matches(now()) {
		t.Error("another password matches")
	}
	if err := r.write(node.New(node.Given{Layout: w.layout, ConfigFile: "/nonexistent"})); !errors.Is(err,
		os.ErrNotExist) {
		t.Errorf("a record of nothing: %v", err)
	}
	for _, text := range []string{"", "salt=\ninputs=\n", "inputs=x\n", "nonsense"} {
		w.write(r.path, text)
		if r.matches(now()) {
			t.Errorf("%q matches", text)
		}
	}
	if err := errors.Join(r.remove(), r.remove()); err != nil {
		t.Error(err)
	}
}

// TestFinished: it takes the marker and the record.
func TestFinished(t *testing.T) {
	w := newWorld(t, nil)
	n := node.New(w.given)
	if initialised(w.layout) || finished(n) {
		t.Error("a flag that is not there")
	}
	if err := writeInitFlag(w.layout.InitFlag(), "4.2.3-CE", time.Now()); err != nil || !initialised(w.layout) ||
		finished(n) {
		t.Errorf("the marker alone: %v", err)
	}
	if err := recordOf(w.layout).write(n); err != nil || !finished(n) {
		t.Errorf("both: %v", err)
	}
	w.write(w.layout.InitFlag(), "")
	if initialised(w.layout) || finished(n) {
		t.Error("an empty marker, as an image may have it")
	}
}
