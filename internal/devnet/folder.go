package devnet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/node"
)

// formatVersion is that of data folders.
const formatVersion = 3

// made is network.json: what was fixed when the network was made.
type made struct {
	Version int `json:"version"`
	Settings
	// Genesis is the time of block 0 and of the beacon's first round.
	Genesis time.Time `json:"genesis"`
	// Rules are the network's, Digest theirs in hex.
	Rules  json.RawMessage `json:"rules"`
	Digest string          `json:"digest"`
	// Dataset is the digest of the dataset that the problems are drawn from, empty where the environment has none. It is known when the
	// environment was opened for the first time.
	Dataset string `json:"dataset,omitempty"`
}

// folder is an open data folder.
type folder struct {
	root      string
	lock      *os.File
	temporary bool
	// fresh says that the network was made now.
	fresh bool
	made  made
	rules grail.Rules
}

// Places in a data folder.
func (f *folder) settingsFile() string  { return filepath.Join(f.root, "network.json") }
func (f *folder) chain() string         { return filepath.Join(f.root, "subtensor.db") }
func (f *folder) store() string         { return filepath.Join(f.root, "store") }
func (f *folder) checkpoints() string   { return filepath.Join(f.root, "checkpoints") }
func (f *folder) models() string        { return filepath.Join(f.root, "models") }
func (f *folder) node(n string) string  { return filepath.Join(f.root, "nodes", n) }
func (f *folder) evidenceDir() string   { return filepath.Join(f.root, "evidence") }
func (f *folder) join() string          { return filepath.Join(f.root, "join") }
func (f *folder) curve() string         { return filepath.Join(f.root, "learning.json") }
func (f *folder) other(n string) string { return filepath.Join(f.models(), n) }

// openFolder locks the data folder and reads or makes the network's settings.
func openFolder(cfg Config, now time.Time) (_ *folder, err error) {
	f := &folder{root: cfg.Data}
	if f.root == "" {
		if f.root, err = os.MkdirTemp("", "nanteos-devnet-"); err != nil {
			return nil, fmt.Errorf("couldn't make temporary folder: %w", err)
		}
		f.temporary = true
	} else if f.root, err = filepath.Abs(f.root); err != nil {
		return nil, fmt.Errorf("couldn't find data folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if err := f.refuseForeign(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.root, 0o700); err != nil {
		return nil, WithHint(fmt.Errorf("couldn't make data folder: %w", err), "name a folder that you may write to")
	}
	if f.lock, err = node.Lock(filepath.Join(f.root, "lock")); err != nil {
		if errors.Is(err, ErrInUse) {
			err = WithHint(fmt.Errorf("%w by another devnet", err), "stop that one, or name another folder for --data")
		}
		return nil, err
	}
	text, err := os.ReadFile(f.settingsFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		settings := cfg.Settings
		settings.Guests = cfg.Expose
		return f, f.create(settings, now)
	case err != nil:
		return nil, fmt.Errorf("couldn't read %s: %w", f.settingsFile(), err)
	}
	return f, f.resume(cfg, text)
}

// refuseForeign keeps a network from being made between somebody's files.
func (f *folder) refuseForeign() error {
	entries, err := os.ReadDir(f.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return WithHint(fmt.Errorf("couldn't read data folder: %w: %w", ErrFolder, err), "name a folder, not a file")
	}
	known := len(entries) == 0
	for _, e := range entries {
		// A first start that was cut short has left a lock, or a half-written settings file.
		known = known || e.Name() == "network.json" || e.Name() == "lock"
	}
	if !known {
		return WithHint(fmt.Errorf("couldn't use %s: %w: it holds other files", f.root, ErrFolder), "name an empty or new folder for --data")
	}
	return nil
}

// create fixes the settings of a new network.
func (f *folder) create(s Settings, now time.Time) error {
	if err := s.Validate(); err != nil {
		return err
	}
	genesis := now.UTC().Truncate(time.Millisecond)
	rules, err := s.Rules(genesis)
	if err != nil {
		return err
	}
	text, err := json.Marshal(rules)
	if err != nil {
		return fmt.Errorf("couldn't write rules: %w", err)
	}
	digest := rules.Digest()
	f.made = made{Version: formatVersion, Settings: s, Genesis: genesis, Rules: text, Digest: hex.EncodeToString(digest[:])}
	f.rules, f.fresh = rules, true
	return f.keep()
}

// keep writes the settings.
func (f *folder) keep() error {
	body, err := json.MarshalIndent(f.made, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't write settings: %w", err)
	}
	if err := writeFile(f.settingsFile(), append(body, '\n')); err != nil {
		return fmt.Errorf("couldn't write settings: %w", err)
	}
	return nil
}

// resume takes the settings of the network in the folder, and refuses others that the user asked for.
func (f *folder) resume(cfg Config, text []byte) error {
	bad := func(err error) error {
		return WithHint(fmt.Errorf("couldn't read %s: %w: %w", f.settingsFile(), ErrFolder, err), "name another folder for --data, or remove this one")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f.made); err != nil {
		return bad(err)
	}
	if f.made.Version != formatVersion {
		return bad(fmt.Errorf("version is %d, this program reads %d", f.made.Version, formatVersion))
	}
	var err error
	if f.rules, err = grail.ParseRules(f.made.Rules); err != nil {
		return bad(err)
	}
	if digest := f.rules.Digest(); hex.EncodeToString(digest[:]) != f.made.Digest {
		return bad(errors.New("the rules were changed, their digest is another"))
	}
	if err := f.made.Settings.Validate(); err != nil {
		return bad(err)
	}
	if err := f.made.Settings.differs(cfg); err != nil {
		return err
	}
	// A program whose rules mean something else must not go on with the network.
	now, err := f.made.Settings.Rules(f.made.Genesis)
	if err != nil {
		return bad(err)
	}
	if now.Digest() != f.rules.Digest() {
		return WithHint(fmt.Errorf("couldn't continue %s: %w: this version of nanteos makes other rules of the same settings", f.root, ErrOtherNetwork),
			"start a new network in another folder")
	}
	return nil
}

// differs compares what the user asked for with what the network was made with.
func (s Settings) differs(cfg Config) error {
	same := map[string]bool{
		FlagSeed:       s.Seed == cfg.Seed,
		FlagRules:      s.RulesName == cfg.RulesName,
		FlagBlockTime:  s.BlockTime == cfg.BlockTime,
		FlagMiners:     s.Miners == cfg.Miners,
		FlagCheaters:   slices.Equal(s.Cheaters, cfg.Cheaters),
		FlagValidators: s.Validators == cfg.Validators,
		FlagLogicNet:   s.LogicNet == cfg.LogicNet,
		FlagEnv:        s.environment() == cfg.environment(),
		FlagTrainer:    s.Trainer == cfg.Trainer,
	}
	values := map[string]string{
		FlagSeed: fmt.Sprint(s.Seed), FlagRules: s.RulesName, FlagBlockTime: s.BlockTime.String(), FlagMiners: fmt.Sprint(s.Miners),
		FlagCheaters: orNone(strings.Join(s.Cheaters, ",")), FlagValidators: fmt.Sprint(s.Validators),
		FlagLogicNet: fmt.Sprint(s.LogicNet), FlagEnv: s.environment(), FlagTrainer: fmt.Sprint(s.Trainer),
	}
	if cfg.Expose && !s.Guests {
		return WithHint(fmt.Errorf("couldn't let others into %s: %w: it was made without --expose, so nobody is registered for them", cfg.Data, ErrOtherNetwork),
			"leave --expose out, or name another folder for --data")
	}
	for _, name := range cfg.Given {
		if ok, known := same[name]; known && !ok {
			return WithHint(fmt.Errorf("couldn't continue %s: %w: it was made with --%s %s", cfg.Data, ErrOtherNetwork, name, values[name]),
				"leave --"+name+" out, or name another folder for --data")
		}
	}
	return nil
}

// close releases the folder, and removes it if it was temporary.
func (f *folder) close() error {
	var err error
	if f.lock != nil {
		err = f.lock.Close()
	}
	if f.temporary && f.root != "" {
		err = errors.Join(err, os.RemoveAll(f.root))
	}
	return err
}

// writeFile writes a file whole or not at all, also when the machine stops.
func writeFile(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.partial")
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
