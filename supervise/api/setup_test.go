package api

import (
	"encoding/json"
	"testing"
)

func TestSetupReportTransientByBothNames(t *testing.T) {
	data, err := json.Marshal(SetupReport{State: SetupFailed, Transient: true})
	var names map[string]any
	if err != nil || json.Unmarshal(data, &names) != nil || names["transient"] != true || names["passing"] != true {
		t.Errorf("%s, %v", data, err)
	}
	for _, text := range []string{`{"state":"failed","passing":true}`, `{"state":"failed","transient":true}`} {
		var r SetupReport
		if err := json.Unmarshal([]byte(text), &r); err != nil || !r.Transient || r.State != SetupFailed {
			t.Errorf("%s is read as %+v, %v", text, r, err)
		}
	}
}
