package windowfile

import (
	"errors"
	"fmt"
)

// Errors that a caller tells apart. The first three of them condemn the file. ErrUnreadable marks what the reference treats as
// a file that is not there (neither score nor penalty, quirk Q-10): a network's rules decide which way it goes.
var (
	// ErrCorrupt: the bytes are not a Parquet file, or its structure contradicts itself.
	ErrCorrupt = errors.New("window file is corrupt")
	// ErrTooLarge: the file asks for more rows, elements or memory than the limits allow.
	ErrTooLarge = errors.New("window file exceeds a limit")
	// ErrNullGroup: the column rollout_group is there and holds a null.
	ErrNullGroup = errors.New("window file has a null rollout_group")
	// ErrUnreadable: well-formed Parquet whose content is not a list of rollouts (JSON that doesn't parse, a null struct or
	// list, a column of the wrong type, metadata that is not a number).
	ErrUnreadable = errors.New("window file is unreadable")
	// ErrRow: a row can't be written, since the reference would refuse it too.
	ErrRow = errors.New("row can't be stored in a window file")
)

// Error says where in a file something is wrong.
type Error struct {
	Kind   error  // ErrCorrupt, ErrTooLarge, ErrNullGroup or ErrUnreadable
	Column string // dotted path of the column, "" for the footer
	Offset int64  // position in the file in bytes, -1 where no single place is to blame
	Row    int64  // row in the file, -1 where unknown
	Detail string // what is wrong there
}

func (e *Error) Error() string {
	s := e.Kind.Error()
	if e.Column != "" {
		s += ": column " + e.Column
	}
	if e.Row >= 0 {
		s += fmt.Sprintf(": row %d", e.Row)
	}
	if e.Offset >= 0 {
		s += fmt.Sprintf(": at byte %d", e.Offset)
	}
	return s + ": " + e.Detail
}

// Unwrap returns the kind, so that errors.Is finds it.
func (e *Error) Unwrap() error { return e.Kind }

func fail(kind error, column string, offset int64, format string, args ...any) *Error {
	return &Error{Kind: kind, Column: column, Offset: offset, Row: -1, Detail: fmt.Sprintf(format, args...)}
}

// readError is a failure of the storage, which says nothing about the file.
type readError struct {
	offset int64
	err    error
}

func (e *readError) Error() string {
	return fmt.Sprintf("couldn't read window file at byte %d: %v", e.offset, e.err)
}

func (e *readError) Unwrap() error { return e.err }
