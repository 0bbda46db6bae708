// Command nanteos mines, validates and runs Grail and LogicNet. `nanteos devnet` starts whole networks on this machine.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/model/kernel"
)

func main() { os.Exit(start()) }

// start is the life of the process. An interrupt ends the context, and with it whatever command runs, in order and in a few seconds; a
// second interrupt ends the process at once. A reader of the output that goes away is an error of writing, not the end of the process.
func start() int {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	cfg, err := config.Load(".")
	if err == nil {
		err = tune(cfg)
	}
	if err == nil {
		err = newRoot(standard(cfg)).ExecuteContext(ctx)
	}
	if err != nil {
		printError(os.Stderr, err)
		return exitCode(err)
	}
	return 0
}

// tune holds the engine to the instruction set and the threads that the environment asks for. Neither changes a result.
func tune(cfg config.Config) error {
	if cfg.Threads > 0 {
		runtime.GOMAXPROCS(cfg.Threads)
	}
	return kernel.SetISA(cfg.ISA)
}
