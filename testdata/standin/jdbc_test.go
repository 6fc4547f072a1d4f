package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestParseJDBC(t *testing.T) {
	const query = "?useUnicode=true&characterEncoding=utf8"
	tests := []struct{ text, address, database string }{
		{"jdbc:mysql://10.0.0.1:2883/drc_rm_db" + query, "10.0.0.1:2883", "drc_rm_db"},
		{"jdbc:mysql://meta.example.com/oms_rm", "meta.example.com:3306", "oms_rm"},
		{"jdbc:mysql://[fd00::1]:2881/oms_cm" + query, "[fd00::1]:2881", "oms_cm"},
		{"jdbc:mysql://[::1]/oms_cm", "[::1]:3306", "oms_cm"},
	}
	for _, tt := range tests {
		d, err := parseJDBC(tt.text, "root@oms#c", "p")
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if d.address != tt.address || d.database != tt.database || d.user != "root@oms#c" {
			t.Errorf("%s is read as %+v", tt.text, d)
		}
	}
}

func TestParseJDBCRefuses(t *testing.T) {
	for _, text := range []string{
		"", "mysql://h:1/d", "jdbc:oracle://h:1/d", "jdbc:mysql://h:1", "jdbc:mysql://h:1/", "jdbc:mysql:///d",
		"jdbc:mysql://u:p@h:1/d", "jdbc:mysql://h:x/d", "jdbc:mysql://h:1/d/e", "jdbc:mysql://fd00::1:2881/d",
	} {
		if d, err := parseJDBC(text, "u", "p"); err == nil {
			t.Errorf("%q is taken as %+v", text, d)
		}
	}
}

func TestMayPass(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, true},
		{fmt.Errorf("wrapped: %w", io.EOF), true},
		{&mysql.MySQLError{Number: errTooManyConnections}, true},
		{&mysql.MySQLError{Number: 1045}, false},
		{&mysql.MySQLError{Number: 1049}, false},
		{errors.New("this user requires something else"), false},
	}
	for _, tt := range tests {
		if got := mayPass(tt.err); got != tt.want {
			t.Errorf("mayPass(%v) = %v", tt.err, got)
		}
	}
}
