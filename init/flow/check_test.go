package flow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"omsinit/check"
	"omsinit/internal/finding"
	"omsinit/testdata/testmaria"
)

// found returns the IDs of the errors and of the warnings of a report.
func found(r check.Report) (errs, warnings []string) {
	for _, result := range r.Results {
		for _, f := range result.Findings {
			if f.Severity == finding.Error {
				errs = append(errs, f.ID)
			} else {
				warnings = append(warnings, f.ID)
			}
		}
	}
	return errs, warnings
}

// TestCheck: step 1 alone changes nothing, and looks at more than the file unless it is asked not to.
func TestCheck(t *testing.T) {
	db := testmaria.Start(t)
	w := newWorld(t, db)
	before := tree(t, w.layout.Root())
	report, err := w.flow().Check(t.Context(), CheckOptions{})
	if err != nil || report.Err() != nil || report.Release != "4.2.3-CE" || len(report.Results) < 8 {
		t.Errorf("%v, %v, %+v", err, report.Err(), report)
	}
	w.values["cm_region"] = strings.Repeat("杭", 129)
	w.writeConfig()
	report, err = w.flow().Check(t.Context(), CheckOptions{})
	if errs, _ := found(report); err != nil || !slices.Equal(errs, []string{"config.value"}) ||
		!strings.Contains(report.Errors()[0].Place.String(), "config.yaml: cm_region = ") {
		t.Errorf("a value that is too long for its column: %v: %v", err, report.Errors())
	}
	w.values["cm_region"] = "cn-test"
	w.writeConfig()
	if len(tree(t, w.layout.Root())) != len(before) || checksums(t, db) != "" || w.out.Len() > 0 {
		t.Errorf("something was written:\n%s", &w.out)
	}
	db.Stop()
	report, err = w.flow().Check(t.Context(), CheckOptions{})
	if errs, _ := found(report); err != nil || !slices.Equal(errs, []string{"metadb.unreachable"}) ||
		!finding.IsTransient(report.Err()) {
		t.Errorf("%v: %v", err, errs)
	}
	report, err = w.flow().Check(t.Context(), CheckOptions{Offline: true})
	if err != nil || report.Err() != nil || len(report.Results) > 2 {
		t.Errorf("offline: %v, %+v", err, report)
	}
}

// TestIgnore: findings are ignored by the command, by the environment and by the pack, and a wrong ID is wrong usage.
func TestIgnore(t *testing.T) {
	w := newWorld(t, nil)
	w.given.HostIP = "10.9.9.9"
	for name, tc := range map[string]struct {
		Options
		environment string
		want        string
	}{
		"none":        {Options{}, "", "host.nodes metadb.unreachable"},
		"command":     {Options{Ignore: []string{"host.nodes,metadb.login"}}, "", "metadb.unreachable"},
		"environment": {Options{}, "metadb.unreachable host.address", "host.nodes"},
		"both":        {Options{Ignore: []string{"host.nodes"}}, "metadb.unreachable", ""},
	} {
		t.Setenv(ignoreEnv, tc.environment)
		report, err := w.with(tc.Options).Check(t.Context(), CheckOptions{})
		if errs, _ := found(report); err != nil || strings.Join(errs, " ") != tc.want {
			t.Errorf("%s: %v, %v", name, errs, err)
		}
	}
	t.Setenv(ignoreEnv, "no.such")
	var usage *UsageError
	for _, o := range []CheckOptions{{}, {Offline: true}} {
		if _, err := w.flow().Check(t.Context(), o); !errors.As(err, &usage) ||
			!strings.Contains(err.Error(), "no.such") {
			t.Errorf("got %v", err)
		}
	}
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"check"}}); !errors.As(err, &usage) {
		t.Errorf("in step 1: %v", err)
	}
}

// TestCheckInterrupted: a report of checks that were cut is worth nothing.
func TestCheckInterrupted(t *testing.T) {
	w := newWorld(t, nil)
	for name, ask := range map[string]func(*Flow) error{
		"check":         func(f *Flow) error { _, err := f.Check(canceled(t), CheckOptions{}); return err },
		"cluster check": func(f *Flow) error { _, err := f.ClusterCheck(canceled(t), ClusterOptions{}); return err },
	} {
		if err := ask(w.flow()); err == nil || err.Error() != "the check was interrupted" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTryWrites: what the account may do is tried until the node is finished, and not at each start after that.
func TestTryWrites(t *testing.T) {
	db := testmaria.Start(t)
	created := func() int {
		t.Helper()
		var name string
		var count int
		if err := db.DB("").QueryRow("SHOW GLOBAL STATUS LIKE 'Com_create_db'").Scan(&name, &count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	w := newWorld(t, db)
	before := created()
	if err := w.flow().Init(t.Context(), Steps{Only: []string{"check"}}); err != nil || created() == before {
		t.Errorf("nothing was tried: %v", err)
	}
	w.initialise()
	before = created()
	if err := w.flow().Init(t.Context(), Steps{}); err != nil || created() != before {
		t.Errorf("it was tried again on a finished node: %v", err)
	}
	if _, err := w.flow().Check(t.Context(), CheckOptions{}); err != nil || created() == before {
		t.Errorf("the command tries it in any case: %v", err)
	}
}
