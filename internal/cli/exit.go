package cli

import (
	"errors"
	"fmt"

	"omsinit/check"
	"omsinit/init/flow"
	"omsinit/init/upgrade"
	"omsinit/internal/database"
	"omsinit/internal/msg"
)

// statuses are the exit statuses: what each means on the help page, and the errors that lead to it. A new one is one
// more entry. A program that omsinit ran hands its own status on (programStatus).
var statuses = []struct {
	code    int
	meaning msg.Message
	is      func(error) bool
}{
	{0, msg.M("done"), func(err error) bool { return err == nil }},
	{1, msg.M("failed"), nil}, // any other error
	{2, msg.M("a plan has something to do"), func(err error) bool { return errors.Is(err, errChanges) }},
	{3, msg.M("a check or a gate found errors"), func(err error) bool {
		return errors.Is(err, errFindings) ||
			as[*check.FailedError](err) || as[*flow.RefusedError](err) || as[*upgrade.RefusedError](err)
	}},
	{4, msg.M("another run holds the lock"), func(err error) bool {
		return as[*flow.LockedError](err) || errors.Is(err, database.ErrLocked)
	}},
	{64, msg.M("wrong usage"), as[*flow.UsageError]},
	{127, msg.M("`omsinit run` cannot run its COMMAND"), as[*execError]},
}

// Errors of a command that has printed what there is to say.
var (
	errFailed   = errors.New("failed")
	errChanges  = errors.New("there is something to do")
	errFindings = errors.New("there are findings")
)

// found returns the error, or else what a result means, if that was found in it.
func found(err error, yes bool, meaning error) error {
	if err == nil && yes {
		return meaning
	}
	return err
}

// programStatus is the exit status of a program that omsinit supervised, handed on as its own.
type programStatus int

// Error implements error; nobody prints it.
func (s programStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// execError is a COMMAND of `omsinit run` that could not be run.
type execError struct{ error }

// Unwrap returns the reason.
func (e *execError) Unwrap() error { return e.error }

// usage returns an error of somebody who called omsinit in a wrong way.
func usage(m msg.Message) error { return &flow.UsageError{Message: m} }

// printed reports whether an error needs no words any more.
func printed(err error) bool {
	return as[programStatus](err) || flow.Printed(err) ||
		errors.Is(err, errFailed) || errors.Is(err, errChanges) || errors.Is(err, errFindings)
}

// exitStatus returns the exit status of a command that ended with this error.
func exitStatus(err error) int {
	var program programStatus
	if errors.As(err, &program) {
		return int(program)
	}
	for _, s := range statuses {
		if s.is != nil && s.is(err) {
			return s.code
		}
	}
	return 1
}

// ended returns the error of a program that ended with an exit status.
func ended(status int, err error) error {
	if err == nil && status != 0 {
		return programStatus(status)
	}
	return err
}

// statusText lists the exit statuses for the help page.
func statusText(t translate) string {
	list := make([]string, len(statuses))
	for i, s := range statuses {
		list[i] = t("%d %v", s.code, s.meaning)
	}
	return t("Exit status: %s.", msg.List(list))
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}
