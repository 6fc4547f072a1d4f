package doctor

import (
	"cmp"
	"context"
	"os"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"omsinit/internal/mask"
	"omsinit/internal/msg"
	"omsinit/internal/pack"
	"omsinit/supervise/api"
)

// source is one thing to ask. What it returns is put into the facts by the collector alone, so that one that is left
// behind cannot write to them any more.
type source struct {
	name  string
	limit time.Duration
	ask   func(context.Context) (func(*Facts), error)
}

// sources are all of them. Those that only look at files of this host are as short as those that a server answers: a
// network file system may hang.
func sources(in Input) []source {
	list := []source{
		{"memory", 2 * time.Second, in.memory},
		{"disks", 3 * time.Second, in.disks},
		{"runs", 3 * time.Second, in.runs},
	}
	if in.Config != nil {
		list = append(list, source{"names", 5 * time.Second, in.names}, source{"metadb", 10 * time.Second, in.metadb})
	}
	if in.Check != nil {
		list = append(list, source{"check", Limit, func(ctx context.Context) (func(*Facts), error) {
			report, err := in.Check(ctx)
			return func(f *Facts) { f.Check = &report }, err
		}})
	}
	if in.Cluster != nil {
		list = append(list, source{"cluster", Limit, func(ctx context.Context) (func(*Facts), error) {
			report, err := in.Cluster(ctx)
			return func(f *Facts) { f.Cluster = &report }, err
		}})
	}
	if in.Files != nil {
		list = append(list, source{"files", 5 * time.Second, func(ctx context.Context) (func(*Facts), error) {
			files, err := in.Files(ctx)
			return func(f *Facts) { f.Files = &files }, err
		}})
	}
	if in.Schema != nil && in.Config != nil {
		list = append(list, source{"schema", 10 * time.Second, func(ctx context.Context) (func(*Facts), error) {
			schema, err := in.Schema(ctx)
			return func(f *Facts) { f.Schema = &schema }, err
		}})
	}
	if in.History != nil {
		list = append(list, source{"history", 3 * time.Second, func(context.Context) (func(*Facts), error) {
			versions, err := in.History()
			return func(f *Facts) { f.History = versions }, err
		}})
	}
	return list
}

// collect asks all sources side by side.
func collect(ctx context.Context, in Input) Facts {
	in.System = cmp.Or(in.System, "/")
	if in.Now == nil {
		in.Now = time.Now
	}
	if in.Mask == nil {
		in.Mask = mask.New(nil).Text
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	f := Facts{At: in.Now(), Address: in.Address, Build: in.Build, Release: in.Release, statuses: map[string]error{}}
	f.Hostname, _ = os.Hostname()
	f.Kernel = kernel()
	f.Limits = in.thresholds()

	list := sources(in)
	if in.Status != nil {
		list = append(list, source{"status", 3 * time.Second, func(ctx context.Context) (func(*Facts), error) {
			status, err := in.Status(ctx)
			if err == nil {
				for i := range status.Programs {
					status.Programs[i].LastLines = in.Mask(status.Programs[i].LastLines)
				}
			}
			return func(f *Facts) { f.Status = status }, err
		}})
	}
	answers := make([]chan answer, len(list))
	for i, s := range list {
		answers[i] = s.start(ctx)
	}
	for i, s := range list {
		f.take(s, <-answers[i])
	}
	// The logs that matter depend on the programs.
	if in.Symptoms != nil {
		logs := source{"logs", 5 * time.Second, func(ctx context.Context) (func(*Facts), error) {
			return in.searchLogs(ctx, f.Status, f.At)
		}}
		f.take(logs, <-logs.start(ctx))
	}
	sort.Slice(f.Sources, func(i, j int) bool { return f.Sources[i].Name < f.Sources[j].Name })
	f.Took = time.Since(start)
	return f
}

type answer struct {
	apply func(*Facts)
	err   error
	took  time.Duration
	late  bool
}

// start asks, and answers itself when the limit is over.
func (s source) start(ctx context.Context) chan answer {
	out := make(chan answer, 1)
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	given := make(chan answer, 1)
	go func() {
		apply, err := s.ask(ctx)
		given <- answer{apply: apply, err: err, took: time.Since(start)}
	}()
	go func() {
		defer cancel()
		select {
		case a := <-given:
			out <- a
			return
		case <-ctx.Done():
		}
		// Whoever minds the context comes back now, with more to say than we.
		select {
		case a := <-given:
			out <- a
		case <-time.After(500 * time.Millisecond):
			out <- answer{err: msg.Errorf("no answer within %s", s.limit), took: time.Since(start), late: true}
		}
	}()
	return out
}

func (f *Facts) take(s source, a answer) {
	f.Sources = append(f.Sources, Source{
		Name: s.name, Seconds: a.took.Round(time.Millisecond).Seconds(), Error: msg.ErrorText(a.err), Late: a.late,
	})
	if a.err != nil {
		f.statuses[s.name] = a.err
		return
	}
	a.apply(f)
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return strings.TrimRight(string(u.Release[:]), "\x00")
}

// searchLogs looks for symptoms, and for the last words of programs that are not ready.
func (in Input) searchLogs(ctx context.Context, status *api.Status, now time.Time) (func(*Facts), error) {
	symptoms, err := in.Symptoms()
	if err != nil {
		builtin, builtinErr := pack.BuiltinSymptoms()
		if builtinErr != nil {
			return nil, err
		}
		symptoms = builtin
	}
	s := search{Input: in, ctx: ctx, status: status, now: now, table: symptoms, budget: mostBytes}
	seen := s.run()
	words := s.words()
	return func(f *Facts) {
		f.Seen, f.Programs = seen, words
		if err != nil { // the pack's own are wrong; those of the binary were looked for
			f.statuses["symptoms"] = err
		}
	}, nil
}
