package check

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"

	"omsinit/internal/config"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// check is one check.
type check struct {
	id    string
	title msg.Message
	run   func(context.Context, *node, *found)
	// needs are the checks without whose success this one cannot run.
	needs []string
	// offline: it looks at the file alone.
	offline bool
	// deadlines is how many deadlines it may take; 0 means one.
	deadlines int
	// gate: nothing goes on without its answer, so that an answer that comes too late is an error.
	gate bool
	// when and applies report whether there is anything to check; nil means always. The first is asked at once, with
	// the input only, the second when everything that the check needs has succeeded.
	when, applies func(*node) bool
}

// node is the node that is checked. A field is set by what one check publishes, and read by those that need that check.
type node struct {
	Input
	cfg       *config.Config // config.file
	db        *sql.DB        // metadb.connect
	login     time.Duration  // metadb.connect: how long one took
	databases databases      // metadb.databases
	complete  bool           // metadb.rights: none is lacking
	registry  clusterState   // cluster.registry
}

// found collects what a check finds.
type found struct {
	findings []finding.Finding
	facts    []finding.Fact
	// publish hands on what the checks that need this one read. The runner calls it, unless the check was left behind.
	publish func()
}

func (f *found) add(findings ...finding.Finding) { f.findings = append(f.findings, findings...) }

func (f *found) error(id string, m, fix msg.Message, facts ...finding.Fact) {
	f.add(finding.Finding{ID: id, Severity: finding.Error, Message: m, Fix: fix, Facts: facts})
}

func (f *found) warning(id string, m, fix msg.Message, facts ...finding.Fact) {
	f.add(finding.Finding{ID: id, Severity: finding.Warning, Message: m, Fix: fix, Facts: facts})
}

// failure reports err as an error, which is transient when err is.
func (f *found) failure(id string, err error, fix msg.Message, facts ...finding.Fact) {
	f.add(finding.Finding{ID: id, Severity: finding.Error, Message: msg.M("%v", err), Fix: fix, Facts: facts,
		Transient: finding.IsTransient(err)})
}

func (f *found) fact(name string, value any) { f.facts = append(f.facts, fact(name, value)) }

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

func (f *found) failed() bool {
	return slices.ContainsFunc(f.findings, func(f finding.Finding) bool { return f.Severity == finding.Error })
}

func perform(ctx context.Context, in Input, list []check) (Report, *config.Config) {
	in.setDefaults()
	n := &node{Input: in}
	results := runAll(ctx, n, list)
	if n.db != nil {
		n.db.Close()
	}
	report := Report{ConfigFile: in.ConfigFile, Release: in.Release, Results: results}
	report.judge(in.Ignore)
	return report, n.cfg
}

// state is a check while it runs.
type state struct {
	check
	done    chan struct{}
	result  Result
	absent  bool     // there is nothing to check
	blocked []string // the failed checks at the root of it: itself, or those it needs
}

// runAll runs the checks side by side and returns the results in their order.
func runAll(ctx context.Context, n *node, list []check) []Result {
	states := map[string]*state{}
	var order []*state
	for _, c := range list {
		if n.Offline && !c.offline || c.when != nil && !c.when(n) {
			continue
		}
		s := &state{check: c, done: make(chan struct{}), result: Result{ID: c.id, Title: c.title}}
		states[c.id] = s
		order = append(order, s)
	}
	var wg sync.WaitGroup
	for _, s := range order {
		wg.Go(func() {
			defer close(s.done)
			s.perform(ctx, n, states)
		})
	}
	wg.Wait()
	var results []Result
	for _, s := range order {
		if !s.absent {
			results = append(results, s.result)
		}
	}
	return results
}

// perform waits for what the check needs, and runs it.
func (s *state) perform(ctx context.Context, n *node, states map[string]*state) {
	for _, id := range s.needs {
		need := states[id]
		if need == nil {
			continue // there is nothing to check, and so nothing against it
		}
		<-need.done
		for _, root := range need.blocked {
			if !slices.Contains(s.blocked, root) {
				s.blocked = append(s.blocked, root)
			}
		}
		s.absent = s.absent || need.absent
	}
	if s.absent {
		return
	}
	if len(s.blocked) > 0 {
		s.result.SkippedBecause = s.blocked
		return
	}
	if s.applies != nil && !s.applies(n) {
		s.absent = true
		return
	}
	if n.Running != nil {
		n.Running(s.id, s.title, true)
		defer n.Running(s.id, s.title, false)
	}
	f, inTime := bounded(ctx, n, s.check)
	s.result.Findings, s.result.Facts = f.findings, f.facts
	if f.failed() || !inTime {
		s.blocked = []string{s.id}
	}
}

// grace is how long a check may take beyond its deadline to report what it was waiting for.
const grace = time.Second

// bounded runs a check with its deadline. A check that hangs all the same, in a file system that does not answer, is
// left behind.
func bounded(ctx context.Context, n *node, c check) (f *found, inTime bool) {
	deadline := n.deadline(c) * time.Duration(max(c.deadlines, 1))
	bound, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	finished := make(chan *found, 1)
	go func() {
		f := &found{}
		c.run(bound, n, f)
		finished <- f
	}()
	late, interrupted := time.After(deadline+grace), (<-chan struct{})(nil)
	if n.typed(c) {
		late, interrupted = nil, ctx.Done()
	}
	select {
	case f := <-finished:
		if f.publish != nil {
			f.publish()
		}
		return f, true
	case <-late:
	case <-interrupted:
	}
	f = &found{}
	report := f.warning
	if c.gate || othersNeed(c.id) {
		report = f.error // else much would be skipped, and nothing would be wrong
	}
	report("check.deadline", msg.M("the check %s has not finished within %s", c.id, deadline),
		msg.M("see whether a file system or a server hangs, or allow more time with --deadline"),
		fact("deadline_seconds", deadline.Seconds()))
	return f, false
}

// deadline returns one deadline of a check. With a MetaDB that is slow to let somebody in it is longer: each check may
// need a connection of its own.
func (n *node) deadline(c check) time.Duration {
	for _, need := range slices.Concat(onMetaDB, onDatabases, onRegistry) {
		if slices.Contains(c.needs, need) {
			return n.Deadline + n.login
		}
	}
	return n.Deadline
}

// typed reports whether the check reads what a person may be typing, or what comes through a pipe: that takes as long
// as it takes.
func (n *node) typed(c check) bool { return c.id == "config.file" && n.ConfigFile == "-" }

// othersNeed reports whether other checks need this one.
func othersNeed(id string) bool {
	all := append(checks(), clusterChecks()...)
	return slices.ContainsFunc(all, func(c check) bool { return slices.Contains(c.needs, id) })
}

// judge turns ignored errors into warnings, and adds the causes.
func (r *Report) judge(ignored Ignored) {
	for i := range r.Results {
		for j := range r.Results[i].Findings {
			f := &r.Results[i].Findings[j]
			if f.Severity == finding.Error && slices.Contains(ignored, f.ID) {
				f.Severity, f.Ignored = finding.Warning, true
			}
			if e, ok := Explain(f.ID); ok && f.Cause.IsZero() {
				f.Cause = e.Cause
			}
		}
	}
}
