package metrics

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// Report is what `omsinit metrics show` prints. Its JSON form only ever grows,
// and never holds credentials.
type Report struct {
	Version int `json:"version"`
	// State is on, off, left_out, starting or waiting.
	State  string   `json:"state"`
	Reason msg.Text `json:"reason,omitzero"`
	// The next three are of the TSDB, empty unless State is on.
	Address         string `json:"tsdb_url,omitempty"`
	Database        string `json:"database,omitempty"`
	RetentionPolicy string `json:"retention_policy,omitempty"`

	Region          string  `json:"region"`
	Node            string  `json:"node"`
	IntervalSeconds float64 `json:"interval_seconds"`
	// MetricsPort is the address and port that Prometheus asks, empty without one.
	MetricsPort string `json:"metrics_port,omitempty"`

	Queue      QueueReport  `json:"queue"`
	Sent       Amount       `json:"sent"`
	Dropped    Amount       `json:"dropped"` // by the full queue
	Refused    Amount       `json:"refused"` // by the TSDB, for good
	Failures   int64        `json:"send_failures"`
	Panics     int64        `json:"panics"`
	LastSentAt *time.Time   `json:"last_sent_at,omitempty"`
	LastError  *ErrorReport `json:"last_error,omitempty"`
	NextTry    *time.Time   `json:"next_try,omitempty"` // while sending fails

	CollectedAt    *time.Time          `json:"collected_at,omitempty"`
	CollectSeconds float64             `json:"collect_seconds"`
	LeftOut        int                 `json:"programs_left_out"`
	Measurements   []MeasurementReport `json:"measurements"`
}

// QueueReport is what waits.
type QueueReport struct {
	Batches     int        `json:"batches"`
	MostBatches int        `json:"most_batches"`
	Bytes       int        `json:"bytes"`
	MostBytes   int        `json:"most_bytes"`
	OldestAt    *time.Time `json:"oldest_at,omitempty"`
	LateSeconds float64    `json:"late_seconds"` // age of the oldest
}

// Amount counts since PID 1 started.
type Amount struct {
	Batches int64 `json:"batches"`
	Points  int64 `json:"points"`
}

// ErrorReport is the last thing that went wrong.
type ErrorReport struct {
	msg.Text
	At time.Time `json:"at"`
}

// MeasurementReport is what a batch has of one measurement.
type MeasurementReport struct {
	Name   string   `json:"name"`
	Tags   []string `json:"tags"`
	Series int      `json:"series"`      // in the last collection
	Most   int      `json:"most_series"` // of this node, ever
	Fields []string `json:"fields"`
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (r *Reporter) report(now time.Time) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.figures
	out := Report{
		Version: 1, State: r.condition.state, Region: r.id.region, Node: r.id.node,
		IntervalSeconds: r.o.Interval.Seconds(), MetricsPort: r.port.address,
		Queue: QueueReport{Batches: len(r.queue.list), MostBatches: mostBatches, Bytes: r.queue.bytes,
			MostBytes: mostQueueBytes, LateSeconds: r.late(now)},
		Sent: Amount{f.batchesSent, f.pointsSent}, Dropped: Amount{f.batchesDropped, f.pointsDropped},
		Refused:  Amount{f.batchesRefused, f.pointsRefused},
		Failures: f.failures, Panics: f.panics, LastSentAt: moment(f.lastSent), NextTry: moment(f.nextTry),
		CollectedAt: moment(r.last.at), CollectSeconds: r.last.took.Seconds(), LeftOut: f.leftOut,
	}
	out.Reason = msg.NewText(r.condition.reason)
	if r.session != nil {
		out.Address = r.session.server.address
		out.Database, out.RetentionPolicy = r.session.to.database, r.session.to.policy
		if r.session.server.ceres {
			out.Database, out.RetentionPolicy = "", ""
		}
	}
	if b := r.queue.first(); b != nil {
		out.Queue.OldestAt = moment(b.at)
	}
	if !f.lastError.IsZero() {
		out.LastError = &ErrorReport{msg.NewText(f.lastError), f.lastErrorAt}
	}
	series := map[string]int{}
	for _, p := range r.last.points {
		series[p.measurement]++
	}
	for _, m := range Catalogue() {
		mr := MeasurementReport{Name: m.Name, Tags: append([]string{"region", "node"}, m.Tags...),
			Series: series[m.Name], Most: m.Most}
		for _, field := range m.Fields {
			mr.Fields = append(mr.Fields, field.Name)
		}
		out.Measurements = append(out.Measurements, mr)
	}
	return out
}

// Print writes the report for people.
func (r Report) Print(w io.Writer, lang msg.Lang, now time.Time) error {
	say := func(m msg.Message) { fmt.Fprintln(w, m.In(lang)) }
	say(r.headline())
	say(msg.M("tags: region=%s node=%s; one batch every %s", r.Region, r.Node, duration(r.IntervalSeconds)))
	if r.MetricsPort != "" {
		say(msg.M("Prometheus: http://%s/metrics", r.MetricsPort))
	}
	say(msg.M("sent: %d batches, %d points", r.Sent.Batches, r.Sent.Points))
	if r.LastSentAt != nil {
		say(msg.M("last sent: %s ago", now.Sub(*r.LastSentAt).Round(time.Second)))
	}
	say(msg.M("waiting: %d of at most %d batches, %d bytes; late: %s", r.Queue.Batches, r.Queue.MostBatches,
		r.Queue.Bytes, duration(r.Queue.LateSeconds)))
	say(msg.M("dropped by the full queue: %d batches, %d points; refused for good: %d batches, %d points",
		r.Dropped.Batches, r.Dropped.Points, r.Refused.Batches, r.Refused.Points))
	say(msg.M("failed attempts: %d; contained faults: %d", r.Failures, r.Panics))
	if r.LastError != nil {
		ago := now.Sub(r.LastError.At).Round(time.Second)
		fmt.Fprintln(w, style.Error.Paint(w, lang.Sprintf("last error, %s ago: %v", ago, r.LastError.Text)))
	}
	if r.NextTry != nil {
		say(msg.M("next attempt in %s", max(0, r.NextTry.Sub(now)).Round(time.Second)))
	}
	if r.LeftOut > 0 {
		say(msg.M("%d programs beyond the limit of %d are left out", r.LeftOut, MostPrograms))
	}
	fmt.Fprintln(w)
	rows := [][]string{{
		lang.Sprintf("MEASUREMENT"), lang.Sprintf("TAGS"), lang.Sprintf("SERIES"), lang.Sprintf("MOST"),
		lang.Sprintf("FIELDS"),
	}}
	for _, m := range r.Measurements {
		rows = append(rows, []string{
			m.Name, strings.Join(m.Tags, ","), strconv.Itoa(m.Series), strconv.Itoa(m.Most),
			strconv.Itoa(len(m.Fields)),
		})
	}
	return msg.PrintColumns(w, rows)
}

func (r Report) headline() msg.Message {
	switch r.State {
	case On:
		if !r.Reason.IsZero() {
			return msg.M("on: %s, database %s, retention policy %s; %v", r.Address, r.Database,
				r.RetentionPolicy, r.Reason)
		}
		if r.Database == "" {
			return msg.M("on: %s (CERESDB)", r.Address)
		}
		return msg.M("on: %s, database %s, retention policy %s", r.Address, r.Database, r.RetentionPolicy)
	case Off:
		return msg.M("off: tsdb_enabled is false; nothing is sent anywhere")
	case LeftOut:
		return msg.M("left out: tsdb_enabled is true, and the time-series database did not pass its check: %v",
			r.Reason)
	case waiting:
		return msg.M("waiting: %v", r.Reason)
	}
	return msg.M("starting: step 3 of the initialisation has not decided yet")
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
}
