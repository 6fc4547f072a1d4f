package interrupt

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"omsinit/internal/msg"
)

func TestSignalIsTheCause(t *testing.T) {
	ctx, release := Context(t.Context())
	defer release()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	cause := context.Cause(ctx)
	if cause != error(Signal(syscall.SIGTERM)) || !errors.Is(cause, context.Canceled) {
		t.Errorf("%#v", cause)
	}
	if zh := msg.Chinese.Text(cause); zh == "" || zh == cause.Error() {
		t.Errorf("%q", zh)
	}
}
