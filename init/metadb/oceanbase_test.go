package metadb

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/internal/config"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// Against a server that answers as a MySQL tenant of OceanBase, behind its
// proxy: another login, no lock functions, no change of large text columns.
func TestOceanBase(t *testing.T) {
	s := testmaria.Start(t)
	s.Exec("CREATE USER 'root@oms#obcluster'@'%' IDENTIFIED BY 'p@ss/w:rd'",
		"GRANT ALL ON *.* TO 'root@oms#obcluster'@'%'")
	files := maps.Clone(richFiles)
	files["schema/cm/4.2.2-CE.sql"] = "ALTER TABLE `config_job` MODIFY COLUMN `value` longtext;\nCREATE TABLE after_it (a int);"
	c := configFor(s, "oms")
	c.MetaPort, c.MetaUser, c.MetaPassword = s.OceanBase(), "root@oms#obcluster", config.Secret("p@ss/w:rd")
	var log []string
	step := &Step{Config: c, Pack: packWith(t, files), Log: func(m msg.Message) { log = append(log, m.String()) }}
	r := apply(t, step)
	if !slices.Contains(r.Tables, "oms_cm.after_it") || !r.VersionRow {
		t.Errorf("%+v", r)
	}
	if !slices.ContainsFunc(log, func(l string) bool {
		return strings.Contains(l, "Modify large text/lob column not supported") &&
			strings.Contains(l, "schema/cm/4.2.2-CE.sql, line 1")
	}) {
		t.Errorf("it was not said: %q", log)
	}
	if r := apply(t, step); r.Changed() {
		t.Errorf("the second run changed %+v", r)
	}

	full := configFor(s, "full")
	apply(t, &Step{Config: full, Pack: packWith(t, files)})
	mine := func(line string) bool { return strings.HasPrefix(line, "cm config_job ") }
	if d := cmp.Diff(slices.DeleteFunc(snapshot(t, s, full), mine),
		slices.DeleteFunc(snapshot(t, s, c), mine)); d != "" {
		t.Error(d)
	}
	status, err := step.Status(t.Context())
	if err != nil || !status.Healthy() || len(status.Databases[0].Extra) > 0 {
		t.Errorf("%+v, %v", status, err)
	}
}

// Nothing that OceanBase lacks is in the reference schema.
func TestReferenceSchemaFitsOceanBase(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "oms")
	c.MetaPort = s.OceanBase()
	var log []string
	apply(t, &Step{Config: c, Pack: packWith(t, nil), Log: func(m msg.Message) { log = append(log, m.String()) }})
	for _, l := range log {
		if strings.Contains(l, "does not support") {
			t.Error(l)
		}
	}
}
