//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// again puts the same program with other arguments and variables in the place of this process.
func again(args, environment []string) error {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, args, environment)
	}
	return fmt.Errorf("couldn't start again without the key among the arguments: %w", err)
}
