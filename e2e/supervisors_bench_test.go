package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"omsinit/testdata/testtidy"
)

// BenchmarkSupervisors compares PID 1 with what people would use instead, all
// in one run on the same programs. Figures are medians of rounds by turns; x-…
// is how many times longer, or more, the other one takes.
func BenchmarkSupervisors(b *testing.B) {
	const rounds = 5
	payload := buildPayload(b)
	table := &results{values: map[string][]float64{}}
	for _, n := range []int{6, 50, 200} {
		for range rounds {
			for _, c := range contenders {
				compareOnce(b, table, c, payload, n)
			}
		}
	}
	compareIdle(b, table, payload)
	table.print()
	for _, row := range table.rows {
		b.Run(strings.ReplaceAll(row, " ", "-"), func(b *testing.B) {
			ours := table.median(row, contenders[0].name)
			b.ReportMetric(ours, contenders[0].name)
			for _, c := range contenders[1:] {
				if ours > 0 && table.has(row, c.name) {
					b.ReportMetric(table.median(row, c.name)/ours, "x-"+strings.ReplaceAll(c.name, " ", "-"))
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// results are the figures, by row and contender.
type results struct {
	rows   []string
	values map[string][]float64
}

func (r *results) add(row, contender string, value float64) {
	if !slices.Contains(r.rows, row) {
		r.rows = append(r.rows, row)
	}
	key := row + "\n" + contender
	r.values[key] = append(r.values[key], value)
}

func (r *results) median(row, contender string) float64 {
	values := slices.Sorted(slices.Values(r.values[row+"\n"+contender]))
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

func (r *results) has(row, contender string) bool { return r.values[row+"\n"+contender] != nil }

func (r *results) print() {
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprint(w, "\t")
	for _, c := range contenders {
		fmt.Fprint(w, c.name, "\t")
	}
	fmt.Fprintln(w)
	for _, row := range r.rows {
		fmt.Fprint(w, row, "\t")
		for _, c := range contenders {
			if r.has(row, c.name) {
				fmt.Fprintf(w, "%.1f\t", r.median(row, c.name))
			} else {
				fmt.Fprint(w, "-\t")
			}
		}
		fmt.Fprintln(w)
	}
}

// heard is what a payload said: B that it has begun, L that it listens.
type heard struct {
	what, name string
	pid        int
	at         time.Time
}

// race is one contender with its programs.
type race struct {
	b      *testing.B
	c      contender
	dir    string
	names  []string
	conn   *net.UnixConn
	events chan heard
	cmd    *exec.Cmd
	pids   map[string]int
}

// raceVariable is in the environment of all that runs in a race.
const raceVariable = "OMSINIT_RACE="

func newRace(b *testing.B, c contender, payload string, n int) *race {
	b.Helper()
	dir, err := os.MkdirTemp("", "race") // short: sockets are in it
	if err != nil {
		b.Fatal(err)
	}
	socket := filepath.Join(dir, "report")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	r := &race{b: b, c: c, dir: filepath.Join(dir, "d"), conn: conn, events: make(chan heard, 4*n),
		pids: map[string]int{}}
	for i := range n {
		r.names = append(r.names, fmt.Sprintf("p%03d", i))
	}
	if err := c.define(r.dir, payload, socket, r.names); err != nil {
		b.Fatal(err)
	}
	go r.listen()
	b.Cleanup(func() {
		testtidy.Kill(b, raceVariable+dir) // nobody, unless the benchmark was broken off
		// At the end, and not when it has stopped: ext4 takes long to make a file while many have just been deleted.
		os.RemoveAll(dir)
	})
	return r
}

func (r *race) listen() {
	buf := make([]byte, 256)
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			return
		}
		h := heard{at: time.Now()}
		if _, err := fmt.Sscan(string(buf[:n]), &h.what, &h.name, &h.pid); err == nil {
			r.events <- h
		}
	}
}

// await waits until n programs have said something, and gives the time of the
// last one.
func (r *race) await(what string, n int) time.Time {
	r.b.Helper()
	timeout := time.After(2 * time.Minute)
	said := map[string]bool{}
	for {
		select {
		case h := <-r.events:
			r.pids[h.name] = h.pid
			if h.what == what {
				said[h.name] = true
			}
			if len(said) == n {
				return h.at
			}
		case <-timeout:
			r.b.Fatalf("%s: only %d of %d programs have said %s", r.c.name, len(said), n, what)
		}
	}
}

func (r *race) start() time.Duration {
	r.b.Helper()
	r.cmd = r.c.run(r.dir)
	r.cmd.Env = append(os.Environ(), raceVariable+filepath.Dir(r.dir))
	// A group of its own: runit signals its group.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	began := time.Now()
	if err := r.cmd.Start(); err != nil {
		r.b.Fatalf("%s is needed (scripts/dev/install-deps.sh): %v", r.c.name, err)
	}
	return r.await("L", len(r.names)).Sub(began)
}

// stop waits for the supervisor and for every program.
func (r *race) stop() time.Duration {
	r.b.Helper()
	began := time.Now()
	if err := r.c.stop(r.dir, r.cmd.Process); err != nil {
		r.b.Fatal(err)
	}
	_ = r.cmd.Wait() // some end with a signal
	for _, pid := range r.pids {
		for syscall.Kill(pid, 0) == nil {
			time.Sleep(200 * time.Microsecond)
		}
	}
	took := time.Since(began)
	r.conn.Close()
	return took
}

// settle is what a supervisor needs to count its programs as running.
const settle = 1500 * time.Millisecond

func compareOnce(b *testing.B, table *results, c contender, payload string, n int) {
	r := newRace(b, c, payload, n)
	ms := func(row string, d time.Duration) {
		table.add(fmt.Sprintf("%s %d, ms", row, n), c.name, float64(d.Microseconds())/1000)
	}
	ms("start", r.start())
	time.Sleep(settle)
	if c.restart == nil {
		ms("ordered stop", r.stop())
		return
	}
	restart := c.restart(r.dir, r.names)
	began := time.Now()
	if err := restart.Start(); err != nil {
		b.Fatal(err)
	}
	ms("restart all", r.await("L", n).Sub(began))
	_ = restart.Wait() // sv reports programs that were slow
	if n == 6 {
		time.Sleep(settle)
		began := time.Now()
		if err := syscall.Kill(r.pids[r.names[0]], syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		ms("successor after kill -9", r.await("B", 1).Sub(began))
		r.await("L", 1)
	}
	ms("ordered stop", r.stop())
}

// compareIdle watches all contenders at the same time while nothing happens.
func compareIdle(b *testing.B, table *results, payload string) {
	const idle = 30 * time.Second
	for _, n := range []int{6, 200} {
		var races []*race
		for _, c := range contenders {
			if c.restart == nil {
				continue
			}
			r := newRace(b, c, payload, n)
			r.start()
			races = append(races, r)
		}
		time.Sleep(12 * time.Second) // omsinit gives back after 10 what a start has taken
		before := make([]usage, len(races))
		for i, r := range races {
			before[i] = r.usage()
		}
		time.Sleep(idle)
		for i, r := range races {
			after := r.usage()
			name := func(what string) string { return fmt.Sprintf("%s %d", what, n) }
			table.add(name("wake-ups in 30 s,"), r.c.name, float64(after.switches-before[i].switches))
			table.add(name("CPU ms in 30 s,"), r.c.name, float64(after.ticks-before[i].ticks)*10)
			table.add(name("memory (PSS) MB,"), r.c.name, float64(after.pss)/1024)
			table.add(name("memory (RSS) MB,"), r.c.name, float64(after.rss)/1024)
		}
		compareAsked(b, table, races, n)
		for _, r := range races {
			r.stop()
		}
	}
}

// compareAsked looks at the memory again after a client's question.
func compareAsked(b *testing.B, table *results, races []*race, n int) {
	for _, r := range races {
		if r.c.ask == nil {
			continue
		}
		if out, err := r.c.ask(r.dir, r.names).CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", r.c.name, err, out)
		}
	}
	time.Sleep(12 * time.Second) // omsinit gives back after 10
	for _, r := range races {
		if r.c.ask != nil {
			table.add(fmt.Sprintf("memory (PSS) MB 12 s after a client's question %d", n), r.c.name,
				float64(r.usage().pss)/1024)
		}
	}
}

// usage is that of a supervisor and its helpers, without the programs.
type usage struct{ switches, ticks, pss, rss int }

func (r *race) usage() (u usage) {
	programs := map[int]bool{}
	for _, pid := range r.pids {
		programs[pid] = true
	}
	for _, pid := range append(descendants(r.cmd.Process.Pid), r.cmd.Process.Pid) {
		if programs[pid] {
			continue
		}
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		for _, task := range tasks {
			u.switches += sum(task, "voluntary_ctxt_switches:") + sum(task, "nonvoluntary_ctxt_switches:")
		}
		u.pss += sum(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		u.rss += sum(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Rss:")
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		for _, field := range fields[11:13] { // utime, stime
			ticks, _ := strconv.Atoi(field)
			u.ticks += ticks
		}
	}
	return u
}

// sum adds the first numbers of the lines that begin with a word.
func sum(file, word string) (total int) {
	data, _ := os.ReadFile(file)
	for _, line := range strings.Split(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, word); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			total += n
		}
	}
	return total
}

func descendants(parent int) (all []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil {
				all = append(all, pid)
				all = append(all, descendants(pid)...)
			}
		}
	}
	return all
}
