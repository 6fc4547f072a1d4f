package metadb

import (
	"fmt"
	"testing"

	"omsinit/internal/pack"
)

// TestSeeds: rows that the server would number are named, wherever the table was made, and others are not.
func TestSeeds(t *testing.T) {
	const create = "CREATE TABLE a (id bigint NOT NULL AUTO_INCREMENT, name varchar(10), PRIMARY KEY (id));\n"
	for sql, want := range map[string]bool{
		"INSERT INTO a (name) VALUES ('x')":                                           true,
		"insert ignore into `A` (`name`) values ('x'), ('y')":                         true,
		"INSERT INTO a (id, name) VALUES (NULL, 'x')":                                 true,
		"INSERT INTO a (name, id) VALUES (CONCAT('x', 'y'), DEFAULT)":                 true,
		"INSERT INTO a VALUES (0, 'x')":                                               true,
		"INSERT INTO a SET name = 'id = 1'":                                           true,
		"INSERT INTO a (name) SELECT name FROM b":                                     true,
		"REPLACE INTO a (name) VALUES ('x')":                                          true,
		"INSERT INTO a (id, name) VALUES (1, 'x')":                                    false,
		"INSERT INTO a (`name`, `ID`) VALUES ('x,(', 7)":                              false,
		"INSERT INTO a VALUES (1, 'x')":                                               false,
		"INSERT INTO a SET name = f(1, 2), id = 3":                                    false,
		"INSERT INTO a (id, name) SELECT id, name FROM b":                             false,
		"INSERT INTO b (name) VALUES ('x')":                                           false,
		"UPDATE a SET name = 'x'":                                                     false,
		"INSERT INTO a (id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE name = 'x'": false,
	} {
		p := packWith(t, map[string]string{
			"schema/rm/4.1.0-CE.sql": create + "CREATE TABLE b (id int, name varchar(10));\n",
			"schema/rm/4.2.0-CE.sql": "-- a comment\n" + sql + ";\n",
		})
		found, err := Seeds(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 != want {
			t.Errorf("%s: %v", sql, found)
		}
		if want && (len(found) != 1 || fmt.Sprint(found[0].Place) != "schema/rm/4.2.0-CE.sql:2" ||
			found[0].ID != "pack.seed") {
			t.Errorf("%s: %+v", sql, found)
		}
	}
}

// The built-in pack numbers all of its rows.
func TestSeedsOfBuiltIn(t *testing.T) {
	p, err := pack.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := Seeds(p); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}
