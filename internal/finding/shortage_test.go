package finding

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestShortage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for number, words := range map[syscall.Errno]string{
		syscall.EAGAIN: "pids-limit", syscall.ENOMEM: "memory", syscall.EMFILE: "nofile", syscall.ENOSPC: "",
		syscall.EDQUOT: "", syscall.ENFILE: "",
	} {
		err := fmt.Errorf("step 3: %w", &os.PathError{Op: "write", Path: path, Err: number})
		explained := ExplainShortage(err)
		if !IsShortage(explained) || !errors.Is(explained, number) || !strings.Contains(explained.Error(), words) {
			t.Errorf("%v: %v", number, explained)
		}
	}
	for _, err := range []error{nil, errors.New("x"), syscall.EACCES} {
		if IsShortage(err) || ExplainShortage(err) != err {
			t.Errorf("%v is a shortage", err)
		}
	}
}
