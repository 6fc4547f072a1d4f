package layout

import (
	"os/exec"
	"path/filepath"
	"strings"
)

// FindProgram looks for a program as exec.LookPath does, and where daemons are too: the PATH of an ordinary user often
// leaves those folders out.
func FindProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		return path, err
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}
