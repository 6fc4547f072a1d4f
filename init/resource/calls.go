package resource

import (
	"context"
	"time"

	"omsinit/internal/msg"
)

// byCalls is the whole of step 5 for a pack whose requests register regions and
// nodes by themselves, as those of a captured release do: its tables need not
// be the documented ones, so none is read or written here.
func (s *Step) byCalls(ctx context.Context) (result Result, err error) {
	if result.CM, err = s.waitForCM(ctx); err != nil {
		return result, err
	}
	err = s.calls(ctx, &result, s.waitCM())
	return result, err
}

// calls sends the pack's requests, all of them within the limit.
func (s *Step) calls(ctx context.Context, result *Result, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for _, call := range s.Pack.Calls {
		isNew, err := s.call(ctx, result.CM, call, max(time.Until(deadline), time.Second))
		if err != nil {
			return err
		}
		if isNew {
			result.Calls = append(result.Calls, call.Name)
			s.log(msg.M("the CM accepted %s", call.Name))
		}
	}
	return nil
}
