package check

import (
	"context"
	"database/sql"
	"slices"
	"strings"
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
	// needs are the checks without whose success this one cannot run.
	needs []string
	// offline: it looks at the file alone.
	offline bool
	// deadlines is how many deadlines it may take; 0 means one.
	deadlines int
	// when and applies say whether there is anything to check; nil means
	// always. The first is asked at once, and knows the input only, the second
	// when everything that the check needs has succeeded.
	when, applies func(*node) bool
	run           func(context.Context, *node, *found)
}

func (c check) category() string {
	category, _, _ := strings.Cut(c.id, ".")
	return category
}

// node is what the checks know of the node. A field is set by what one check
// publishes, and read by those that need that check.
type node struct {
	Input
	cfg  *config.Config // config.file
	db   *sql.DB        // metadb.connect
	held holdings       // metadb.databases
	seen seen           // cluster.registry
}

// found collects what a check finds.
type found struct {
	findings []finding.Finding
	facts    []finding.Fact
	// publish hands on what the checks that need this one read. The runner
	// calls it, unless the check was left behind.
	publish func()
}

func (f *found) error(id string, m, fix msg.Message, facts ...finding.Fact) {
	f.findings = append(f.findings, finding.Finding{ID: id, Severity: finding.Error, Message: m, Fix: fix, Facts: facts})
}

func (f *found) warning(id string, m, fix msg.Message, facts ...finding.Fact) {
	f.findings = append(f.findings, finding.Finding{ID: id, Severity: finding.Warning, Message: m, Fix: fix, Facts: facts})
}

func (f *found) fact(name string, value any) { f.facts = append(f.facts, fact(name, value)) }

func fact(name string, value any) finding.Fact { return finding.Fact{Name: name, Value: value} }

func (f *found) failed() bool {
	return slices.ContainsFunc(f.findings, func(f finding.Finding) bool { return f.Severity == finding.Error })
}

// Run runs every check. The configuration is nil when it cannot be used.
func Run(ctx context.Context, in Input) (Report, *config.Config) { return perform(ctx, in, checks()) }

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

// runAll runs the checks side by side and gives the results in their order.
func runAll(ctx context.Context, n *node, list []check) []Result {
	states := map[string]*state{}
	var order []*state
	for _, c := range list {
		if n.Offline && !c.offline || c.when != nil && !c.when(n) {
			continue
		}
		s := &state{check: c, done: make(chan struct{}), result: Result{ID: c.id, Category: c.category(), Title: c.title}}
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
		s.result.Skipped = msg.M("not checked, because this failed: %s", strings.Join(s.blocked, ", "))
		return
	}
	if s.applies != nil && !s.applies(n) {
		s.absent = true
		return
	}
	f, inTime := bounded(ctx, n, s.check)
	s.result.Findings, s.result.Facts = f.findings, f.facts
	if f.failed() || !inTime {
		s.blocked = []string{s.id}
	}
}

// grace is how long a check may take beyond its deadline to say what it was
// waiting for.
const grace = time.Second

// bounded runs a check with its deadline. A check that hangs all the same, in
// a file system that does not answer, is left behind.
func bounded(ctx context.Context, n *node, c check) (f *found, inTime bool) {
	deadline := n.Deadline * time.Duration(max(c.deadlines, 1))
	bound, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	finished := make(chan *found, 1)
	go func() {
		f := &found{}
		c.run(bound, n, f)
		finished <- f
	}()
	late := time.NewTimer(deadline + grace)
	defer late.Stop()
	if n.typed(c) {
		late.Stop()
	}
	select {
	case f := <-finished:
		if f.publish != nil {
			f.publish()
		}
		return f, true
	case <-late.C:
	case <-n.interrupted(ctx, c):
	}
	f = &found{}
	report := f.warning
	if othersNeed(c.id) {
		report = f.error // else much would be skipped, and nothing would be wrong
	}
	report("check.deadline", msg.M("the check %s has not finished within %s", c.id, deadline),
		msg.M("see whether a file system or a server hangs, or allow more time with --deadline"), fact("deadline_seconds", deadline.Seconds()))
	return f, false
}

// typed reports whether the check reads what a person may be typing, or what
// comes through a pipe: that takes as long as it takes.
func (n *node) typed(c check) bool { return c.id == "config.file" && n.ConfigFile == "-" }

// interrupted is closed when the check will never end by itself.
func (n *node) interrupted(ctx context.Context, c check) <-chan struct{} {
	if n.typed(c) {
		return ctx.Done()
	}
	return nil
}

// othersNeed reports whether other checks need this one.
func othersNeed(id string) bool {
	return slices.ContainsFunc(append(checks(), clusterChecks()...), func(c check) bool { return slices.Contains(c.needs, id) })
}

// judge turns ignored errors into warnings, and gives each error its cause.
func (r *Report) judge(ignored Ignored) {
	for i := range r.Results {
		for j := range r.Results[i].Findings {
			if f := &r.Results[i].Findings[j]; f.Severity == finding.Error && ignored.has(f.ID) {
				f.Severity, f.Ignored = finding.Warning, true
			}
		}
	}
	r.giveCauses(func(f finding.Finding) bool { return f.Severity == finding.Error })
}

// giveCauses fills in the causes of the findings that are wanted. Without any
// of them the explanations are not even made.
func (r *Report) giveCauses(wanted func(finding.Finding) bool) {
	causes := sync.OnceValue(func() map[string]msg.Message {
		m := map[string]msg.Message{}
		for _, e := range Explanations() {
			m[e.ID] = e.Cause
		}
		return m
	})
	for i := range r.Results {
		for j := range r.Results[i].Findings {
			if f := &r.Results[i].Findings[j]; f.Cause.IsZero() && wanted(*f) {
				f.Cause = causes()[f.ID]
			}
		}
	}
}
