package flow

import (
	"errors"
	"path/filepath"

	"omsinit/init/component"
	"omsinit/internal/atomicfile"
	"omsinit/internal/msg"
	"omsinit/internal/style"
)

// sweep removes what killed runs have left, passwords among it. The caller has the lock. What cannot be removed is
// said, and stops nothing.
func (f *Flow) sweep() {
	folders := map[string]bool{f.Layout.StateDir(): true, filepath.Dir(f.ConfigFile): true,
		filepath.Dir(f.Layout.InitFlag()): true}
	if p, err := f.Pack(); err == nil { // else step 1 says it
		for _, file := range p.Files {
			path := f.Layout.Path(file.Path)
			folders[filepath.Dir(path)] = true
			if real, err := filepath.EvalSymlinks(path); err == nil {
				folders[filepath.Dir(real)] = true
			}
		}
	}
	var list []string
	for dir := range folders {
		list = append(list, dir)
	}
	if err := errors.Join(atomicfile.Sweep(list), component.Sweep(f.Layout)); err != nil {
		f.sayAs(style.Warning, leftBehind(err))
	}
}

// leftBehind returns words for what of a killed run is still there.
func leftBehind(err error) msg.Message {
	return msg.M("warning: what a killed run has left cannot be removed, and may hold passwords; remove it by hand: %v",
		err)
}
