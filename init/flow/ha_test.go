package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// TestHA: it is shown with its regions, switched under the lock of the MetaDB, and refused where no task could move.
func TestHA(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	w.initialise()
	status, err := w.flow().HA(t.Context())
	if err != nil || status.Enable || len(status.Regions) != 1 || status.Regions[0].Nodes != 1 ||
		!json.Valid(status.Config) {
		t.Errorf("%+v, %v", status, err)
	}
	var text bytes.Buffer
	status.Print(&text, msg.English)
	contains(t, "the status", text.String(), "high availability is off\n", "region cn-test (cm_location 1): nodes: 1\n")

	var refused *RefusedError
	if _, err := w.flow().SwitchHA(t.Context(), true, false); !errors.As(err, &refused) ||
		!strings.Contains(err.Error(), "cn-test (cm_location 1)") {
		t.Errorf("one node: %v", err)
	}
	change, err := w.flow().SwitchHA(t.Context(), true, true)
	if err != nil || !change.Changed || !change.Enable {
		t.Errorf("forced: %+v, %v", change, err)
	}
	text.Reset()
	change.Print(&text, msg.English)
	contains(t, "the change", text.String(), "new value: ", "high availability is on, for all regions")
	if status, err := w.flow().HA(t.Context()); err != nil || !status.Enable || !status.Found {
		t.Errorf("%+v, %v", status, err)
	}
	// What is on is not refused, and not changed.
	if change, err = w.flow().SwitchHA(t.Context(), true, false); err != nil || change.Changed {
		t.Errorf("%+v, %v", change, err)
	}
	text.Reset()
	change.Print(&text, msg.English)
	contains(t, "the change", text.String(), "high availability is on already; nothing is changed")
	if change, err = w.flow().SwitchHA(t.Context(), false, false); err != nil || !change.Changed || change.Old == nil {
		t.Errorf("%+v, %v", change, err)
	}
	text.Reset()
	change.Print(&text, msg.English)
	contains(t, "the change", text.String(), "old value: {", `"enable":true`)
}

// TestCluster: the registered region is seen, and what this node's PID 1 knows is part of the diagnosis.
func TestCluster(t *testing.T) {
	w := newWorld(t, testmaria.Start(t))
	w.initialise()
	view, err := w.flow().ClusterView(t.Context(), ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	view.Print(&text, msg.English)
	contains(t, "the view", text.String(), "cn-test", "127.0.0.1")
	w.pid1.programs[2].Ready, w.pid1.programs[2].Reason = false, msg.Text{English: "it has exited with 3"}
	report, err := w.flow().ClusterCheck(t.Context(), ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text.Reset()
	report.Print(&text, msg.English)
	contains(t, "the diagnosis", text.String(), "oms_drc_cm", "it has exited with 3")
}
