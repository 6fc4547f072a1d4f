package upgrade

import (
	"context"
	"errors"
	"slices"
	"time"

	"omsinit/internal/database"
	"omsinit/internal/finding"
	"omsinit/internal/msg"
)

// The stages of an upgrade, in their order. Each is journalled before it
// begins, and can be run again after it was cut. Those from Components to
// Resources are the node's own steps, which the caller runs.
const (
	stageBegin      = "begin"
	stageHAOff      = "ha-off"
	stageStop       = "stop"
	stageBackup     = "backup"
	stageVerify     = "verify"
	stageProve      = "prove"
	stageFiles      = "files"
	stageAdopt      = "adopt"
	stageSchema     = "schema"
	StageComponents = "components"
	StageStart      = "start"
	StageResources  = "resources"
	stageHAOn       = "ha-on"
	stageDone       = "done"
	stageRestore    = "restore" // outside the order
)

var stages = []string{stageBegin, stageHAOff, stageStop, stageBackup, stageVerify, stageProve, stageFiles, stageAdopt,
	stageSchema, StageComponents, StageStart, StageResources, stageHAOn, stageDone}

// firstChange is the stage at which the databases are changed for the first time.
const firstChange = stageAdopt

// reached reports whether an upgrade is at a stage, or beyond it.
func (r *Record) reached(stage string) bool {
	return slices.Index(stages, r.Stage) >= slices.Index(stages, stage)
}

// MetaDB runs the stages up to the new schema and the recorded release.
func (s *Session) MetaDB(ctx context.Context) error {
	for _, st := range []struct {
		name string
		do   func(context.Context) error
	}{
		{stageHAOff, s.switchHAOff}, {stageStop, s.stop}, {stageBackup, s.takeBackup}, {stageVerify, s.verifyBackup},
		{stageProve, s.proveBackup}, {stageFiles, s.keepFiles}, {stageAdopt, s.adopt}, {stageSchema, s.changeSchema},
	} {
		switch {
		case !s.rec.reached(st.name) || s.rec.Stage == st.name:
			if err := s.stage(ctx, st.name, st.do); err != nil {
				return err
			}
		case st.name == stageStop:
			if err := s.stop(ctx); err != nil { // those of a container that was started again
				return err
			}
		}
	}
	return nil
}

const (
	// tries is how often a stage is tried again after a lost connection.
	tries = 3
	// patience is how long to wait for a MetaDB that is away.
	patience = time.Minute
)

// stage journals one stage and runs it. After a lost connection it is tried
// again.
func (s *Session) stage(ctx context.Context, name string, do func(context.Context) error) error {
	return s.again(ctx, temporary, s.journalled(name, do))
}

// Local journals one of the node's own steps and runs it. It has its own
// patience: only a lost lock is a reason to try it again.
func (s *Session) Local(ctx context.Context, name string, do func(context.Context) error) error {
	return s.again(ctx, func(err error) bool { return errors.Is(err, database.ErrLockLost) }, s.journalled(name, do))
}

// again does something under the lock, and once more while the error is worth it.
func (s *Session) again(ctx context.Context, worth func(error) bool, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := s.attempt(ctx, do)
		if err == nil || ctx.Err() != nil || try == tries || taken(err) || !worth(err) {
			return err
		}
		s.log(msg.M("trying the stage %s again: %v", s.rec.Stage, err))
	}
}

// temporary reports whether an error came of a connection that was lost.
func temporary(err error) bool {
	return database.Gone(err) || finding.IsTransient(err) || errors.Is(err, database.ErrLockLost)
}

func (s *Session) attempt(ctx context.Context, do func(context.Context) error) error {
	if err := s.relock(ctx); err != nil {
		return err
	}
	held, stop := s.lock.Watch(ctx)
	err := do(held)
	lost := context.Cause(held)
	stop()
	if err != nil && errors.Is(lost, database.ErrLockLost) {
		err = lost
	}
	if errors.Is(err, database.ErrLockLost) || database.Gone(err) {
		s.unlock()
	}
	return err
}

// journalled notes that a stage begins, does it, and notes how it ended.
func (s *Session) journalled(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		// A run that goes on repeats the steps of the node, and is no less far because
		// of that: OMS that has run at the end must not be undone at the beginning.
		if name != stageRestore && !s.rec.reached(name) {
			s.rec.Stage = name
		}
		if err := s.save(ctx); err != nil {
			return err
		}
		number, err := s.j.begin(ctx, s.rec, name, s.Node)
		if err != nil {
			return err
		}
		if err = s.at("before " + name); err == nil {
			err = do(ctx)
		}
		if err == nil {
			err = s.at("after " + name)
		}
		s.j.end(context.WithoutCancel(ctx), number, err)
		return err
	}
}

func (s *Session) save(ctx context.Context) error {
	err := s.j.save(ctx, s.rec)
	if err == nil {
		s.noted = *s.rec
	}
	return err
}

func (s *Session) at(point string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(point)
}
