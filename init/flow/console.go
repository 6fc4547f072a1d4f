package flow

import (
	"context"
	"errors"

	"omsinit/internal/console"
)

// UnlockUser is console.Unlock on this node. A *RefusedError is a name that no user has, or several.
func (f *Flow) UnlockUser(
	ctx context.Context, name string, confirm func(console.User) (bool, error),
) (console.User, error) {
	cfg, err := f.Config()
	if err != nil {
		return console.User{}, err
	}
	user, err := console.Unlock(ctx, cfg, name, confirm)
	var unknown *console.UnknownError
	if errors.As(err, &unknown) {
		return user, &RefusedError{unknown.Message}
	}
	return user, err
}
