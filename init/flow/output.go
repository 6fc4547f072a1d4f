package flow

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// rule is the dash rule around a banner, as long as in the old init's output.
var rule = strings.Repeat("-", 80)

// output is what a person sees of an operation: standard error, or for a run standard output and a copy of it in
// docker_init.log.<date>.
type output struct {
	lang   msg.Lang
	out    io.Writer
	errOut io.Writer
	log    *os.File // nil outside of a run, and when the log folder cannot be written
	mu     sync.Mutex
	last   msg.Message // that say has written
}

// logStamp is the date in the documented name of the init log, docker_init.log.2026-01-04.10:42:11 (docs/oms-facts.md
// §3).
const logStamp = "2006-01-02.15:04:05"

// bootTimeEnv hands the start of PID 1 to the runs that it starts, so that the attempts of one boot share one log.
const bootTimeEnv = "OMSINIT_BOOT_TIME"

// openLog starts the copy.
func (o *output) openLog(dir string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	stamp := os.Getenv(bootTimeEnv)
	if _, err := time.Parse(logStamp, stamp); err != nil {
		stamp = now.Format(logStamp)
	}
	log, err := os.OpenFile(filepath.Join(dir, "docker_init.log."+stamp), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		o.log = log
	}
	return err
}

func (o *output) close() {
	if o.log != nil {
		o.log.Close()
		o.log = nil
	}
}

// Write copies what goes to the terminal into the log. A log that cannot be written any more (a full disk) must not
// stop the work.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.log != nil {
		io.WriteString(o.log, style.Strip(string(p)))
	}
	return o.out.Write(p)
}

// Colored reports whether the terminal shows colours; the log never does.
func (o *output) Colored() bool { return style.Colored(o.out) }

func (o *output) banner(m msg.Message) {
	fmt.Fprintln(o, style.Heading.Paint(o, rule+"\n# "+m.In(o.lang)+"\n"+rule))
}

func (o *output) say(m msg.Message) { o.sayAs(style.Plain, m) }

// sayAs is say, painted by what it means.
func (o *output) sayAs(s style.Style, m msg.Message) {
	o.print(func(w io.Writer) { o.line(w, s, m) })
	o.mu.Lock()
	o.last = m
	o.mu.Unlock()
}

// remark is say, for what is no news of the step.
func (o *output) remark(m msg.Message) { o.print(func(w io.Writer) { o.line(w, style.Plain, m) }) }

// print has a text written to the terminal, for its width and with its colours, and to the log as it is.
func (o *output) print(write func(io.Writer)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.log != nil {
		write(o.log)
	}
	write(o.out)
}

func (o *output) line(w io.Writer, s style.Style, m msg.Message) {
	fmt.Fprintln(w, s.Paint(w, msg.Fold(m.In(o.lang), style.Columns(w))))
}

// forget begins anew with what was said last.
func (o *output) forget() {
	o.mu.Lock()
	o.last = msg.Message{}
	o.mu.Unlock()
}

func (o *output) lastSaid() msg.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// fail writes an error, to the terminal's error stream and to the log.
func (o *output) fail(m msg.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.log != nil {
		o.line(o.log, style.Error, m)
	}
	o.line(o.errOut, style.Error, m)
}
