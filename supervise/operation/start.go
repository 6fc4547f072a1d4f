package operation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"omsinit/supervise/api"
)

// Queuer is a Program whose start may be prepared while others are forked.
type Queuer interface {
	Program
	// StartAfter is Start, but returns at once. The program is not forked before before is closed (nil: at once). The
	// one that is started next is told to wait for taken; started is closed when the program is forked, or will not be.
	StartAfter(ctx context.Context, before <-chan struct{}) (taken, started <-chan struct{})
}

// Start starts programs, each as soon as those that it depends on are ready: without a limit, so that whoever mends one
// of them hours later gets the programs that depend on it too, or until ctx ends. A patience above 0 is how long a
// program waits at the most; late is called before it is started then.
func Start(ctx context.Context, programs []Program, find func(name string) Program, patience time.Duration,
	late func(p Program, pending []string)) {
	programs = slices.Clone(programs)
	priority := map[Program]int{}
	for _, p := range programs {
		priority[p] = p.View().Def.Priority
	}
	slices.SortStableFunc(programs, func(a, b Program) int { return cmp.Compare(priority[a], priority[b]) })
	// Hold all before starting any, so that none sees another not asked for.
	turns := make([]context.Context, len(programs))
	for i, p := range programs {
		turns[i] = p.Hold(ctx)
	}
	row := row{}
	for i, p := range programs {
		if len(p.View().Def.DependsOn) == 0 {
			row.start(turns[i], p)
		} else {
			go startWhenReady(turns[i], p, find, patience, late)
		}
	}
	row.await(0)
}

// row are the starts under way. They are forked in the order in which they came.
type row struct {
	started []<-chan struct{}
	last    <-chan struct{} // is closed when the fork of the last one has its place
}

func (r *row) start(ctx context.Context, p Program) {
	q, ok := p.(Queuer)
	if !ok {
		p.Start(ctx)
		return
	}
	r.await(api.MostStarts - 1)
	taken, started := q.StartAfter(ctx, r.last)
	r.last, r.started = taken, append(r.started, started)
}

// await waits until no more than some are under way.
func (r *row) await(most int) {
	for len(r.started) > most {
		<-r.started[0]
		r.started = r.started[1:]
	}
}

func startWhenReady(turn context.Context, p Program, find func(name string) Program, patience time.Duration,
	late func(p Program, pending []string)) {
	var enough <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		enough = timer.C
	}
	dependencies := p.View().Def.DependsOn
	for {
		var pending []string
		var changed <-chan struct{}
		for _, name := range dependencies {
			dep := find(name)
			if dep == nil {
				continue // removed by an update
			}
			if v := dep.View(); v.blocks() {
				pending = append(pending, name)
				changed = v.Changed
			}
		}
		if len(pending) == 0 {
			p.Start(turn)
			return
		}
		p.WaitFor(turn, pending)
		select {
		case <-changed:
		case <-enough:
			late(p, pending)
			p.Start(turn)
			return
		case <-turn.Done():
			return
		}
	}
}
