package metadb

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

// richTypes has columns in the spellings that people use.
const richTypes = `CREATE TABLE types (
  id bigint(20) unsigned NOT NULL AUTO_INCREMENT, a INTEGER DEFAULT 0, b bool NOT NULL DEFAULT '1', c varchar (64) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL DEFAULT '',
  d decimal(10,2) DEFAULT '1.50', e numeric(12, 3), f char, g text, h longtext NOT NULL, i datetime(3) DEFAULT NOW(3) ON UPDATE now(3), j timestamp NULL, k timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  l enum('a','B,c','it''s') DEFAULT 'a', m json DEFAULT NULL, n double DEFAULT -1.5, o varchar(9) DEFAULT 'it''s "x"', p bit(3) DEFAULT b'101', q year(4), r date DEFAULT '2024-01-01', s varbinary(16), t tinyint(1) unsigned DEFAULT 1,
  u int GENERATED ALWAYS AS (a + 1) VIRTUAL, v float(7,2), w set('x','y') NOT NULL, x varchar(32) COMMENT 'NOT NULL DEFAULT 7',
  PRIMARY KEY (id), UNIQUE KEY uk_c (c(10), a), UNIQUE (r), KEY idx_g (g(20))) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE TABLE single (a int UNIQUE, b varchar(10) PRIMARY KEY, c varchar(10) NULL) DEFAULT CHARACTER SET latin1;
ALTER TABLE single MODIFY c varchar(20) NOT NULL DEFAULT 'x';
CREATE UNIQUE INDEX uk_both ON single (a, b);
CREATE TABLE vague (a int) ENGINE = InnoDB;
ALTER TABLE vague CONVERT TO CHARACTER SET utf8mb4, ALTER COLUMN a SET DEFAULT 3;`

// On each kind of server what was just made is as the schema has it, and each way of changing it is seen; what mends it
// mends it.
func TestDeviations(t *testing.T) {
	testmaria.Each(t, func(t *testing.T, k testmaria.Kind) {
		s := testmaria.Start(t, testmaria.On(k))
		c := configFor(s, "oms")
		step := &Step{Config: c, Pack: packWith(t, map[string]string{"schema/cm/4.2.0-CE.sql": richTypes})}
		apply(t, step)
		status := func() DatabaseStatus {
			t.Helper()
			st, err := step.Status(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			cm := st.Databases[1]
			if st.Healthy() == (len(cm.Changed)+len(cm.Missing) > 0) {
				t.Errorf("up to date: %v, %+v, %+v", st.Healthy(), cm.Changed, cm.Missing)
			}
			return cm
		}
		if got := status(); len(got.Changed)+len(got.Missing) > 0 {
			t.Fatalf("just made: %+v, %+v", got.Changed, got.Missing)
		}
		for alter, want := range map[string]string{
			"host MODIFY COLUMN ip varchar(32) NOT NULL":                                         "host.ip",
			"host MODIFY COLUMN ip varchar(64)":                                                  "host.ip",
			"host MODIFY COLUMN ip varchar(64) NOT NULL DEFAULT 'x'":                             "host.ip",
			"host MODIFY COLUMN ip varchar(64) CHARACTER SET latin1 NOT NULL":                    "host.ip",
			"host MODIFY COLUMN resource_group_id int NOT NULL":                                  "host.resource_group_id",
			"host MODIFY COLUMN gmt_created datetime NOT NULL DEFAULT '2020-01-01'":              "host.gmt_created",
			"host DROP KEY uk_ip":                                                                "host.uk_ip KEY",
			"host DROP KEY uk_ip, ADD KEY uk_ip (ip)":                                            "host.uk_ip KEY",
			"host DROP KEY uk_ip, ADD UNIQUE KEY uk_ip (ip, host_status)":                        "host.uk_ip KEY",
			"host DROP KEY idx_resource_group_id":                                                "host.idx_resource_group_id KEY",
			"host MODIFY COLUMN id bigint NOT NULL, DROP PRIMARY KEY":                            "host.PRIMARY KEY",
			"host ENGINE = MyISAM":                                                               "host ENGINE",
			"types MODIFY COLUMN x varchar(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci": "types.x",
			"types MODIFY COLUMN l enum('a','B,c') DEFAULT 'a'":                                  "types.l",
			"types MODIFY COLUMN d decimal(10,0) DEFAULT '2'":                                    "types.d",
			"types DROP KEY uk_c, ADD UNIQUE KEY uk_c (c, a)":                                    "types.uk_c KEY",
			"single MODIFY COLUMN c varchar(20) NOT NULL":                                        "single.c",
			"single DROP KEY uk_both":                                                            "single.uk_both KEY",
		} {
			s.Exec("ALTER TABLE oms_cm." + alter)
			got := status()
			var what, mend []string
			for _, d := range got.Missing {
				what, mend = append(what, d.What), append(mend, d.Mend)
			}
			for _, d := range got.Changed {
				what, mend = append(what, d.What), append(mend, d.Mend)
			}
			if !slices.Contains(what, want) {
				t.Errorf("%s: seen is %q", alter, what)
			}
			var out bytes.Buffer
			if st, err := step.Status(t.Context()); err != nil || st.Print(&out, msg.English) != nil ||
				strings.Contains(out.String(), "dry-run") {
				t.Errorf("%s: %v\n%s", alter, err, out.String()) // there is nothing to migrate
			}
			if r := apply(t, step); r.Deviating != len(what) || r.Changed() {
				t.Errorf("%s: a run says %+v", alter, r)
			}
			s.Exec(mend...)
			if got := status(); len(got.Changed)+len(got.Missing) > 0 {
				t.Fatalf("%s, mended with %q: %+v, %+v", alter, mend, got.Changed, got.Missing)
			}
		}
		s.Exec("ALTER TABLE oms_cm.host DROP KEY uk_ip, ADD UNIQUE KEY another_name (ip)")
		if got := status(); len(got.Changed)+len(got.Missing) > 0 {
			t.Errorf("a unique key of another name: %+v, %+v", got.Changed, got.Missing)
		}
	})
}
