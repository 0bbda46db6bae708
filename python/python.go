// Package python holds the Python programs that nanteos brings with it, as text. They run in interpreters of their own, never in this process.
package python

import "embed"

// Files are the programs, by their names.
//
//go:embed *.py
var Files embed.FS
