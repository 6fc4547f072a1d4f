package logs

import (
	"fmt"
	"os"

	"omsinit/internal/msg"
	"omsinit/supervise/program"
)

// rotated is a log file with its backups: file.1 is the latest one, file.2 the one before it.
type rotated struct {
	limits program.LogFile
	mode   os.FileMode
	file   *os.File // nil when it is not open
	size   int64
}

func openLog(path string, mode os.FileMode) (*os.File, error) {
	w, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		return nil, msg.Errorf("cannot write the log file: %w", err)
	}
	return w, nil
}

// open opens the file unless it is open.
func (r *rotated) open() error {
	if r.file != nil {
		return nil
	}
	file, err := openLog(r.limits.Path, r.mode)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	r.file, r.size = file, info.Size()
	return nil
}

// close closes the file, so that the next open finds another one where somebody has moved it.
func (r *rotated) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// overflows reports whether the open file would become larger than it may.
func (r *rotated) overflows(more int) bool {
	return r.limits.MaxBytes > 0 && r.size+int64(more) > r.limits.MaxBytes
}

// append writes to the open file.
func (r *rotated) append(data []byte) (int, error) {
	n, err := r.file.Write(data)
	r.size += int64(n)
	return n, err
}

// rotate makes the file the latest backup, or empties it where none are kept, and leaves none open. When it cannot, the
// file may become twice as large before it is tried again.
func (r *rotated) rotate() (err error) {
	r.close()
	path := r.limits.Path
	if r.limits.Backups == 0 {
		err = os.Truncate(path, 0)
	} else {
		for i := r.limits.Backups - 1; i >= 1; i-- {
			os.Rename(fmt.Sprintf("%s.%d", path, i), fmt.Sprintf("%s.%d", path, i+1))
		}
		err = os.Rename(path, path+".1")
	}
	if err != nil {
		r.limits.MaxBytes = max(r.limits.MaxBytes*2, 1)
	}
	return err
}
