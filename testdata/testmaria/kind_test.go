package testmaria

import (
	"strings"
	"testing"
)

// TestEach: each kind of server starts, takes the password, and says what it is.
func TestEach(t *testing.T) {
	want := map[Kind]string{MariaDB: "MariaDB", MariaDB118: "11.8.", MySQL: "9."}
	Each(t, func(t *testing.T, k Kind) {
		s := Start(t, On(k))
		var version, user string
		if err := s.DB("").QueryRow("SELECT VERSION(), CURRENT_USER()").Scan(&version, &user); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(version, want[k]) || !strings.HasPrefix(user, "root@") {
			t.Errorf("%s is %s, and the user %s", k, version, user)
		}
		s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a INT PRIMARY KEY, b VARCHAR(9)) DEFAULT CHARSET utf8mb4",
			"INSERT INTO d.t VALUES (1, '库')")
		s.Restart()
		var b string
		if err := s.DB("d").QueryRow("SELECT b FROM t").Scan(&b); err != nil || b != "库" {
			t.Errorf("after a restart: %q, %v", b, err)
		}
	})
}
