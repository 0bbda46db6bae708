package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a command line that can't be understood.
type usageError struct {
	error
	command string
}

func (u usageError) Unwrap() error { return u.error }

// Hint names the command that helps.
func (u usageError) Hint() string { return u.command + " --help lists what it takes" }

// printError writes an error as people read it: what went wrong, then what to do about it, where somebody knows.
func printError(w io.Writer, err error) {
	fmt.Fprintf(w, "error: %s\n", oneLine(err.Error()))
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", oneLine(hint))
	}
}

// hintOf returns the outermost hint of an error.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	if isUnknown(err) {
		return "nanteos --help lists the commands"
	}
	return ""
}

// exitCode is what the shell gets.
func exitCode(err error) int {
	if usage := (usageError{}); errors.As(err, &usage) || isUnknown(err) {
		return exitUsage
	}
	return exitFailure
}

// isUnknown recognises cobra's complaints about arguments and commands, which have no type.
func isUnknown(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "unknown command") || strings.HasPrefix(text, "accepts ") || strings.HasPrefix(text, "requires ")
}

// oneLine joins the lines of joined errors.
func oneLine(s string) string { return strings.Join(strings.Split(strings.TrimSpace(s), "\n"), "; ") }
