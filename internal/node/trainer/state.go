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
	// Uploaded says that it is in the bucket, and only the marker is missing.
	Uploaded bool `json:"uploaded"`
	// Ready is the window of that marker, 0 where none was tried.
	Ready int64 `json:"ready,omitempty"`
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
	t.state, t.replay = s, t.cfg.Settings.buffer()
	for _, w := range buffer {
		t.replay.Add(w.Window, w.Groups)
	}
	return true, nil
}

// keep writes a new turn, complete, and makes it the current one. Older turns are removed afterwards.
func (t *Trainer) keep(ctx context.Context, s State, buffer *grpo.Replay) error {
	dir := t.turnDir(s.Turn)
	model := filepath.Join(dir, modelName)
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"clear", func() error { return os.RemoveAll(dir) }}, // of a turn that was not finished
		{"folder", func() error { return os.MkdirAll(dir, 0o700) }},
		{"model", func() error { return t.model.Save(ctx, model) }},
		{"optimizer", func() error { return t.model.SaveState(ctx, filepath.Join(dir, optimizerName)) }},
		{"canary", func() error { return t.sing(ctx, model) }},
		{"replay", func() error { return writeReplay(filepath.Join(dir, replayName), buffer) }},
		{"state", func() error { return t.write(s) }},
		{"current", func() error {
			return replaceFile(filepath.Join(t.cfg.Dir, currentName), []byte(filepath.Base(dir)+"\n"))
		}},
	} {
		if err := t.step("keep " + part.name); err != nil {
			return err
		}
		if err := part.do(); err != nil {
			return fmt.Errorf("couldn't keep turn %d: %w", s.Turn, err)
		}
	}
	t.state, t.replay, t.broken = s, buffer, false
	t.tidy()
	return nil
}

// write writes the state of a turn, in one move.
func (t *Trainer) write(s State) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(t.turnDir(s.Turn), stateName), append(text, '\n'))
}

// note writes that something became of the current turn.
func (t *Trainer) note(s State) error {
	if err := t.write(s); err != nil {
		return fmt.Errorf("couldn't write down what became of turn %d: %w", s.Turn, err)
	}
	t.state = s
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

// buffer is an empty replay buffer.
func (s Settings) buffer() *grpo.Replay {
	return &grpo.Replay{Windows: s.ReplayWindows, Recent: s.Recent, Decay: s.Decay}
}

// copied is a copy of the buffer, for a turn that may come to nothing.
func (s Settings) copied(r *grpo.Replay) *grpo.Replay {
	c := s.buffer()
	for w, groups := range r.All() {
		c.Add(w, groups)
	}
	return c
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
