package flow

import (
	"strings"
	"testing"
	"time"

	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// TestPulseOfStep1: it names the checks that have not finished, and what it says of itself is not what it does.
func TestPulseOfStep1(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	f := w.flow()
	f.pulseInterval = 20 * time.Millisecond
	f.progress.checking("metadb.connect", msg.M("Check the connection to the MetaDB."), true)
	f.progress.checking("host.ip", msg.M("Check the IP address of this node (OMS_HOST_IP)."), true)
	f.progress.checking("host.ip", msg.Message{}, false)
	stop := f.pulse(t.Context(), Phases[0])
	defer stop()
	deadline := time.After(60 * time.Second)
	for said := ""; strings.Count(said, "waiting for metadb.connect: Check the connection to the MetaDB.") < 2; {
		select {
		case <-deadline:
			t.Fatalf("not said twice:\n%s", said)
		case <-time.After(10 * time.Millisecond):
		}
		f.mu.Lock()
		said = w.errOut.String()
		f.mu.Unlock()
		if strings.Contains(said, "host.ip") {
			t.Fatalf("a check that has ended is waited for:\n%s", said)
		}
	}
	if last := f.lastSaid(); !last.IsZero() {
		t.Errorf("what it does: %v", last)
	}
}

// TestPulse: a step that takes long says what it waits for, again and again, and nothing after it has ended.
func TestPulse(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	w.pid1.programs[1].Ready, w.pid1.programs[1].State = false, "STARTING"
	w.pid1.programs[1].ProbeAnswer = msg.Text{English: "connection refused"}
	f := w.flow()
	f.pulseInterval = 20 * time.Millisecond
	var err error
	if f.pack, err = f.Pack(); err != nil {
		t.Fatal(err)
	}
	f.whole = true
	stop := f.pulse(t.Context(), Phases[3])
	deadline := time.After(60 * time.Second)
	for said := ""; strings.Count(said, "oms_console (STARTING): connection refused") < 2; {
		select {
		case <-deadline:
			t.Fatalf("not said twice:\n%s", said)
		case <-time.After(10 * time.Millisecond):
		}
		f.mu.Lock()
		said = w.errOut.String()
		f.mu.Unlock()
	}
	stop()
	if said := w.errOut.String(); strings.Contains(said, "nginx") {
		t.Errorf("a program that is ready is waited for:\n%s", said)
	}
	w.pid1.mu.Lock()
	if n := len(w.pid1.pulses); n != 1 ||
		w.pid1.pulses[0].Doing[0].English != "waiting for oms_console (STARTING): connection refused" {
		t.Errorf("what PID 1 was told, once for each change: %+v", w.pid1.pulses)
	}
	w.pid1.pulses = nil
	w.pid1.mu.Unlock()
	f.say(msg.M("waiting for the CM at %s: %v", "http://x", "no answer"))
	stop = f.pulse(t.Context(), Phases[4])
	for told := 0; told == 0; {
		select {
		case <-deadline:
			t.Fatal("PID 1 was not told what was said last")
		case <-time.After(10 * time.Millisecond):
		}
		w.pid1.mu.Lock()
		told = len(w.pid1.pulses)
		w.pid1.mu.Unlock()
	}
	stop()
}
