package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// Overwrite puts new contents into a file that must not be replaced, because it
// is mounted on its own: a rename onto it fails. Its mode, its owner and its
// inode stay. When the new contents cannot be written, the old ones are put
// back. A shorter text is written with line ends up to the old length, which are
// cut off then, so that a run that is killed in between leaves no mixture. A
// crash of the machine can: keep a copy beside it first.
func Overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	old, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if err := overwrite(f, data, len(old)); err != nil {
		return errors.Join(err, overwrite(f, old, len(data)))
	}
	return f.Close()
}

func overwrite(f *os.File, data []byte, before int) error {
	padded := append(bytes.Clone(data), bytes.Repeat([]byte("\n"), max(before-len(data), 0))...)
	if _, err := f.WriteAt(padded, 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
}
