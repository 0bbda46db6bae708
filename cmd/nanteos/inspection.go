package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/inspect"
	"github.com/nanteos/nanteos/internal/node/validator"
)

// inspection is what preflight and explain share: a window file, and what it is judged by.
type inspection struct {
	file string
	json bool
	// What the user says; nothing where it is to be found elsewhere.
	rules, checkpoint, hotkey, hash, randomness, beacon string
	window                                              int64
	windowGiven                                         bool
}

// flags adds the flags that both commands have.
func (s *inspection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.rules, "rules", "", "rules of the network: hardened, reference, or a JSON file (default: those of the evidence, else hardened)")
	f.StringVar(&s.checkpoint, "checkpoint", "", "folder of the window's checkpoint, with metadata.json (default: that of the evidence)")
	f.StringVar(&s.hotkey, "hotkey", "", "SS58 address of the file's miner")
	f.Int64Var(&s.window, "window", 0, "first block of the window")
	f.StringVar(&s.hash, "window-hash", "", "hash of that block: 0x and 64 hex digits")
	f.StringVar(&s.randomness, "randomness", "", "randomness that draws rows and positions: 64 hex digits")
	f.StringVar(&s.beacon, "beacon", "", "randomness that rows must carry, where the rules bind it: 64 hex digits")
	f.BoolVar(&s.json, "json", false, "print the result as JSON")
}

const inspectionLong = `
Inside the evidence that a devnet leaves, rules, checkpoint and window are found there. Elsewhere name the
checkpoint; what else isn't given is taken from the file's own word, and the output says so.`

// grounds are what a file is judged by, and where each of them comes from.
type grounds struct {
	rules         grail.Rules
	rulesFrom     string
	checkpoint    string
	known         inspect.Known
	evidence      string // root of the evidence, empty without
	report        *validator.WindowReport
	validatorSaid *validator.MinerReport // what became of this very file, nil where nobody judged it
}

// errNoFile is a window file that isn't there or is something else.
var errNoFile = errors.New("no window file")

// ground finds out by what the file is judged. It reads no more of the file than its size and, inside evidence, its hash.
func (s *inspection) ground(cmd *cobra.Command) (grounds, error) {
	s.windowGiven = cmd.Flags().Changed("window")
	if err := s.checkFile(); err != nil {
		return grounds{}, err
	}
	if err := s.checkFlags(cmd); err != nil {
		return grounds{}, err
	}
	g := grounds{checkpoint: s.checkpoint}
	evidence, err := devnet.ReadEvidence(s.file)
	switch {
	case err == nil:
		if err := g.takeEvidence(s.file, evidence); err != nil {
			return grounds{}, err
		}
	case !errors.Is(err, devnet.ErrNoEvidence):
		return grounds{}, devnet.WithHint(err, "the folder looks like a devnet's evidence and can't be read; copy the file elsewhere and name --rules and --checkpoint")
	case s.checkpoint == "":
		return grounds{}, devnet.WithHint(fmt.Errorf("couldn't judge %s: its checkpoint isn't known", s.file),
			"name the model folder with --checkpoint; for a file of a devnet, name the one in the evidence, that is found without")
	}
	return g, s.override(cmd, &g)
}

// checkFile refuses what is no file before anything is opened: opening a pipe would wait for ever.
func (s *inspection) checkFile() error {
	st, err := os.Stat(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return devnet.WithHint(fmt.Errorf("couldn't find %s: %w", s.file, errNoFile), "devnet prints the path of the files that it keeps when it ends")
	case err != nil:
		return devnet.WithHint(fmt.Errorf("couldn't look at window file: %w", err), "name a Parquet file that you may read")
	case st.IsDir():
		return devnet.WithHint(fmt.Errorf("couldn't judge %s: %w: it is a folder", s.file, errNoFile), "name one Parquet file in it")
	case !st.Mode().IsRegular():
		return devnet.WithHint(fmt.Errorf("couldn't judge %s: %w: it is a device or a pipe", s.file, errNoFile), "name a Parquet file")
	}
	return nil
}

// checkFlags refuses values that can't be what they are meant to be.
func (s *inspection) checkFlags(cmd *cobra.Command) error {
	usage := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
	}
	if s.hotkey != "" {
		if _, err := ss58.DecodeBittensor(s.hotkey); err != nil {
			return usage("couldn't read --hotkey: %w", err)
		}
	}
	if s.window < 0 {
		return usage("couldn't read --window: %d is negative", s.window)
	}
	for _, f := range []struct {
		name, value string
		prefix      string
	}{{"window-hash", s.hash, "0x"}, {"randomness", s.randomness, ""}, {"beacon", s.beacon, ""}} {
		if f.value == "" {
			continue
		}
		digits, ok := strings.CutPrefix(f.value, f.prefix)
		if b, err := hex.DecodeString(digits); !ok || err != nil || len(b) != 32 {
			what := "64 hex digits"
			if f.prefix != "" {
				what = f.prefix + " and " + what
			}
			return usage("couldn't read --%s: it is not %s", f.name, what)
		}
	}
	return nil
}

// takeEvidence takes everything that the evidence says.
func (g *grounds) takeEvidence(file string, e devnet.Evidence) error {
	g.rules, g.rulesFrom, g.report = e.Rules, "evidence", &e.Report
	g.evidence = filepath.Dir(e.Checkpoint)
	if g.checkpoint == "" {
		g.checkpoint = e.Checkpoint
	}
	start := e.Report.Window
	g.known = inspect.Known{Start: &start, Hash: e.Report.Hash, Challenge: e.Report.Challenge, Beacon: e.Report.Beacon}
	said, err := judged(file, &e.Report)
	if err != nil {
		return err
	}
	if said != nil {
		g.validatorSaid, g.known.Miner = said, said.Hotkey
	}
	return nil
}

// judged finds the miner whose file this is, byte by byte: what the file says of its owner counts for nothing. It is nil for a file that the
// validator didn't see.
func judged(file string, r *validator.WindowReport) (*validator.MinerReport, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, devnet.WithHint(fmt.Errorf("couldn't open window file: %w", err), "name a Parquet file that you may read")
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't look at window file: %w", err)
	}
	sum := ""
	for i := range r.Miners {
		o := r.Miners[i].File
		if o == nil || o.Size != st.Size() {
			continue
		}
		if sum == "" {
			h := md5.New() // what S3 stores use for ETags; nothing is trusted to it
			if _, err := io.Copy(h, f); err != nil {
				return nil, fmt.Errorf("couldn't read window file: %w", err)
			}
			sum = hex.EncodeToString(h.Sum(nil))
		}
		if strings.Trim(o.ETag, `"`) == sum {
			return &r.Miners[i], nil
		}
	}
	return nil, nil
}

// override lets flags win.
func (s *inspection) override(cmd *cobra.Command, g *grounds) error {
	switch {
	case s.rules != "":
		rules, err := readRules(s.rules)
		if err != nil {
			return err
		}
		g.rules, g.rulesFrom = rules, "flag"
	case g.rulesFrom == "":
		g.rules, g.rulesFrom = grail.Hardened(), "default"
	}
	if s.windowGiven {
		if s.window%g.rules.WindowLength != 0 {
			return usageError{fmt.Errorf("couldn't read --window: %d is no multiple of %d, the length of a window", s.window, g.rules.WindowLength), cmd.CommandPath()}
		}
		g.known.Start = &s.window
	}
	for _, f := range []struct {
		to   *string
		from string
	}{{&g.known.Miner, s.hotkey}, {&g.known.Hash, s.hash}, {&g.known.Challenge, s.randomness}, {&g.known.Beacon, s.beacon}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	return nil
}

// maxRules bounds a file of rules, in bytes.
const maxRules = 1 << 20

// readRules finds rules by their name, or reads them from a file.
func readRules(name string) (grail.Rules, error) {
	if r, ok := grail.RulesByName(name); ok {
		return r, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return grail.Rules{}, devnet.WithHint(fmt.Errorf("couldn't read rules: %w", err), "use hardened, reference, or a file such as the rules.json of a devnet's evidence")
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRules+1))
	if err == nil && len(text) > maxRules {
		err = fmt.Errorf("it is larger than %d bytes", maxRules)
	}
	var rules grail.Rules
	if err == nil {
		rules, err = grail.ParseRules(text)
	}
	if err != nil {
		return grail.Rules{}, devnet.WithHint(fmt.Errorf("couldn't read rules %s: %w", name, err), "docs/rules.md has all fields; the rules.json of a devnet's evidence is an example")
	}
	return rules, nil
}

// open loads the checkpoint, with the tools of its environment. close frees both.
func (g *grounds) open(ctx context.Context, t terminal) (i *inspect.Inspector, close func(), err error) {
	k := kit(t, false)
	i, err = inspect.Open(ctx, g.rules, g.checkpoint, &node.Environments{Tools: k.Tools})
	if err != nil {
		err = errors.Join(err, k.Close())
	}
	if errors.Is(err, inspect.ErrCheckpoint) {
		return nil, nil, devnet.WithHint(err, "name a folder with model, tokenizer and the metadata.json of its publication")
	}
	return i, func() { i.Close(); _ = k.Close() }, withHint(err, node.EnvironmentHint(err))
}

// What a file or row comes to.
const (
	verdictAccepted = "accepted"
	verdictRefused  = "refused"
	verdictIgnored  = "ignored"
	verdictUnjudged = "unjudged"
)

// verdictOf says what a validator would make of the file.
func verdictOf(r *inspect.Result) string {
	switch rep := r.Report; {
	case rep.OK:
		return verdictAccepted
	case rep.Unjudged:
		return verdictUnjudged
	case !rep.Found:
		return verdictIgnored
	}
	return verdictRefused
}
