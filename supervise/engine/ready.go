package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"omsinit/internal/msg"
	"omsinit/supervise/program"
)

// watch probes the program until it is ready or its process is gone. Callers
// hold the lock. Once ready, nothing is asked any more: an idle supervisor
// does not wake up.
func (p *Process) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	p.probeCtx = cancel
	if p.def.Probe.Log != "" {
		p.watchLog(ctx)
		return
	}
	interval, wait := p.def.Probe.Interval, program.FirstProbe
	p.poll(ctx, p.engine.ready, wait, func(ready bool, answer msg.Message) time.Duration {
		p.answer = answer
		if ready {
			p.log.Info("program ready", "answer", answer.String(), "after", p.engine.now().Sub(p.startedAt).String())
			p.becomeReady()
			return 0
		}
		p.notify()
		wait = min(wait*3/2, program.LongestProbe)
		return cmp.Or(interval, wait)
	})
}

// poll asks a probe again and again until ctx ends. answered, with the lock held, returns how long to wait for the next
// time, 0 for none.
func (p *Process) poll(ctx context.Context,
	ask func(ctx context.Context, p program.Program, pid int) (bool, msg.Message), first time.Duration,
	answered func(good bool, answer msg.Message) time.Duration) {
	def := p.def
	var attempt func()
	attempt = func() {
		if ctx.Err() != nil {
			return
		}
		p.mu.Lock()
		pid := p.pid
		p.mu.Unlock()
		good, answer := ask(ctx, def, pid)
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		if wait := answered(good, answer); wait > 0 {
			p.engine.after(wait, attempt)
		}
	}
	p.engine.after(first, attempt)
}

// watchLog waits for a line of the program's output. Callers hold the lock.
func (p *Process) watchLog(ctx context.Context) {
	cancel := p.engine.watchLog(p.def, p.def.Probe.Log, func(line string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() == nil {
			p.answer = msg.M("%s", line)
			p.log.Info("program ready", "line", line, "after", p.engine.now().Sub(p.startedAt).String())
			p.becomeReady()
		}
	})
	context.AfterFunc(ctx, cancel)
}

// becomeReady is the event that the readiness probe holds, or that there is
// none and startsecs have passed. Callers hold the lock.
func (p *Process) becomeReady() {
	p.ready = true
	p.makeLogs()
	p.children = p.engine.children(p.pid)
	if p.probeCtx != nil {
		p.probeCtx()
		p.probeCtx = nil
	}
	if p.def.Alive != nil && p.aliveCtx == nil {
		p.watchLife()
	}
	p.notify()
}

// watchLife asks the liveness probe again and again. Callers hold the lock.
func (p *Process) watchLife() {
	ctx, cancel := context.WithCancel(context.Background())
	p.aliveCtx = cancel
	bad, most, interval := 0, p.def.AliveFailures, p.def.Alive.Interval
	p.poll(ctx, p.engine.healthy, interval, func(alive bool, answer msg.Message) time.Duration {
		if alive {
			bad = 0
		} else if bad++; bad >= most {
			p.died(bad, answer)
			return 0
		}
		return interval
	})
}

// died: the liveness probe has failed too often. The process is stopped as a
// stop would, and counts as crashed. Callers hold the lock.
func (p *Process) died(times int, answer msg.Message) {
	if !p.state.up() {
		return
	}
	p.spawnErr = msg.Errorf("the liveness probe %s failed %d times in a row: %v", p.def.Alive.String(), times, answer)
	p.log.Error("restarting the program, it does not answer any more", "reason", p.spawnErr)
	p.goal = goalRecover
	p.terminate()
}

// unready forgets that the program was ready. Callers hold the lock.
func (p *Process) unready() {
	p.ready = false
	for _, cancel := range []*context.CancelFunc{&p.probeCtx, &p.aliveCtx} {
		if *cancel != nil {
			(*cancel)()
			*cancel = nil
		}
	}
}

// digestFiles is a fingerprint of configuration files, "" for none. A file
// that cannot be read counts as such, so that creating it is a change too.
func digestFiles(files []string) string {
	if len(files) == 0 {
		return ""
	}
	h := sha256.New()
	for _, name := range slices.Sorted(slices.Values(files)) {
		data, err := os.ReadFile(name)
		fmt.Fprintf(h, "%q %t %t %x\n", name, err != nil, errors.Is(err, fs.ErrNotExist), sha256.Sum256(data))
	}
	return hex.EncodeToString(h.Sum(nil))
}
