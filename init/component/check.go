package component

import "omsinit/internal/pack"

// Check reads a file back in its own syntax.
func Check(format pack.Format, data []byte) error { return checkFormat(format, data) }
