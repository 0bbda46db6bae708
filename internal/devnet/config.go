package devnet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/task"
)

// Config is what a devnet can be told. The zero value runs the default network until it is stopped.
type Config struct {
	// Settings are fixed when a network is made. Given names those that the user asked for, by the names of the flags; the others are
	// taken from the data folder if it holds a network, else they have their defaults.
	Settings
	Given []string
	// Windows is how many windows are to be judged, and weights set after them, before the network ends; 0 for no end.
	Windows int
	// Data is the folder that is kept and continued. Empty: a temporary one that is removed at the end.
	Data string
	// Evidence is the folder where the last window files and what is needed to explain them are kept; empty for Data/evidence, or a
	// place in the user's cache folder where Data is empty.
	Evidence string
	// Metrics is an address on which /metrics and /health are served, empty for none.
	Metrics string
	// Expose lets programs of others take part: chain, store and beacon are told to them, and a miner and a validator are registered for them.
	Expose bool
	// Tools returns what environments need of this machine, as node.Environments has it; nil where there is nothing. The caller closes what is behind
	// them, after the network.
	Tools func(env string, o task.Options) (task.Tools, error)
	// Describe tells people which dataset of an environment has a digest; nil where nobody knows.
	Describe func(ctx context.Context, env, digest string) string
	// ChainAddress is where the chain listens: 127.0.0.1:9944 when exposed and empty, where every client looks for a local chain.
	ChainAddress string
}

// Settings are what a network keeps for its whole life.
type Settings struct {
	// Seed makes all identities: equal seeds give equal hotkeys, buckets, keys and sampling. 1 by default.
	Seed uint64 `json:"seed"`
	// RulesName is the set that the network's rules are derived from, hardened or reference; see Rules.
	RulesName string `json:"rules_name"`
	// BlockTime is the time between blocks, 500 ms by default.
	BlockTime time.Duration `json:"block_time"`
	// Miners is the number of honest miners, 3 by default.
	Miners int `json:"miners"`
	// Cheaters are the names of cheats, one cheater each; all of them by default.
	Cheaters []string `json:"cheaters"`
	// Validators is the number of validators, 1 by default.
	Validators int `json:"validators"`
	// Guests says that a miner and a validator are registered that others run. It follows Config.Expose.
	Guests bool `json:"guests,omitempty"`
	// Environment is the id of the environment, sat by default.
	Environment string `json:"environment"`
	// LogicNet says that the chain has a second subnet with a LogicNet of its own.
	LogicNet bool `json:"logicnet,omitempty"`
	// Trainer says that the trainer learns from each window and publishes the next checkpoint; otherwise all windows are made with the first one.
	Trainer bool `json:"trainer,omitempty"`
}

// The names of settings, as flags have them.
const (
	FlagSeed       = "seed"
	FlagRules      = "rules"
	FlagBlockTime  = "block-time"
	FlagMiners     = "miners"
	FlagCheaters   = "cheaters"
	FlagValidators = "validators"
	FlagLogicNet   = "logicnet"
	FlagEnv        = "env"
	FlagTrainer    = "trainer"
)

// Bounds of a network in one process.
const (
	maxMiners     = 64
	maxValidators = 8
	minBlockTime  = 50 * time.Millisecond
	maxBlockTime  = time.Minute
)

// DefaultSettings returns the settings of a network that nobody said anything about.
func DefaultSettings() Settings {
	return Settings{Seed: 1, RulesName: "hardened", BlockTime: 500 * time.Millisecond, Miners: 3, Cheaters: CheatNames(), Validators: 1, Environment: sat}
}

// Adapt sets what the environment asks for and the user said nothing about: how fast blocks come, and whether there is something to learn. given are the names of flags.
func (s *Settings) Adapt(given []string) {
	if !slices.Contains(given, FlagBlockTime) {
		s.BlockTime = max(s.BlockTime, shapeOf(s.environment()).blockTime)
	}
	if !slices.Contains(given, FlagTrainer) {
		s.Trainer = s.Trainer && s.environment() == sat // from the noise that the base model makes of others nothing is learnt
	}
}

// ParseCheaters reads the text of a flag: a number, which takes the cheats in order and from the first again, or names with commas; "all"
// are all, "none" and nothing are nobody.
func ParseCheaters(text string) ([]string, error) {
	names := CheatNames()
	text = strings.TrimSpace(text)
	switch text {
	case "", "none":
		return []string{}, nil
	case "all":
		return names, nil
	}
	var n int
	if _, err := fmt.Sscanf(text+"\n", "%d\n", &n); err == nil {
		if n < 0 || n > maxMiners {
			return nil, WithHint(fmt.Errorf("couldn't read cheaters: %d is out of range", n), fmt.Sprintf("use a number from 0 to %d", maxMiners))
		}
		out := make([]string, n)
		for i := range out {
			out[i] = names[i%len(names)]
		}
		return out, nil
	}
	var out []string
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(names, name) {
			return nil, WithHint(fmt.Errorf("couldn't read cheaters: %q is unknown", name), "use a number, or some of "+strings.Join(names, ", "))
		}
		out = append(out, name)
	}
	return out, nil
}

// Validate says what is wrong with the settings.
func (s Settings) Validate() error {
	switch {
	case s.RulesName != "hardened" && s.RulesName != "reference":
		return WithHint(fmt.Errorf("couldn't use rules %q: there is no such set", s.RulesName), "use hardened or reference")
	case s.BlockTime < minBlockTime || s.BlockTime > maxBlockTime:
		return WithHint(fmt.Errorf("couldn't use block time %s: it is out of range", s.BlockTime), fmt.Sprintf("use %s to %s", minBlockTime, maxBlockTime))
	case s.BlockTime%time.Millisecond != 0:
		return WithHint(fmt.Errorf("couldn't use block time %s: it is no whole number of milliseconds", s.BlockTime), "blocks carry their time in milliseconds")
	case s.Miners < 0 || s.Miners > maxMiners:
		return WithHint(fmt.Errorf("couldn't run %d miners: the number is out of range", s.Miners), fmt.Sprintf("use 0 to %d", maxMiners))
	case len(s.Cheaters) > maxMiners:
		return WithHint(fmt.Errorf("couldn't run %d cheaters: the number is out of range", len(s.Cheaters)), fmt.Sprintf("use 0 to %d", maxMiners))
	case s.Validators < 1 || s.Validators > maxValidators:
		return WithHint(fmt.Errorf("couldn't run %d validators: the number is out of range", s.Validators), fmt.Sprintf("use 1 to %d", maxValidators))
	}
	if err := s.checkEnvironment(); err != nil {
		return err
	}
	for _, name := range s.Cheaters {
		if !slices.Contains(CheatNames(), name) {
			return WithHint(fmt.Errorf("couldn't run cheater %q: there is no such cheat", name), "use some of "+strings.Join(CheatNames(), ", "))
		}
	}
	if s.Miners == 0 && slices.Contains(s.Cheaters, "copier") {
		return WithHint(fmt.Errorf("couldn't run a copier: there is no honest miner to copy from"), "use --miners 1 or more, or leave the copier out")
	}
	return nil
}

// Rules derives the network's rules from the named set: what the protocol is stays, cadences and limits shrink to a network that is a few
// nodes large and lives for minutes. genesis is the beacon's.
func (s Settings) Rules(genesis time.Time) (grail.Rules, error) {
	r, ok := grail.RulesByName(s.RulesName)
	if !ok {
		return r, WithHint(fmt.Errorf("couldn't use rules %q: there is no such set", s.RulesName), "use hardened or reference")
	}
	r.BlockSeconds = s.BlockTime.Seconds()
	// Stores tell times in whole seconds, rounded down; one second of slack keeps what comes after the deadline from passing.
	r.DeadlineSlackSeconds = -max(1, r.BlockSeconds/3)
	// The beacon is the network's own.
	r.BeaconChain = ""
	r.BeaconGenesisMillis = genesis.UnixMilli()
	r.BeaconPeriodMillis = beaconPeriod.Milliseconds()
	// Everybody is checked in every window, also who failed in the one before.
	r.MinerSampleRate = 1
	r.MaxSampledMiners = 256
	r.FailureLookbackWindows = 1
	if r.Proof == grail.ProofEquality {
		// Everybody computes the same, rewards too, so none may differ.
		r.RewardSoftThreshold = 0
	}
	// Weights after every window, from the first on; all for the miners.
	r.WeightIntervalBlocks = r.WindowLength
	r.WarmUpWindows = 1
	r.UniqueCapEnabled = false
	r.BurnPercent = 0
	r.DefaultEnvironment = s.environment()
	if err := r.Validate(); err != nil {
		return r, fmt.Errorf("couldn't make the network's rules: %w", err)
	}
	return r, nil
}

// beaconPeriod is the time between rounds of the network's beacon.
const beaconPeriod = time.Second
