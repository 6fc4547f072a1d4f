package registry

import "time"

// State is how a node is, by its row and its last heartbeat.
type State string

// The states of nodes.
const (
	Up       State = "up"       // ONLINE, with a recent heartbeat
	Down     State = "down"     // ONLINE, and its heartbeats have stopped, or never came
	Abnormal State = "abnormal" // with a host_status that nothing documents
)

// StateOf returns how a node is that is down when its last heartbeat is older than hostDown.
func StateOf(h Host, beats []Beat, hostDown time.Duration) State {
	beat, found := FindBeat(beats, h.IP)
	switch {
	case h.Status != Online:
		return Abnormal
	case found && beat.Age <= hostDown:
		return Up
	}
	return Down
}
