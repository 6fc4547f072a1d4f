// Package draft writes a pack: pack.yaml, and all files as a whole or none.
package draft

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"omsinit/internal/config"
	"omsinit/internal/msg"
)

// Tree is a pack as it will be written: its files by their names.
type Tree map[string][]byte

// lacks returns the first column that a table of the captured schema does not have, the table when it is not there,
// and "" when nothing is missing.
func (t Tree) lacks(role config.Role, table string, columns ...string) string {
	file := ""
	for name, data := range t {
		if strings.HasPrefix(name, "schema/"+string(role)+"/") {
			file += string(data)
		}
	}
	_, text, found := strings.Cut(file, "CREATE TABLE IF NOT EXISTS `"+table+"` (")
	if !found {
		return table
	}
	text, _, _ = strings.Cut(text, "\n)")
	for _, column := range columns {
		if column != "" && !strings.Contains(text, "`"+column+"` ") {
			return column
		}
	}
	return ""
}

// Usable refuses a folder that a pack cannot be written to: it must be new or empty, or hold a pack where force is set.
func Usable(out string, force bool) error {
	entries, err := os.ReadDir(out)
	switch {
	case os.IsNotExist(err), err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return msg.Errorf("cannot write the pack to %s: %w", out, err)
	case force && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "pack.yaml" }):
		return msg.Errorf("%s is no pack (it has no pack.yaml), and --force replaces nothing else; name another folder",
			out)
	case force:
		return nil
	}
	return msg.Errorf("%s is not empty, and what is in it is not overwritten; name a new folder, or give --force", out)
}

func writeError(out string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return msg.Errorf("cannot write the pack to %s: %w", out, err)
}
