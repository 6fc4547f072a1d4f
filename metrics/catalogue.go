package metrics

// Kind is how a field behaves.
type Kind string

// The kinds there are. All but texts are in the form of Prometheus as well.
const (
	Gauge   Kind = "gauge"
	Counter Kind = "counter" // only grows, until its owner starts again
	Words   Kind = "text"    // InfluxDB only
)

// Measurement is one kind of point: a measurement of InfluxDB and, together
// with each of its fields, a metric of Prometheus.
type Measurement struct {
	Name string
	// Tags are those beside region and node, which every point has.
	Tags []string
	// Most is how many series a node has at most.
	Most   int
	Fields []Field
}

// Field is one number. The metric of Prometheus is called MEASUREMENT_FIELD.
type Field struct {
	Name string
	Kind Kind
	// Whole numbers are integers in InfluxDB.
	Whole bool
	Help  string
}

// MostPrograms bounds the cardinality: of more programs, by name, the rest is
// left out and counted.
const MostPrograms = 200

// mostSteps bounds what a client can make up as names of steps.
const mostSteps = 16

// Catalogue lists everything that is reported.
func Catalogue() []Measurement {
	return []Measurement{
		{Name: "omsinit_node", Most: 1, Fields: []Field{
			{"setup_state", Gauge, true,
				"state of the initialisation: 0 none, 1 running, 2 retrying, 3 waits for a person, 4 done"},
			{"programs", Gauge, true, "programs that are defined"},
			{"programs_running", Gauge, true, "programs in the state RUNNING"},
			{"programs_ready", Gauge, true, "programs that are ready"},
			{"programs_fatal", Gauge, true, "programs in the state FATAL"},
			{"uptime_seconds", Gauge, false, "since PID 1 started"},
			{"version", Words, false, "version of omsinit"},
		}},
		{Name: "omsinit_program", Tags: []string{"program"}, Most: MostPrograms, Fields: []Field{
			{"state", Gauge, true, "state with Supervisor's code: 0 STOPPED, 10 STARTING, 20 RUNNING, 30 BACKOFF, 40 STOPPING, 100 EXITED, 200 FATAL"},
			{"state_name", Words, false, "the same as a word"},
			{"ready", Gauge, true, "1 when the program is ready"},
			{"starts_total", Counter, true, "starts since PID 1 started"},
			{"restarts_total", Counter, true, "starts after the first one since PID 1 started"},
			{"uptime_seconds", Gauge, false, "since the program was started, 0 when it does not run"},
			{"processes", Gauge, true, "processes of the program: its process group, and their children"},
			{"memory_bytes", Gauge, true, "resident memory of these processes"},
			{"cpu_seconds_total", Counter, false, "CPU time of these processes and of their children that have ended"},
			{"open_files", Gauge, true, "open files of these processes"},
			{"lost_log_bytes_total", Counter, true, "output that could not be written to the log files"},
		}},
		{Name: "omsinit_container", Most: 1, Fields: []Field{
			{"memory_bytes", Gauge, true, "memory of the container without the file cache that can be dropped at once"},
			{"memory_limit_bytes", Gauge, true, "memory that the container may use"},
			{"cpu_seconds_total", Counter, false, "CPU time of the container"},
			{"cpu_limit_cores", Gauge, false, "CPUs that the container may use"},
			{"cpu_throttled_seconds_total", Counter, false, "time that the container waited for its CPU quota"},
			{"processes", Gauge, true, "processes and threads of the container"},
			{"processes_limit", Gauge, true, "processes and threads that the container may have"},
			{"oom_kills_total", Counter, true, "processes of the container that were killed for want of memory"},
		}},
		{Name: "omsinit_mount", Tags: []string{"mount"}, Most: 3, Fields: []Field{
			{"size_bytes", Gauge, true, "size of the file system behind the mount"},
			{"used_bytes", Gauge, true, "what is used of it"},
			{"free_bytes", Gauge, true, "what is left for programs"},
			{"inodes", Gauge, true, "files that the file system can hold"},
			{"inodes_free", Gauge, true, "files that it can still take"},
		}},
		{Name: "omsinit_step", Tags: []string{"step"}, Most: mostSteps, Fields: []Field{
			{"duration_seconds", Gauge, false, "duration of the step of the initialisation when it ran last"},
			{"failed", Gauge, true, "1 when it failed then"},
			{"runs_total", Counter, true, "runs of the step since PID 1 started"},
			{"failures_total", Counter, true, "runs that failed"},
			{"finished_timestamp_seconds", Gauge, false, "when it ended last"},
		}},
		{Name: "omsinit_reporter", Most: 1, Fields: []Field{
			{"batches_sent_total", Counter, true, "batches that the time-series database has taken"},
			{"points_sent_total", Counter, true, "points in them"},
			{"batches_dropped_total", Counter, true, "batches that the full queue has dropped, the oldest first"},
			{"points_dropped_total", Counter, true, "points in them"},
			{"batches_refused_total", Counter, true, "batches that the time-series database would never take"},
			{"points_refused_total", Counter, true, "points in them"},
			{"send_failures_total", Counter, true, "attempts to send that have failed"},
			{"queue_batches", Gauge, true, "batches that wait"},
			{"queue_bytes", Gauge, true, "their size, compressed"},
			{"late_seconds", Gauge, false, "age of the oldest batch that waits"},
			{"collections_total", Counter, true, "collections of these figures"},
			{"collect_seconds", Gauge, false, "duration of the collection before this one"},
			{"panics_total", Counter, true, "faults of the reporter that were contained"},
			{"memory_bytes", Gauge, true, "memory of PID 1 itself"},
			{"programs_left_out", Gauge, true, "programs beyond the limit of 200 that are not reported"},
		}},
	}
}

// point is one point of a measurement. A figure that is not known is not in
// values.
type point struct {
	measurement string
	tags        []string // the values, in the order of Measurement.Tags
	values      map[string]any
}
