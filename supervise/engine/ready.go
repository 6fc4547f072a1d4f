package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"omsinit/internal/msg"
	"omsinit/supervise/program"
)

// watch probes the program until it is ready or its process is gone. Callers
// hold the lock. Once ready, nothing is asked any more: an idle supervisor
// does not wake up.
func (p *process) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	p.probeCtx = cancel
	if p.def.Probe.Log != "" {
		p.WatchLog(ctx)
		return
	}
	def, wait := p.def, program.FirstProbe
	var attempt func()
	attempt = func() {
		if ctx.Err() != nil {
			return
		}
		ready, answer := p.engine.Ask(ctx, def, def.Probe)
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		p.answer = answer
		if ready {
			p.log.Info("program ready", "answer", answer.String(), "after", p.engine.now().Sub(p.startedAt).String())
			p.becomeReady()
			return
		}
		p.notify()
		wait = cmp.Or(def.Probe.Interval, min(wait*3/2, program.LongestProbe))
		p.engine.after(wait, attempt)
	}
	p.engine.after(program.FirstProbe, attempt)
}

// WatchLog waits for a line of the program's output. Callers hold the lock.
func (p *process) WatchLog(ctx context.Context) {
	cancel := p.engine.WatchLog(p.def, p.def.Probe.Log, func(line string) {
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
func (p *process) becomeReady() {
	p.ready = true
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
func (p *process) watchLife() {
	ctx, cancel := context.WithCancel(context.Background())
	p.aliveCtx = cancel
	def, bad := p.def, 0
	var attempt func()
	attempt = func() {
		if ctx.Err() != nil {
			return
		}
		alive, answer := p.engine.Ask(ctx, def, def.Alive)
		p.mu.Lock()
		defer p.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		if alive {
			bad = 0
		} else if bad++; bad >= def.AliveFailures {
			p.died(bad, answer)
			return
		}
		p.engine.after(def.Alive.Interval, attempt)
	}
	p.engine.after(def.Alive.Interval, attempt)
}

// died: the liveness probe has failed too often. The process is stopped as a
// stop would, and counts as crashed. Callers hold the lock.
func (p *process) died(times int, answer msg.Message) {
	if !p.state.up() {
		return
	}
	p.spawnErr = msg.Errorf("the liveness probe %s failed %d times in a row: %v", p.def.Alive.String(), times, answer)
	p.log.Error("restarting the program, it does not answer any more", "reason", p.spawnErr)
	p.goal = goalRecover
	p.terminate()
}

// unready forgets that the program was ready. Callers hold the lock.
func (p *process) unready() {
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
		io.WriteString(h, name+"\x00")
		f, err := os.Open(name)
		if err == nil {
			_, err = io.Copy(h, f)
			f.Close()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			io.WriteString(h, "\x00absent")
		case err != nil:
			io.WriteString(h, "\x00unreadable")
		}
		io.WriteString(h, "\x00\x00")
	}
	return hex.EncodeToString(h.Sum(nil))
}
