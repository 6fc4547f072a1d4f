package flow

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutlasting: a program that is being restarted is waited for when somebody interrupts, but not for ever.
func TestOutlasting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		longer, done := outlasting(ctx, restartTime)
		defer done()
		began := time.Now()
		cancel()
		synctest.Wait()
		if longer.Err() != nil {
			t.Error("it ends at once")
		}
		<-longer.Done()
		if took := time.Since(began); took != restartTime {
			t.Errorf("it ends after %s", took)
		}
	})
}
