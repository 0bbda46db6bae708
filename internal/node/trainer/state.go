package trainer

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/grail/grpo"
)

// ErrState says that the data folder holds what this trainer can't continue: another network's training, or a damaged one.
var ErrState = errors.New("training can't be continued")

// The data folder:
//
//	lock
//	current              the name of the turn that counts
//	turn-<n>/state.json  counters, and the checkpoint that is to be published
//	        /optimizer   what the next step depends on
//	        /replay      the rollouts of the replay buffer
//	        /model/      the model as a folder
const (
	lockName      = "lock"
	currentName   = "current"
	turnPrefix    = "turn-"
	stateName     = "state.json"
	optimizerName = "optimizer"
	replayName    = "replay.json.gz"
	modelName     = "model"
	stateVersion  = 1
)

// State is what is known after a turn.
type State struct {
	Version int    `json:"version"`
	Rules   string `json:"rules"` // digest of the network's rules
	Turn    int    `json:"turn"`
	Loop    Loop   `json:"loop"`
	// Window is the one in which the turn was made; it labels the checkpoint.
	Window int64 `json:"window"`
	// Published says that the turn's model is in the bucket and marked ready; Parent is the checkpoint before it.
	Published bool  `json:"published"`
	Parent    int64 `json:"parent"`
	// Marked says that it is in the bucket, and only the marker is missing.
	Uploaded bool `json:"uploaded"`
	// KL is the weight of an adaptive controller.
	KL float64 `json:"kl,omitempty"`
}

// replayed is one window of the buffer on disk.
type replayed struct {
	Window int64        `json:"window"`
	Groups []grpo.Group `json:"groups"`
}

// maxReplay bounds the buffer's file, unpacked.
const maxReplay = 4 << 30

// turnDir is the folder of a turn.
func (t *Trainer) turnDir(n int) string { return filepath.Join(t.cfg.Dir, turnPrefix+strconv.Itoa(n)) }

// read takes up the current turn. ok is false where there is none yet.
func (t *Trainer) read() (ok bool, err error) {
	name, err := os.ReadFile(filepath.Join(t.cfg.Dir, currentName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("couldn't read training: %w", err)
	}
	dir := filepath.Join(t.cfg.Dir, filepath.Base(strings.TrimSpace(string(name))))
	text, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return false, fmt.Errorf("couldn't read training: %w: %w", ErrState, err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil || s.Version != stateVersion || s.Turn < 0 || dir != t.turnDir(s.Turn) {
		return false, fmt.Errorf("couldn't continue the training in %s: state of version %d, turn %d: %w", dir, s.Version, s.Turn, errors.Join(ErrState, err))
	}
	if s.Rules != t.rules {
		return false, fmt.Errorf("couldn't continue the training in %s: it belongs to a network with other rules: %w", dir, ErrState)
	}
	buffer, err := readReplay(filepath.Join(dir, replayName))
	if err != nil {
		return false, fmt.Errorf("couldn't continue the training in %s: %w: %w", dir, ErrState, err)
	}
	t.state = s
	for _, w := range buffer {
		t.replay.Add(w.Window, w.Groups)
	}
	return true, nil
}

// keep writes a new turn, complete, and makes it the current one. Older turns are removed afterwards.
func (t *Trainer) keep(ctx context.Context, s State) error {
	dir := t.turnDir(s.Turn)
	if err := os.RemoveAll(dir); err != nil { // of a turn that was not finished
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := t.model.Save(ctx, filepath.Join(dir, modelName)); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := t.model.SaveState(ctx, filepath.Join(dir, optimizerName)); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := t.sing(ctx, filepath.Join(dir, modelName)); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := writeReplay(filepath.Join(dir, replayName), t.replay); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := t.write(s); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(t.cfg.Dir, currentName), []byte(filepath.Base(dir)+"\n")); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	t.state = s
	t.tidy()
	return nil
}

// write writes the state of a turn, in one move.
func (t *Trainer) write(s State) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	if err := replaceFile(filepath.Join(t.turnDir(s.Turn), stateName), append(text, '\n')); err != nil {
		return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
	}
	return nil
}

// tidy removes all turns but the current one and the one before, which is what a patch is made against.
func (t *Trainer) tidy() {
	entries, err := os.ReadDir(t.cfg.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), turnPrefix))
		if err == nil && strings.HasPrefix(e.Name(), turnPrefix) && n != t.state.Turn && n != t.state.Turn-1 {
			_ = os.RemoveAll(filepath.Join(t.cfg.Dir, e.Name()))
		}
	}
}

// replaceFile writes a file in one move and sees it to the disk.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".partial-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func writeReplay(path string, r *grpo.Replay) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	var all []replayed
	for w, groups := range r.All() {
		all = append(all, replayed{w, groups})
	}
	return errors.Join(json.NewEncoder(z).Encode(all), z.Close(), f.Sync())
}

func readReplay(path string) ([]replayed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var all []replayed
	return all, json.NewDecoder(io.LimitReader(z, maxReplay)).Decode(&all)
}
