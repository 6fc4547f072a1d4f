package metrics

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// The pauses after a batch that could not be sent.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// errContained stands for a panic, which contain has noted.
var errContained = errors.New("contained")

// send sends what waits, the oldest first, until ctx ends.
func (r *Reporter) send(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: min(firstPause, r.o.Interval), RandomizationFactor: 0.25,
		Multiplier: 2, MaxInterval: min(longestPause, 3*r.o.Interval)}
	pauses.Reset()
	var current *session
	for ctx.Err() == nil {
		s, b := r.next()
		if b == nil {
			select {
			case <-ctx.Done():
			case <-r.wake:
			}
			continue
		}
		if s != current {
			current = s
			pauses.Reset()
		}
		err := errContained
		r.contain(func() { err = r.deliver(s, b) })
		r.outcome(s, b, err)
		if err == nil {
			pauses.Reset()
			continue
		}
		if s.ctx.Err() != nil || final(err) {
			continue
		}
		r.pause(s, pauses.NextBackOff())
	}
}

// next is the oldest batch and where it goes.
func (r *Reporter) next() (*session, *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.queue.first()
	if r.session == nil || b == nil {
		return nil, nil
	}
	r.queue.sending = true
	return r.session, b
}

// deliver sends one batch. A database that somebody has dropped is made again.
func (r *Reporter) deliver(s *session, b *batch) error {
	data, encoding := b.data, "gzip"
	if s.server.ceres {
		// It is not known to take anything but plain text.
		plain, err := unzipped(b.data)
		if err != nil {
			return err
		}
		data, encoding = plain, ""
	}
	err := s.server.write(s.ctx, s.to, data, encoding)
	if !missing(err) || s.server.ceres {
		return err
	}
	w := Wiring{Into: s.applied.Into}
	for _, step := range []func(context.Context, *server) Part{w.database, w.policy} {
		if part := step(s.ctx, s.server); part.Err != nil {
			return part.Err
		}
	}
	return s.server.write(s.ctx, s.to, data, encoding)
}

// missing reports whether the database or its policy is not there.
func missing(err error) bool {
	var r *refusal
	return errors.As(err, &r) && (r.status == http.StatusNotFound || strings.Contains(r.Error(), "not found"))
}

// final reports whether the same batch would be refused again and again, as
// when a limit of the TSDB is reached: part of it is in, and the rest never
// will be. Credentials, and what is missing, can be mended there.
func final(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.status >= 400 && r.status < 500 && !missing(err) &&
		r.status != http.StatusUnauthorized && r.status != http.StatusForbidden &&
		r.status != http.StatusRequestTimeout &&
		r.status != http.StatusTooManyRequests
}

// outcome counts what became of a batch.
func (r *Reporter) outcome(s *session, b *batch, err error) {
	r.mu.Lock()
	r.queue.sending = false
	if err != nil && s.ctx.Err() != nil {
		r.mu.Unlock()
		return // another session has taken over, or none is wanted
	}
	f := &r.figures
	now := time.Now()
	switch {
	case err == nil:
		f.batchesSent++
		f.pointsSent += int64(b.points)
		f.lastSent, f.lastBatch, f.failingSince, f.nextTry = now, b.at, time.Time{}, time.Time{}
		f.logged = ""
		r.queue.remove(b)
	case final(err):
		f.batchesRefused++
		f.pointsRefused += int64(b.points)
		f.failures++
		r.queue.remove(b)
	default:
		f.failures++
		if f.failingSince.IsZero() {
			f.failingSince = now
		}
	}
	r.mu.Unlock()
	if err != nil && err != errContained {
		r.note(err)
	}
}

// pause waits before the next try.
func (r *Reporter) pause(s *session, d time.Duration) {
	r.mu.Lock()
	r.figures.nextTry = time.Now().Add(d)
	r.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
	case <-timer.C:
	}
}
