//go:build !unix

package main

import (
	"errors"

	"github.com/nanteos/nanteos/internal/devnet"
)

// again can't replace a process here.
func again(_, _ []string) error {
	return devnet.WithHint(errors.New("couldn't hide the key that is among the arguments"), "put it into NANTEOS_LLM_KEY, in the environment or .env")
}
