package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"omsinit/testdata/testmaria"
)

// Of nodes that begin together one upgrades, and the others find it done.
func TestNodesTogether(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for _, nodes := range []int{2, 16} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("n", nodes), "4.1.1-CE", 40)
			start := filepath.Join(t.TempDir(), "go")
			outputs := make(chan string, nodes)
			for n := range nodes {
				node := fmt.Sprintf("10.0.0.%d", n+1)
				o := orderFor(c, dir, nodeFor(t, c, packAt(t, "4.2.3-CE"), node).Layout.Root(), node)
				o.Start = start
				go func() {
					out, err := command(o).CombinedOutput()
					if err != nil {
						out = append(out, "error: "+err.Error()...)
					}
					outputs <- string(out)
				}()
			}
			if err := os.WriteFile(start, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			did := 0
			for range nodes {
				out := <-outputs
				if strings.Contains(out, "error: ") {
					t.Error(out)
				}
				if strings.Contains(out, "due: true") {
					did++
				}
			}
			if did != 1 {
				t.Errorf("%d nodes upgraded", did)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
		})
	}
}

// A node that dies is replaced by another one: before the first change with a
// backup of its own, after it by going on.
func TestAnotherNodeGoesOn(t *testing.T) {
	t.Parallel()
	s := testmaria.Start(t)
	dir := packDir(t, "4.2.3-CE")
	want := wanted(t, s, dir)
	for i, point := range []string{"before " + stageVerify, "before " + stageAdopt, "after " + stageSchema} {
		t.Run(point, func(t *testing.T) {
			c := installed(t, s, fmt.Sprint("a", i), "4.1.1-CE", 40)
			first := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.1")
			o := orderFor(c, dir, first.Layout.Root(), "10.0.0.1")
			o.DieAt = point
			if out, err := command(o).CombinedOutput(); !killed(err) {
				t.Fatalf("%v\n%s", err, out)
			}
			second := nodeFor(t, c, packAt(t, "4.2.3-CE"), "10.0.0.2")
			if due, err := drive(t.Context(), second); !due || err != nil {
				t.Fatal(due, err)
			}
			if d := cmp.Diff(want, contents(t, s, c)); d != "" {
				t.Error(d)
			}
			r := newestRecord(t, s, c)
			if own := r.Node == "10.0.0.2"; own != (i == 0) {
				t.Errorf("the backup is on %s", r.Node)
			}
			if i == 0 {
				// Its backup is out of reach for the other one.
				if err := os.Rename(r.Backup, r.Backup+".away"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := first.RollBack(t.Context(), Rollback{}); (err == nil) != (i > 0) {
				t.Errorf("a rollback on the first node: %v", err)
			}
		})
	}
}

// A server without GET_LOCK, and one that answers as OceanBase does: a lease in the journal takes the place of the
// lock, which a restore does not drop.
func TestWithoutLocks(t *testing.T) {
	s := testmaria.Start(t)
	for prefix, port := range map[string]int{"without": s.Without("GET_LOCK"), "oceanbase": s.OceanBase()} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			upgradeByLease(t, s, prefix, port)
		})
	}
}

// upgradeByLease fails an upgrade, has two nodes do it, and rolls it back.
func upgradeByLease(t *testing.T, s *testmaria.Server, prefix string, port int) {
	c := installed(t, s, prefix, "4.1.1-CE", 40)
	old := contents(t, s, c)
	through := *c
	through.MetaPort = port
	u := nodeFor(t, &through, packAt(t, "4.2.3-CE"), "10.0.0.1")
	fail := true
	u.fault = func(at string) error {
		if fail && at == "after "+stageSchema {
			return errors.New("an error of the test")
		}
		return nil
	}
	if due, err := drive(t.Context(), u); !due || err == nil {
		t.Fatal(due, err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
	fail = false
	outcomes := make(chan error, 2)
	did := atomic.Int32{}
	for n := range 2 {
		node := nodeFor(t, &through, packAt(t, "4.2.3-CE"), fmt.Sprintf("10.0.0.%d", n+1))
		go func() {
			due, err := drive(context.Background(), node)
			if due {
				did.Add(1)
			}
			outcomes <- err
		}()
	}
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Error(err)
		}
	}
	if did.Load() != 1 {
		t.Errorf("%d nodes upgraded", did.Load())
	}
	u.Node = newestRecord(t, s, c).Node
	if _, err := u.RollBack(t.Context(), Rollback{}); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(old, contents(t, s, c)); d != "" {
		t.Error(d)
	}
}
