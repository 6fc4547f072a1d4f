package finding

import (
	"errors"
	"fmt"
	"testing"
)

func TestTransient(t *testing.T) {
	cause := errors.New("connection refused")
	marked := fmt.Errorf("step 2: %w", Transient(cause))
	if !IsTransient(marked) || !errors.Is(marked, cause) || marked.Error() != "step 2: connection refused" {
		t.Errorf("%v (transient %v)", marked, IsTransient(marked))
	}
	if IsTransient(cause) || IsTransient(nil) || Transient(nil) != nil {
		t.Error("an error that nobody marked is transient")
	}
}
