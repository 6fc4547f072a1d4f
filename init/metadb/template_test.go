package metadb

import (
	"strings"
	"testing"

	"omsinit/testdata/testmaria"
)

// Statements of a schema file may be templates. They are filled in when they
// run, once; the journal holds what is not filled in.
func TestTemplateFile(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s, "tmpl")
	c.CMURL, c.CMRegionCN, c.CMNodes = `http://10.0.0.1:8088`, `杭'州\`, []string{"10.0.0.1", "10.0.0.2"}
	p := packWith(t, map[string]string{"schema/rm/4.2.0-CE.sql": `-- omsinit: template
CREATE TABLE IF NOT EXISTS settings (k varchar(30) NOT NULL, v varchar(200) DEFAULT '{{"{{"}}', PRIMARY KEY (k));
INSERT INTO settings (k, v) VALUES ('url', '{{.cm_url}}');
INSERT INTO settings (k, v) VALUES ('cn', '{{.cm_region_cn}};'), ('on', {{if .tsdb_enabled}}1{{else}}0{{end}}), ('me', '{{.host_ip}}'), ('pw', '{{.oms_meta_password}}');
INSERT INTO settings (k, v) VALUES {{range $i, $n := .cm_nodes}}{{if $i}}, {{end}}('{{$n}}', 'node'){{end}};
INSERT INTO settings (k) VALUES ('default');
CREATE VIEW other AS SELECT k FROM ` + "`{{.drc_rm_db}}`.settings;\n"})
	step := &Step{Config: c, Pack: p, Node: "10.0.0.2"}
	apply(t, step)
	for key, want := range map[string]string{"url": c.CMURL, "cn": `杭'州\;`, "on": "0", "me": "10.0.0.2",
		"10.0.0.2": "node", "default": "{{", "pw": s.Password} {
		var got string
		if err := s.DB(c.RMDatabase).QueryRow("SELECT v FROM settings WHERE k = ?", key).Scan(&got); err != nil ||
			got != want {
			t.Errorf("%s: %q, %v, want %q", key, got, err, want)
		}
	}
	rows, err := s.DB(c.RMDatabase).Query("SELECT CAST(COALESCE(statement, '') AS CHAR) FROM " + JournalTable)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, s.Password) {
			t.Error("the journal holds the password")
		}
	}
	c.CMURL = "http://10.0.0.9:8088"
	if r := apply(t, step); r.Changed() {
		t.Errorf("a changed configuration ran the file again: %+v", r)
	}
}
