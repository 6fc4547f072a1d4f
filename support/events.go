package support

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"sort"
	"time"
)

// Event is a line of PID 1's own log about a program, or about PID 1 itself.
type Event struct {
	At      time.Time `json:"time"`
	What    string    `json:"msg"`
	Program string    `json:"program,omitempty"`
	State   string    `json:"state,omitempty"`
	Exit    string    `json:"exit,omitempty"`
}

// mostEvents is how many are kept; the last ones count.
const mostEvents = 20000

// events reads what PID 1 has logged since, which outlives it.
func (in Input) events() []Event {
	var list []Event
	for _, path := range []string{in.Layout.LogFile() + ".1", in.Layout.LogFile()} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 16<<20 {
			_, _ = f.Seek(-16<<20, 2)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e Event
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.At.After(in.Now().Add(-in.Since)) && stateAfter(e) != "" {
				list = append(list, e)
			}
		}
		f.Close()
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].At.Before(list[j].At) })
	return list[max(0, len(list)-mostEvents):]
}

// The states of the chart.
const (
	starting = "starting"
	ready    = "ready"
	down     = "down"
	fatal    = "fatal"
	unknown  = "unknown" // PID 1 itself was not there, or has not said
)

// stateAfter returns the state after an event, "" for one that is none.
func stateAfter(e Event) string {
	switch e.What {
	case "program started":
		return starting
	case "program ready":
		return ready
	case "program ended", "cannot start the program":
		return down
	case "giving up, too many failed starts":
		return fatal
	case "supervisor started", "supervisor stopped":
		return unknown
	}
	return ""
}

// span is a state of a program from one time to another.
type span struct {
	from, to time.Time
	state    string
}

// spans returns the states of each program from a time to now.
func spans(events []Event, from, now time.Time) map[string][]span {
	out := map[string][]span{}
	move := func(program, state string, at time.Time) {
		list := out[program]
		if len(list) == 0 {
			list = []span{{from: from, state: unknown}}
		}
		last := &list[len(list)-1]
		if last.state != state {
			last.to = at
			list = append(list, span{from: at, state: state})
		}
		out[program] = list
	}
	for _, e := range events {
		state := stateAfter(e)
		if e.Program != "" {
			move(e.Program, state, e.At)
			continue
		}
		for program := range out {
			move(program, unknown, e.At)
		}
	}
	for _, list := range out {
		list[len(list)-1].to = now
	}
	return out
}

// Process is a process of this container.
type Process struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"ppid"`
	State   string `json:"state"`
	Threads int    `json:"threads"`
	Bytes   uint64 `json:"resident_bytes"`
	Command string `json:"command"`
}

func byMemory(list []Process) []Process {
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].Bytes > list[j].Bytes })
	return list
}
