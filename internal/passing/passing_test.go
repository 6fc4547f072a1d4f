package passing

import (
	"errors"
	"fmt"
	"testing"
)

func TestMark(t *testing.T) {
	cause := errors.New("connection refused")
	marked := fmt.Errorf("step 2: %w", Mark(cause))
	if !Is(marked) || !errors.Is(marked, cause) || marked.Error() != "step 2: connection refused" {
		t.Errorf("%v (passing %v)", marked, Is(marked))
	}
	if Is(cause) || Is(nil) || Mark(nil) != nil {
		t.Error("something unmarked is passing")
	}
}
