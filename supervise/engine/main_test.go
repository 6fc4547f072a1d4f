package engine

import (
	"fmt"
	"os"
	"testing"

	"omsinit/testdata/testtidy"
)

// The reaper owns wait4, so it runs in a process of its own: the test binary again, with this variable.
const reaperVariable = "SUPERVISE_TEST_REAPER"

func TestMain(m *testing.M) {
	if os.Getenv(reaperVariable) == "" {
		os.Exit(testtidy.Run(m))
	}
	if err := reapForTest(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
