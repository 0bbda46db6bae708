package devnet

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
)

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func TestParseCheaters(t *testing.T) {
	all := CheatNames()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{}}, {"none", []string{}}, {"0", []string{}}, {"all", all}, {"5", all}, {"2", all[:2]},
		{"7", append(append([]string{}, all...), all[0], all[1])},
		{"copier", []string{"copier"}}, {" copier , zero-sketch ", []string{"copier", "zero-sketch"}}, {"copier,copier", []string{"copier", "copier"}},
	} {
		got, err := ParseCheaters(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q gives %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"bogus", "copier,", "-1", "65", "3x", "1.5"} {
		if got, err := ParseCheaters(text); err == nil || hintOf(err) == "" {
			t.Errorf("%q gives %v, %v; want an error with a hint", text, got, err)
		}
	}
}

func TestValidateSettings(t *testing.T) {
	if err := DefaultSettings().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, change := range map[string]func(*Settings){
		"rules":        func(s *Settings) { s.RulesName = "soft" },
		"fast blocks":  func(s *Settings) { s.BlockTime = time.Millisecond },
		"slow blocks":  func(s *Settings) { s.BlockTime = time.Hour },
		"odd blocks":   func(s *Settings) { s.BlockTime = 100*time.Millisecond + 1 },
		"miners":       func(s *Settings) { s.Miners = -1 },
		"many miners":  func(s *Settings) { s.Miners = 1000 },
		"many cheats":  func(s *Settings) { s.Cheaters = make([]string, 1000) },
		"validators":   func(s *Settings) { s.Validators = 0 },
		"cheat":        func(s *Settings) { s.Cheaters = []string{"liar"} },
		"environment":  func(s *Settings) { s.Environment = "chess" },
		"unregistered": func(s *Settings) { s.Environment, s.RulesName = "affine_trace", "reference" },
		"lonely thief": func(s *Settings) { s.Miners, s.Cheaters = 0, []string{"copier"} },
	} {
		s := DefaultSettings()
		change(&s)
		if err := s.Validate(); err == nil || hintOf(err) == "" {
			t.Errorf("%s: %v, want an error with a hint", name, err)
		}
	}
}

// TestRules holds what a devnet changes of the protocol's rules: cadences and limits, never a check.
func TestRules(t *testing.T) {
	genesis := time.UnixMilli(1_700_000_000_123)
	for _, name := range []string{"hardened", "reference"} {
		s := DefaultSettings()
		s.RulesName = name
		got, err := s.Rules(genesis)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := grail.RulesByName(name)
		if got.BeaconGenesisMillis != genesis.UnixMilli() || got.BeaconChain != "" || got.BlockSeconds != 0.5 || got.DeadlineSlackSeconds != -1 {
			t.Errorf("%s: beacon or times are %+v", name, got)
		}
		if hard := got.RewardSoftThreshold == 0; hard != (name == "hardened") {
			t.Errorf("%s: reward threshold is %v", name, got.RewardSoftThreshold)
		}
		allowed := map[string]bool{"BlockSeconds": true, "DeadlineSlackSeconds": true, "BeaconChain": true, "BeaconGenesisMillis": true, "BeaconPeriodMillis": true,
			"MinerSampleRate": true, "MaxSampledMiners": true, "FailureLookbackWindows": true, "RewardSoftThreshold": true, "WeightIntervalBlocks": true,
			"WarmUpWindows": true, "UniqueCapEnabled": true, "BurnPercent": true, "DefaultEnvironment": true}
		a, b := reflect.ValueOf(got), reflect.ValueOf(want)
		for i := range a.NumField() {
			field := a.Type().Field(i).Name
			if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) && !allowed[field] {
				t.Errorf("%s: %s is %v, the protocol's is %v", name, field, a.Field(i), b.Field(i))
			}
		}
	}
	slow := DefaultSettings()
	slow.BlockTime = 12 * time.Second
	if r, err := slow.Rules(genesis); err != nil || r.DeadlineSlackSeconds != -4 {
		t.Errorf("with the main chain's blocks the slack is %v, %v; want -4", r.DeadlineSlackSeconds, err)
	}
}

func TestMembersFollowFromTheSeed(t *testing.T) {
	s := DefaultSettings()
	a, b := s.Members(), s.Members()
	other := s
	other.Seed = 2
	c := other.Members()
	names := map[string]bool{}
	addresses := map[string]bool{}
	for i, m := range a {
		if m.UID != i {
			t.Errorf("%s has UID %d in place %d", m.Name, m.UID, i)
		}
		if m.Address() != b[i].Address() || m.Account != b[i].Account || m.Keys != b[i].Keys || string(m.Secret) != string(b[i].Secret) {
			t.Errorf("%s differs from one call to the next", m.Name)
		}
		if m.Address() == c[i].Address() || m.Account == c[i].Account || m.Keys.Read == c[i].Keys.Read {
			t.Errorf("%s is the same under another seed", m.Name)
		}
		if names[m.Name] || addresses[m.Address()] {
			t.Errorf("%s is there twice", m.Name)
		}
		names[m.Name], addresses[m.Address()] = true, true
		if m.Keys.Read == m.Keys.Write {
			t.Errorf("%s would publish its write keys", m.Name)
		}
		published, err := m.settings("http://127.0.0.1:1").Published()
		if err != nil {
			t.Fatal(err)
		}
		text, err := published.EncodeCommitment()
		if err != nil || len(text) != bucket.CommitmentSize {
			t.Errorf("%s commits %d bytes, %v", m.Name, len(text), err)
		}
		if strings.Contains(string(text), string(m.Keys.Write.SecretAccessKey)) {
			t.Errorf("%s commits its write secret", m.Name)
		}
	}
	if len(a) != 1+1+3+5 || a[0].Role != Trainer || a[1].Role != Validator || a[2].Kind != Honest || a[5].Kind != "zero-sketch" {
		t.Errorf("the default network is %v", names)
	}
	if a[1].Stake <= a[0].Stake || a[2].Stake != 0 {
		t.Error("validators must have the most stake, miners none")
	}
	// A network that exists must find its identities again in every later version.
	const first = "5G6JeWgndSazDso2aB5QmhrMwHzVisbja2DM5fopqyWzdhPp"
	if got := a[0].Address(); got != first {
		t.Errorf("the trainer of seed 1 is %s, was %s", got, first)
	}
}

func TestFolderRemembers(t *testing.T) {
	now := time.Unix(1_700_000_000, 123_456_789)
	cfg := Config{Settings: DefaultSettings(), Data: filepath.Join(t.TempDir(), "net")}
	cfg.Seed, cfg.Miners = 7, 2
	f, err := openFolder(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	if !f.fresh || f.temporary || f.made.Genesis.UnixMilli() != now.UnixMilli() {
		t.Errorf("made as %+v", f.made)
	}
	if _, err := openFolder(cfg, now); !errors.Is(err, ErrInUse) || hintOf(err) == "" {
		t.Errorf("opened twice: %v", err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}

	// Without being asked for, settings are those of the folder.
	again := Config{Settings: DefaultSettings(), Data: cfg.Data}
	g, err := openFolder(again, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if g.fresh || g.made.Seed != 7 || g.made.Miners != 2 || !g.made.Genesis.Equal(f.made.Genesis) || g.rules.Digest() != f.rules.Digest() {
		t.Errorf("continued as %+v", g.made)
	}
	if err := g.close(); err != nil {
		t.Fatal(err)
	}

	for flag, change := range map[string]func(*Config){
		FlagSeed: func(c *Config) { c.Seed = 8 }, FlagRules: func(c *Config) { c.RulesName = "reference" }, FlagBlockTime: func(c *Config) { c.BlockTime = time.Second },
		FlagMiners: func(c *Config) { c.Miners = 3 }, FlagCheaters: func(c *Config) { c.Cheaters = nil }, FlagValidators: func(c *Config) { c.Validators = 2 },
		FlagEnv: func(c *Config) { c.Environment = "gsm8k" },
	} {
		c := Config{Settings: f.made.Settings, Data: cfg.Data, Given: []string{flag}}
		g, err := openFolder(c, now)
		if err != nil {
			t.Fatalf("%s as it was: %v", flag, err)
		}
		g.close()
		change(&c)
		if _, err := openFolder(c, now); !errors.Is(err, ErrOtherNetwork) || !strings.Contains(hintOf(err), flag) {
			t.Errorf("another %s: %v, hint %q", flag, err, hintOf(err))
		}
	}
}

func TestFolderRefuses(t *testing.T) {
	now := time.Now()
	cfg := func(dir string) Config { return Config{Settings: DefaultSettings(), Data: dir} }
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFolder(cfg(foreign), now); !errors.Is(err, ErrFolder) || hintOf(err) == "" {
		t.Errorf("a folder with other files: %v", err)
	}
	if _, err := openFolder(cfg(filepath.Join(foreign, "thesis.txt")), now); !errors.Is(err, ErrFolder) {
		t.Errorf("a file: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "net")
	f, err := openFolder(cfg(dir), now)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(f.settingsFile())
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	for name, change := range map[string]func(map[string]any){
		"version":       func(m map[string]any) { m["version"] = 99 },
		"unknown field": func(m map[string]any) { m["colour"] = "red" },
		"changed rules": func(m map[string]any) { m["rules"].(map[string]any)["burn_percent"] = 50 },
		"bad rules":     func(m map[string]any) { m["rules"].(map[string]any)["group_size"] = -1 },
		"bad settings":  func(m map[string]any) { m["validators"] = 0 },
		"no genesis":    func(m map[string]any) { m["genesis"] = "yesterday" },
	} {
		var m map[string]any
		if err := json.Unmarshal(good, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		text, _ := json.Marshal(m)
		if err := os.WriteFile(f.settingsFile(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openFolder(cfg(dir), now); !errors.Is(err, ErrFolder) || hintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{", "null", "[]"} {
		if err := os.WriteFile(f.settingsFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openFolder(cfg(dir), now); !errors.Is(err, ErrFolder) {
			t.Errorf("settings %q: %v", text, err)
		}
	}
}

func TestTemporaryFolderGoesAway(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := openFolder(Config{Settings: DefaultSettings()}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.settingsFile()); err != nil {
		t.Error(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	bad := DefaultSettings()
	bad.RulesName = "none"
	if _, err := openFolder(Config{Settings: bad}, time.Now()); err == nil {
		t.Error("made a network with rules that don't exist")
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) != 0 {
		t.Errorf("a failed start leaves %v", left)
	}
}
