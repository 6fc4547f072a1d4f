package operation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"omsinit/supervise/api"
	"omsinit/supervise/program"
)

// world is a supervisor in memory: whatever is started runs, and is ready at once unless it is sick.
type world struct {
	mu    sync.Mutex
	all   map[string]*fake
	did   []string
	sick  []string // never get ready
	stuck []string // do not stop
}

type fake struct {
	w       *world
	view    View
	changed chan struct{}
	refused error
}

func newWorld(dependencies map[string][]string) *world {
	w := &world{all: map[string]*fake{}}
	for name, on := range dependencies {
		w.all[name] = &fake{w: w, changed: make(chan struct{}), view: View{Def: program.Program{Name: name, Group: name,
			DependsOn: on, Probe: &program.Probe{TCP: "x:1"}, ReadyTimeout: time.Hour}}}
	}
	return w
}

func (w *world) find(name string) Program {
	if p := w.all[name]; p != nil {
		return p
	}
	return nil
}

func (w *world) operation(verb api.Verb, names ...string) *Operation {
	o := &Operation{Verb: verb, Find: w.find}
	for _, name := range names {
		o.Programs = append(o.Programs, w.all[name])
	}
	return o
}

func (w *world) run(t *testing.T, verb api.Verb, names ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	return w.operation(verb, names...).Run(ctx)
}

// change changes a program, and wakes who watches it.
func (p *fake) change(did string, f func(v *View)) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if did != "" {
		p.w.did = append(p.w.did, did+" "+p.view.Def.Name)
	}
	f(&p.view)
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *fake) View() View {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	v := p.view
	v.Changed = p.changed
	return v
}

func (p *fake) Hold(ctx context.Context) context.Context {
	p.change("", func(v *View) { v.Pending = true })
	return ctx
}

func (p *fake) WaitFor(_ context.Context, names []string) {
	p.change("", func(v *View) { v.WaitsFor = names })
}

func (p *fake) Start(ctx context.Context) {
	p.change("start", func(v *View) {
		v.Pending, v.WaitsFor, v.Refused = false, nil, p.refused
		if p.refused == nil {
			v.State, v.Wanted, v.Ready = api.Running, true, !slices.Contains(p.w.sick, v.Def.Name)
		}
	})
}

func (p *fake) Stop(context.Context, bool) error {
	if p.refused != nil {
		return p.refused
	}
	p.change("stop", func(v *View) {
		v.Wanted = false
		if !slices.Contains(p.w.stuck, v.Def.Name) {
			v.State, v.Ready = api.Stopped, false
		}
	})
	return nil
}

func (p *fake) FlushLogs() {}

func TestOrder(t *testing.T) {
	w := newWorld(map[string][]string{"base": nil, "middle": {"base"}, "top": {"middle", "base"}})
	if err := w.run(t, api.Start, "top", "base", "middle"); err != nil {
		t.Fatal(err)
	}
	if err := w.run(t, api.Restart, "base", "top", "middle"); err != nil {
		t.Fatal(err)
	}
	if err := w.run(t, api.Stop, "middle", "base", "top"); err != nil {
		t.Fatal(err)
	}
	want := []string{"start base", "start middle", "start top", "stop top", "stop middle", "stop base",
		"start base", "start middle", "start top", "stop top", "stop middle", "stop base"}
	if !slices.Equal(w.did, want) {
		t.Errorf("%q", w.did)
	}
}

// What cannot be started again is not stopped, and what is wrong is said of each program.
func TestFailures(t *testing.T) {
	programs := map[string][]string{"base": nil, "top": {"base"}, "alone": nil}
	for name, test := range map[string]struct {
		prepare func(w *world)
		verb    api.Verb
		names   []string
		did     []string
		failed  []string // programs, each with what it waits for
	}{
		"a dependency is down": {nil, api.Restart, []string{"top"}, nil, []string{"top base"}},
		"a dependency never gets ready": {func(w *world) { w.sick = []string{"base"} }, api.Start,
			[]string{"top", "base"}, []string{"start base"}, []string{"base", "top base"}},
		"a dependency cannot be started": {func(w *world) { w.all["base"].refused = errors.New("no") }, api.Start,
			[]string{"top", "base"}, []string{"start base"}, []string{"base", "top base"}},
		"one does not stop": {func(w *world) {
			w.stuck = []string{"alone"}
			w.all["alone"].view.State = api.Running
		}, api.Stop, []string{"alone", "base"}, []string{"stop alone", "stop base"}, []string{"alone"}},
		"one cannot be stopped": {func(w *world) { w.all["alone"].refused = errors.New("no") }, api.Stop,
			[]string{"alone"}, nil, []string{"alone"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(programs)
			if test.prepare != nil {
				test.prepare(w)
			}
			err := w.run(t, test.verb, test.names...)
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, " ") })
			for _, failed := range test.failed {
				words := strings.Fields(failed)
				if !slices.ContainsFunc(lines, func(line string) bool {
					return strings.HasPrefix(line, words[0]+" ") && strings.Contains(line, words[len(words)-1])
				}) {
					t.Errorf("nothing about %q in %q", failed, lines)
				}
			}
			slices.Sort(w.did)
			if len(lines) != len(test.failed) || !slices.Equal(w.did, test.did) {
				t.Errorf("did %q, %q", w.did, lines)
			}
		})
	}
}

// The end of the context is that of the starts that wait, and of nothing else.
func TestStartsOutliveTheOperation(t *testing.T) {
	w := newWorld(map[string][]string{"base": nil, "top": {"base"}})
	w.sick = []string{"base"}
	o := w.operation(api.Start, "base", "top")
	o.Starts = t.Context()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := o.Run(ctx); err == nil {
		t.Fatal("no error")
	}
	w.all["base"].change("", func(v *View) { v.Ready = true })
	for !w.all["top"].View().Ready {
		time.Sleep(time.Millisecond)
	}
}

func TestPatience(t *testing.T) {
	w := newWorld(map[string][]string{"base": nil, "top": {"base"}})
	w.sick = []string{"base"}
	late := make(chan []string, 1)
	Start(t.Context(), w.operation(api.Start, "base", "top").Programs, w.find, time.Millisecond,
		func(_ Program, pending []string) { late <- pending })
	if pending := <-late; !slices.Equal(pending, []string{"base"}) {
		t.Errorf("%q", pending)
	}
	for w.all["top"].View().State != api.Running {
		time.Sleep(time.Millisecond)
	}
}

func TestSelect(t *testing.T) {
	defined := []string{"a", "g:a", "g:b", "h:c", "i:c"}
	for names, want := range map[string]string{
		"all": "a g:a g:b h:c i:c", "a": "a", "g:a": "g:a", "b": "g:b", "g:*": "g:a g:b", "g:": "g:a g:b", "a:*": "a",
		"b a b": "g:b a", "c": "", "x": "", "x:*": "", "g:c": "", "b x": "", "": "",
	} {
		got, err := Select(strings.Fields(names), defined)
		if strings.Join(got, " ") != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v", names, got, err)
		}
	}
	if got, err := Select([]string{"all"}, nil); err != nil || len(got) > 0 {
		t.Errorf("all of nothing: %q, %v", got, err)
	}
}
