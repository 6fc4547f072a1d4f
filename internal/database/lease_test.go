package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
	"omsinit/testdata/testmaria"
)

func withoutLocks(t *testing.T) (*testmaria.Server, *config.Config) {
	s := testmaria.Start(t)
	s.Exec("CREATE DATABASE rm")
	c := configFor(s)
	c.MetaPort = s.Without("GET_LOCK")
	return s, c
}

func TestLease(t *testing.T) {
	_, c := withoutLocks(t)
	ctx := context.Background()
	first, err := Acquire(ctx, c, pool(t, c), LockOptions{Lease: true, Node: "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	var told []Holder
	_, err = Acquire(ctx, c, pool(t, c), LockOptions{Lease: true, Timeout: 500 * time.Millisecond,
		Waiting: func(h Holder) { told = append(told, h) }})
	if !errors.Is(err, ErrLocked) || !finding.IsTransient(err) ||
		!strings.Contains(err.Error(), "10.0.0.1 (process ") || !strings.Contains(err.Error(), ", since 2") {
		t.Errorf("%v", err)
	}
	if strings.Contains(msg.Chinese.Text(err), "lease") {
		t.Errorf("in Chinese: %s", msg.Chinese.Text(err))
	}
	if len(told) != 1 || told[0].Node != "10.0.0.1" || told[0].PID == "" || told[0].Host == "" {
		t.Errorf("told %+v", told)
	}
	cancelled, cancel := context.WithCancel(ctx)
	if _, err := Acquire(cancelled, c, pool(t, c),
		LockOptions{Lease: true, Waiting: func(Holder) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	first.Release()
	next, err := Acquire(ctx, c, pool(t, c),
		LockOptions{Lease: true, Waiting: func(h Holder) { t.Errorf("waits for %v", h) }})
	if err != nil {
		t.Fatal(err)
	}
	next.Release()
}

// A holder that died blocks the others until its lease expires; one that lives
// renews it.
func TestLeaseExpires(t *testing.T) {
	_, c := withoutLocks(t)
	ctx := context.Background()
	db := pool(t, c)
	dead, err := Acquire(ctx, c, db, LockOptions{Lease: true, LeaseTime: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	alive, err := Acquire(ctx, c, pool(t, c),
		LockOptions{Lease: true, LeaseTime: 500 * time.Millisecond, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	held, stop := alive.Watch(ctx)
	_, err = Acquire(ctx, c, pool(t, c), LockOptions{Lease: true, Timeout: 2 * time.Second})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("a lease that is renewed was taken: %v", err)
	}
	if held.Err() != nil {
		t.Errorf("lost: %v", context.Cause(held))
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM DUAL WHERE " + dead.Condition()).Scan(&n); err != nil || n != 0 {
		t.Errorf("the condition of a lost lease gives %d, %v", n, err)
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM DUAL WHERE " + alive.Condition()).Scan(&n); err != nil || n != 1 {
		t.Errorf("the condition of a lease gives %d, %v", n, err)
	}
	dead.Release() // must not give up what another has
	if err := db.QueryRow("SELECT COUNT(*) FROM DUAL WHERE " + alive.Condition()).Scan(&n); err != nil || n != 1 {
		t.Errorf("after another's release %d, %v", n, err)
	}
	stop()
	alive.Release()
}

// Whoever loses the lock is told, whether it is a lease or not.
func TestWatch(t *testing.T) {
	s, without := withoutLocks(t)
	for name, c := range map[string]*config.Config{"lock": configFor(s), "lease": without} {
		t.Run(name, func(t *testing.T) {
			l, err := Acquire(context.Background(), c, pool(t, c),
				LockOptions{Lease: true, KeepAlive: 10 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			var id int64
			if err := l.Conn().QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			held, stop := l.Watch(context.Background())
			defer stop()
			var n int
			if err := s.DB("").QueryRow("SELECT COUNT(*) FROM DUAL WHERE " + l.Condition()).Scan(&n); err != nil ||
				n != 1 {
				t.Errorf("the condition gives %d, %v", n, err)
			}
			s.Exec(fmt.Sprintf("KILL %d", id))
			select {
			case <-held.Done():
			case <-time.After(60 * time.Second):
				t.Fatal("nobody was told")
			}
			if err := context.Cause(held); !errors.Is(err, ErrLockLost) || !finding.IsTransient(err) || !Gone(err) {
				t.Errorf("cause %v", err)
			}
			if name == "lock" {
				if err := s.DB("").QueryRow("SELECT COUNT(*) FROM DUAL WHERE " + l.Condition()).Scan(&n); err != nil ||
					n != 0 {
					t.Errorf("the condition of a lost lock gives %d, %v", n, err)
				}
			}
		})
	}
}
