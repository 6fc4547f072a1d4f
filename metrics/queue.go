package metrics

import "time"

// The bounds of the queue: an hour of batches, or 4 MiB of them.
const (
	mostBatches    = 360
	mostQueueBytes = 4 << 20
)

// batch is what is sent at once: the points of one moment.
type batch struct {
	at     time.Time
	points int
	data   []byte // line protocol, compressed
}

// queue keeps batches until they are sent. Its owner holds a lock.
type queue struct {
	list  []*batch
	bytes int
	// sending is the first batch while it is on its way: it is not dropped, as
	// it may have arrived.
	sending bool
}

// add appends a batch and returns those that had to make room, the oldest first.
func (q *queue) add(b *batch) (dropped []*batch) {
	q.list = append(q.list, b)
	q.bytes += len(b.data)
	oldest := 0
	if q.sending {
		oldest = 1
	}
	for len(q.list) > oldest && (len(q.list) > mostBatches || q.bytes > mostQueueBytes) {
		dropped = append(dropped, q.list[oldest])
		q.bytes -= len(q.list[oldest].data)
		q.list = append(q.list[:oldest:oldest], q.list[oldest+1:]...)
	}
	return dropped
}

// first is the oldest batch, nil when there is none.
func (q *queue) first() *batch {
	if len(q.list) == 0 {
		return nil
	}
	return q.list[0]
}

// remove takes the oldest batch away.
func (q *queue) remove(b *batch) {
	if q.first() != b {
		return // the queue was cleared meanwhile
	}
	q.bytes -= len(b.data)
	q.list[0] = nil
	q.list = q.list[1:]
}

func (q *queue) clear() { *q = queue{} }
