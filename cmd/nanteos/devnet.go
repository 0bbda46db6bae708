package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/status"
)

// devnetFlags are the flags of devnet that are not the network's own.
type devnetFlags struct {
	cheaters string
	json     bool
	verbose  int
}

const devnetLong = `devnet runs a whole Grail network in this process until Ctrl-C: a chain with a block every half second,
a randomness beacon, an S3 store, a trainer's model, a validator, honest miners of different speeds, and
cheaters that must be caught. No GPU, wallet, bucket or network is needed.

A window has 30 blocks. Miners make groups of 16 rollouts and upload a file before the window's end; the
validator checks it in the next window and sets weights. The trainer learns from what was accepted and publishes the
next checkpoint, so rewards rise from window to window. --trainer=false leaves the model as it is.

Beside it, on a second subnet of the same chain, runs a LogicNet: a validator that asks questions, miners on a small
model and with an exact solver, and three that try to earn without work. --logicnet=false leaves it out.

With --data the network is kept: a second run with the same folder goes on where the first one ended, also
after kill -9. Rules, seed and members are fixed when the network is made.

With --expose other programs take part: btcli, the Python SDK and polkadot.js find the chain where they look for a
local one, and two folders are made in which nanteos mine and nanteos validate run as processes of their own.`

func newDevnet(t terminal) *cobra.Command {
	cfg := devnet.Config{Settings: devnet.DefaultSettings()}
	var f devnetFlags
	cmd := &cobra.Command{
		Use:     "devnet",
		Short:   "run a whole network on this machine",
		Long:    devnetLong,
		Example: "  nanteos devnet\n  nanteos devnet --windows 3 --json\n  nanteos devnet --data ./net --miners 5 --cheaters copier,zero-sketch",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Windows < 0 {
				return usageError{fmt.Errorf("couldn't run %d windows: the number is negative", cfg.Windows), cmd.CommandPath()}
			}
			var err error
			if cmd.Flags().Changed(devnet.FlagCheaters) {
				if cfg.Cheaters, err = devnet.ParseCheaters(f.cheaters); err != nil {
					return err
				}
			}
			for _, name := range []string{devnet.FlagSeed, devnet.FlagRules, devnet.FlagBlockTime, devnet.FlagMiners, devnet.FlagCheaters, devnet.FlagValidators, devnet.FlagLogicNet, devnet.FlagEnv, devnet.FlagTrainer} {
				if cmd.Flags().Changed(name) {
					cfg.Given = append(cfg.Given, name)
				}
			}
			cfg.Adapt(cfg.Given)
			k := kit(t, true)
			cfg.Tools, cfg.Describe = k.Tools, k.Describe
			return errors.Join(runDevnet(cmd.Context(), t, cfg, f), k.Close())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&cfg.Windows, "windows", 0, "end when so many windows are judged and weights are set; 0 runs until Ctrl-C")
	flags.DurationVar(&cfg.BlockTime, devnet.FlagBlockTime, cfg.BlockTime, "time between blocks")
	flags.IntVar(&cfg.Miners, devnet.FlagMiners, cfg.Miners, "number of honest miners")
	flags.StringVar(&f.cheaters, devnet.FlagCheaters, "all", "cheaters: a number, none, or names with commas: zero-sketch, copier, false-reward, other-model, edited-prompt")
	flags.IntVar(&cfg.Validators, devnet.FlagValidators, cfg.Validators, "number of validators")
	flags.StringVar(&cfg.Environment, devnet.FlagEnv, cfg.Environment, "environment: sat, or one of nanteos task list")
	flags.BoolVar(&cfg.LogicNet, devnet.FlagLogicNet, runtime.GOMAXPROCS(0) >= 2, "run a LogicNet on a second subnet of the chain; on where there are two cores")
	flags.BoolVar(&cfg.Trainer, devnet.FlagTrainer, true, "let the network learn: the trainer publishes a checkpoint after each window; on in sat")
	flags.StringVar(&cfg.RulesName, devnet.FlagRules, cfg.RulesName, "rules of the network: hardened or reference")
	flags.Uint64Var(&cfg.Seed, devnet.FlagSeed, cfg.Seed, "seed of all identities")
	flags.StringVar(&cfg.Data, "data", "", "folder to keep the network in; a temporary one otherwise")
	flags.BoolVar(&cfg.Expose, "expose", false, "let other programs take part: chain on ws://127.0.0.1:9944, keys for a miner and a validator of your own")
	flags.StringVar(&cfg.Metrics, "metrics", "", "serve /metrics and /health on this address, such as 127.0.0.1:9100")
	flags.BoolVar(&f.json, "json", false, "print events as JSON lines, with a summary at the end")
	flags.CountVarP(&f.verbose, "verbose", "v", "tell phases and groups (-v), or every event (-vv)")
	return cmd
}

// memoryGoal is where garbage is collected more often. What is alive at a time is less than half of it; models and activations that come and go in each
// window would otherwise double it.
const memoryGoal = 512 << 20

// runDevnet opens the network, shows it while it runs, and tells what came of it.
func runDevnet(ctx context.Context, t terminal, cfg devnet.Config, f devnetFlags) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // GOMEMLIMIT goes before
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(memoryGoal))
	}
	registry := status.New(status.Options{})
	events := registry.Subscribe(1 << 14)
	n, err := devnet.Open(ctx, cfg, registry)
	if err != nil {
		if ctx.Err() != nil {
			return nil // the user has ended it while it was being opened
		}
		return err
	}
	show := newShow(t, n, f, end)
	shown := make(chan error, 1)
	go func() { shown <- show(events) }()
	report, err := n.Run(ctx)
	registry.Emit(status.Event{Kind: status.Summary, Text: "devnet ended", Report: report})
	events.Close()
	if view := <-shown; !errors.Is(view, syscall.EPIPE) { // who reads no more has seen enough
		err = errors.Join(err, view)
	}
	err = errors.Join(err, n.Close())
	if !f.json && report.Seconds > 0 {
		fmt.Fprintf(t.out, "\n%s", report.Text(devnet.Palette{On: t.colour}, width(t), t.program))
	}
	return err
}

// newShow chooses the view: JSON lines, a live screen, or plain lines. The view shows all events until there are no more.
func newShow(t terminal, n *devnet.Network, f devnetFlags, end func()) func(*status.Subscription) error {
	verbosity := devnet.Verbosity(f.verbose)
	switch {
	case f.json:
		return func(events *status.Subscription) error {
			return each(events, t.out, end, func(w io.Writer, all []status.Event) error { return devnet.WriteJSON(w, all, verbosity) })
		}
	case t.live:
		return func(events *status.Subscription) error {
			live := devnet.NewLive(n, verbosity, devnet.Palette{On: t.colour}, t.in, t.out, end)
			go func() {
				_ = each(events, io.Discard, end, func(_ io.Writer, all []status.Event) error { live.Tell(all); return nil })
				live.Quit()
			}()
			return live.Run()
		}
	}
	scribe := devnet.NewScribe(slices.Concat(n.Members(), n.LogicMembers()), time.Now(), devnet.Palette{On: t.colour})
	scribe.Remember(n.Ledger().Picture(time.Now()).Learning.Rewards())
	fmt.Fprintln(t.out, n.Title())
	return func(events *status.Subscription) error {
		return each(events, t.out, end, func(w io.Writer, all []status.Event) error {
			for _, e := range all {
				if verbosity.Shows(e, n.First()) {
					if _, err := fmt.Fprintln(w, scribe.Line(e)); err != nil {
						return fmt.Errorf("couldn't write: %w", err)
					}
				}
			}
			return nil
		})
	}
}

// each gives events to write as they come, and tells of such that were lost because w is slow. When w fails it calls end, and the rest goes
// nowhere.
func each(events *status.Subscription, w io.Writer, end func(), write func(io.Writer, []status.Event) error) error {
	out := bufio.NewWriter(w)
	var failed error
	for {
		all, lost, ok := events.Next(context.Background())
		if !ok {
			return failed
		}
		if lost > 0 {
			e := status.Event{Time: time.Now(), Kind: status.Fault, Node: "devnet", Reason: fmt.Sprintf("%d events were lost", lost), Hint: "the output is read too slowly"}
			all = append([]status.Event{e}, all...)
		}
		if failed == nil {
			if failed = write(out, all); failed == nil {
				failed = out.Flush()
			}
			if failed != nil {
				end()
			}
		}
	}
}

// width is the width of the terminal in columns, 100 where there is none.
func width(t terminal) int {
	if f, ok := t.out.(*os.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 100
}
