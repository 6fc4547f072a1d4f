package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func pool(t *testing.T, c *config.Config, opts ...Option) *sql.DB {
	db, err := Open(c, "", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestLockName(t *testing.T) {
	c := &config.Config{RMDatabase: strings.Repeat("r", 64), CMDatabase: strings.Repeat("c", 64),
		HeartbeatDatabase: "hb1"}
	name := LockName(c)
	if len(name) > 64 {
		t.Errorf("%q has %d characters, MySQL takes 64", name, len(name))
	}
	other := *c
	other.HeartbeatDatabase = "hb2"
	if LockName(&other) != name {
		t.Error("two regions of one OMS have different locks")
	}
	other.RMDatabase = "another"
	if LockName(&other) == name {
		t.Error("two OMS have the same lock")
	}
}

func TestLock(t *testing.T) {
	s := testmaria.Start(t, testmaria.Args("--performance-schema=ON"))
	c := configFor(s)
	ctx := context.Background()
	first, err := Acquire(ctx, c, pool(t, c, As("10.0.0.1")), LockOptions{})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("timeout", func(t *testing.T) {
		var told []Holder
		_, err := Acquire(ctx, c, pool(t, c, As("10.0.0.2")),
			LockOptions{Timeout: time.Second, Waiting: func(h Holder) { told = append(told, h) }})
		if !errors.Is(err, ErrLocked) || !finding.IsTransient(err) {
			t.Errorf("error %v", err)
		}
		if !strings.Contains(msg.Chinese.Text(err), "已被锁定") {
			t.Errorf("in Chinese: %s", msg.Chinese.Text(err))
		}
		if len(told) != 1 {
			t.Fatalf("told %d times who has the lock, want once", len(told))
		}
		if h := told[0]; h.Node != "10.0.0.1" || h.PID == "" || h.Host != "127.0.0.1" || h.Connection == 0 {
			t.Errorf("holder %+v", h)
		}
		if !strings.Contains(err.Error(), "10.0.0.1 (process ") || !strings.Contains(err.Error(), "KILL ") {
			t.Errorf("the error does not say who and what to do: %v", err)
		}
	})

	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		db := pool(t, c)
		_, err := Acquire(ctx, c, db, LockOptions{Waiting: func(Holder) { cancel() }})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})

	t.Run("another OMS", func(t *testing.T) {
		o := *c
		o.RMDatabase = "another"
		l, err := Acquire(ctx, &o, pool(t, &o), LockOptions{Waiting: func(h Holder) { t.Errorf("waits for %v", h) }})
		if err != nil {
			t.Fatal(err)
		}
		l.Release()
	})

	t.Run("handed on", func(t *testing.T) {
		waiting := make(chan struct{})
		got := make(chan error, 1)
		go func() {
			l, err := Acquire(ctx, c, pool(t, c), LockOptions{Waiting: func(Holder) { close(waiting) }})
			if err == nil {
				l.Release()
			}
			got <- err
		}()
		<-waiting
		first.Release()
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

// Whoever loses the connection loses the lock, and notices.
func TestLostLock(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s)
	ctx := context.Background()
	l, err := Acquire(ctx, c, pool(t, c), LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	var id int64
	if err := l.Conn().QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	s.Exec(fmt.Sprintf("KILL %d", id))
	for range 2 { // it must not come back on another connection
		if _, err := l.Conn().ExecContext(ctx, "DO 1"); !finding.IsTransient(Explain(c, err)) {
			t.Fatalf("a statement without the lock: %v", err)
		}
	}
	next, err := Acquire(ctx, c, pool(t, c), LockOptions{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	next.Release()
}

func TestHolderMessages(t *testing.T) {
	for want, h := range map[string]Holder{
		"n1 (process 7, connection 3 from 10.0.0.1)": {Node: "n1", PID: "7", Host: "10.0.0.1", Connection: 3},
		"connection 3 from 10.0.0.1":                 {Host: "10.0.0.1", Connection: 3},
		"connection 3":                               {Connection: 3},
		"another connection":                         {},
	} {
		if got := h.Message().String(); got != want {
			t.Errorf("%+v is %q, want %q", h, got, want)
		}
	}
}

func TestNoLocks(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s)
	c.MetaPort = s.Without("GET_LOCK")
	_, err := Acquire(context.Background(), c, pool(t, c), LockOptions{Waiting: func(Holder) { t.Error("waits") }})
	if !errors.Is(err, ErrNoLocks) || finding.IsTransient(err) {
		t.Errorf("%v", err)
	}
}

// TestHolderNote: a server without performance_schema knows a connection only;
// the note says who that is and since when.
func TestHolderNote(t *testing.T) {
	s := testmaria.Start(t)
	c := configFor(s)
	ctx := t.Context()
	admin := pool(t, c)
	create := func() {
		for _, q := range []string{"CREATE DATABASE " + Quote(c.RMDatabase), CreateLeaseTable(c.RMDatabase)} {
			if _, err := admin.ExecContext(ctx, q); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The very first initialisation takes the lock before there is a table.
	first, err := Acquire(ctx, c, pool(t, c), LockOptions{Node: "10.0.0.1", KeepAlive: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	watched, stop := first.Watch(ctx)

	var told []Holder
	got := make(chan *Lock)
	go func() {
		l, err := Acquire(ctx, c, pool(t, c), LockOptions{Node: "10.0.0.2", Waiting: func(h Holder) {
			if told = append(told, h); len(told) == 1 {
				create()
				return
			}
			stop()
			first.Release()
		}})
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	second := <-got
	if context.Cause(watched) == nil || second == nil {
		t.Fatal("the lock was not handed on")
	}
	if len(told) != 2 || told[0].Since != "" || told[0].Connection == 0 {
		t.Fatalf("told %+v", told)
	}
	h := told[1]
	if h.Node != "10.0.0.1" || h.PID != strconv.Itoa(os.Getpid()) || h.Host != "127.0.0.1" || h.Since == "" ||
		h.Connection == 0 {
		t.Errorf("holder %+v", h)
	}
	if text := h.Message().String(); !strings.Contains(text, "10.0.0.1 (process ") ||
		!strings.Contains(text, "since 2") {
		t.Errorf("%s", text)
	}
	_, err = Acquire(ctx, c, pool(t, c), LockOptions{Timeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "10.0.0.2 (process ") || !strings.Contains(err.Error(), "since 2") {
		t.Errorf("error %v", err)
	}

	// Whoever was killed leaves a note behind, which names nobody else.
	second.drop()
	third, err := Acquire(ctx, c, pool(t, c), LockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ExecContext(ctx, "UPDATE "+leaseTable(c)+" SET token = ?, node = 'dead'",
		noteToken(third.holder+1000)); err != nil {
		t.Fatal(err)
	}
	if h := findHolder(ctx, c, admin, third.name); h.Node != "" || h.Since != "" || h.Connection != third.holder {
		t.Errorf("holder %+v", h)
	}
	third.Release()
	if h := findHolder(ctx, c, admin, third.name); h != (Holder{}) {
		t.Errorf("a released lock has the holder %+v", h)
	}
}
