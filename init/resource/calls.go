package resource

import (
	"context"

	"omsinit/internal/msg"
)

// calls is the whole of step 5 for a pack whose requests register regions and
// nodes by themselves, as those of a captured release do: its tables need not
// be the documented ones, so none is read or written here.
func (s *Step) calls(ctx context.Context) (result Result, err error) {
	if result.CM, err = s.waitForCM(ctx); err != nil {
		return result, err
	}
	err = s.sendCalls(ctx, &result)
	return result, err
}

// sendCalls sends the pack's requests, in order.
func (s *Step) sendCalls(ctx context.Context, result *Result) error {
	for _, call := range s.Pack.Calls {
		isNew, err := s.call(ctx, result.CM, call)
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
