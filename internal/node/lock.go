package node

import "errors"

// ErrInUse says that a data folder is in use by another process.
var ErrInUse = errors.New("data folder is in use")
