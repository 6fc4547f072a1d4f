package metrics

import (
	"maps"
	"slices"
	"time"
)

// Step is how a step of the initialisation ended, as the run tells PID 1 over
// the control socket.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Failed  bool    `json:"failed"`
}

// steps are the steps by name.
type steps map[string]*stepFigures

type stepFigures struct {
	last           Step
	at             time.Time
	runs, failures int64
}

// ended counts a step. It reports whether there is room for that name.
func (s steps) ended(step Step, now time.Time) bool {
	f := s[step.Name]
	if f == nil {
		if len(s) == mostSteps || step.Name == "" {
			return false
		}
		f = &stepFigures{}
		s[step.Name] = f
	}
	f.last, f.at = step, now
	f.runs++
	f.failures += one(step.Failed)
	return true
}

func (s steps) points() []point {
	var out []point
	for _, name := range slices.Sorted(maps.Keys(s)) {
		f := s[name]
		out = append(out, point{"omsinit_step", []string{name}, map[string]any{
			"duration_seconds": f.last.Seconds, "failed": one(f.last.Failed), "runs_total": f.runs,
			"failures_total":             f.failures,
			"finished_timestamp_seconds": float64(f.at.UnixMilli()) / 1000,
		}})
	}
	return out
}
