// Command nanteos mines, validates and runs Grail networks. `nanteos devnet` starts a whole one on this machine.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(start()) }

// start is the life of the process. An interrupt ends the context, and with it whatever command runs, in order and in a few seconds; a
// second interrupt ends the process at once. A reader of the output that goes away is an error of writing, not the end of the process.
func start() int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := newRoot(standard()).ExecuteContext(ctx)
	if err != nil {
		printError(os.Stderr, err)
		return exitCode(err)
	}
	return 0
}
