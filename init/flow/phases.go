package flow

import (
	"context"
	"slices"
	"strings"

	"omsinit/internal/msg"
)

// Phase is one step of the initialisation. The one list of phases gives the
// order, the banners, the values of --skip and --only, and the help text.
type Phase struct {
	// Name is what people write in --skip and --only.
	Name string
	// Banner is the documented headline of the step (oms-facts §4).
	Banner msg.Message
	// Command does this step alone.
	Command string
	run     func(*run, context.Context) error
}

// Phases are the five steps in their order.
var Phases = []Phase{
	{"check", msg.M("[Step 1] Check the config.yaml file"), "omsinit check", (*run).check},
	{"metadb", msg.M("[Step 2] Create the OMS MetaDB"), "omsinit init --only metadb", (*run).metadb},
	{"component", msg.M("[Step 3] Create the configuration files of the OMS components"), "omsinit init --only component", (*run).component},
	{"restart", msg.M("[Step 4] Restart all OMS components (about two minutes, please wait)"), "omsinit init --only restart", (*run).restart},
	{"resource", msg.M("[Step 5] Initialize the OMS resource labels and resource groups"), "omsinit init --only resource", (*run).resource},
}

// completed is the last banner, as documented (oms-facts §4).
var completed = msg.M("[Completed] All initialization steps are executed.")

// PhaseNames lists the names for help texts and errors.
func PhaseNames() string {
	names := make([]string, len(Phases))
	for i, p := range Phases {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// selection is the phases that one run goes through.
func selection(only, skip []string) ([]Phase, error) {
	if len(only) > 0 && len(skip) > 0 {
		return nil, &UsageError{msg.M("--only and --skip contradict each other: give one of them")}
	}
	for _, name := range append(slices.Clone(only), skip...) {
		if !slices.ContainsFunc(Phases, func(p Phase) bool { return p.Name == name }) {
			return nil, &UsageError{msg.M("there is no step %q; the steps are %s", name, PhaseNames())}
		}
	}
	var chosen []Phase
	for _, p := range Phases {
		if len(only) > 0 && !slices.Contains(only, p.Name) || slices.Contains(skip, p.Name) {
			continue
		}
		chosen = append(chosen, p)
	}
	if len(chosen) == 0 {
		return nil, &UsageError{msg.M("all steps are skipped, so there is nothing to do")}
	}
	return chosen, nil
}

// UsageError says that the command line contradicts itself.
type UsageError struct{ msg.Message }

// Error gives the English words.
func (e *UsageError) Error() string { return e.String() }
