package miner

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/internal/node"
)

// Window is what a worker needs to know of a window.
type Window struct {
	node.Window
	// Block is the newest block when the group was started, Checkpoint the label of the checkpoint; rows carry both.
	Block, Checkpoint int64
	// Dataset is the digest of the dataset that the problems are drawn from, empty where the environment has none.
	Dataset string
}

// Worker makes groups of rollouts.
type Worker interface {
	// Group returns the signed rows of one group, GroupSize of them. index is the problem index. A group that must not be uploaded is an
	// error that wraps *Unfit; any other error is a failure of the machine.
	Group(ctx context.Context, w Window, index int64) ([]grail.Row, error)
}

// Unfit says why a group is dropped.
type Unfit struct {
	// Check is the check that it would not pass.
	Check string
	// Reason and Hint are for people.
	Reason, Hint string
}

func (u *Unfit) Error() string { return "group is unfit: " + u.Reason }

// Honest is the worker that does what the protocol says.
type Honest struct {
	Rules grail.Rules
	// Hotkey signs commits and rows.
	Hotkey sr25519.Keypair
	// Model is the window's checkpoint, Evaluator its environment.
	Model     *node.Model
	Evaluator *node.Evaluator
	// Secret makes the sampling seeds unpredictable to others. With seeds that everybody can compute, a copier could make this miner's completions
	// before the miner does, and upload them first.
	Secret []byte
	// Now stamps rows, time.Now when nil.
	Now func() time.Time
}

// Address is the SS58 address of the hotkey.
func (h *Honest) Address() string { return ss58.EncodeBittensor(h.Hotkey.Public()) }

// Group poses the problem, generates, proves beside grading, and signs.
func (h *Honest) Group(ctx context.Context, w Window, index int64) ([]grail.Row, error) {
	seed := grail.EnvSeed(h.Address(), w.Hash, index)
	prompt, err := h.Evaluator.PromptTokens(ctx, seed)
	if err != nil {
		return nil, err
	}
	completions, err := h.Generate(ctx, w, index, prompt)
	if err != nil {
		return nil, err
	}
	proofs, grades, err := h.ProveAndGrade(ctx, w, seed, prompt, completions)
	if err != nil {
		return nil, err
	}
	rows, err := h.Assemble(w, index, prompt, completions, proofs, grades)
	if err != nil {
		return nil, err
	}
	return rows, Sign(rows, h.Hotkey)
}

// Generate samples the group's completions. One that is too short makes the whole group unfit, before any proof is computed.
func (h *Honest) Generate(ctx context.Context, w Window, index int64, prompt []int32) ([][]int32, error) {
	info := h.Model.Engine.Info()
	if room := info.MaxLength - len(prompt); room < h.Rules.MinCompletionTokens {
		return nil, &Unfit{verify.CheckTokens, fmt.Sprintf("the prompt has %d tokens and leaves room for %d", len(prompt), room), ""}
	}
	requests := make([]node.Request, h.Rules.GroupSize)
	for i := range requests {
		requests[i] = node.Request{Prompt: prompt, Seed: RolloutSeed(h.Secret, w.Hash, index, i)}
	}
	got, err := h.Model.Engine.Generate(ctx, requests, h.Model.Policy.Params)
	if err != nil {
		return nil, fmt.Errorf("couldn't generate group %d: %w", index, err)
	}
	if len(got) != len(requests) {
		return nil, fmt.Errorf("couldn't generate group %d: %d of %d completions came back", index, len(got), len(requests))
	}
	completions := make([][]int32, len(got))
	for i, c := range got {
		if len(c.Tokens) < h.Rules.MinCompletionTokens {
			return nil, &Unfit{verify.CheckProof, fmt.Sprintf("completion %d has %d tokens, at least %d are needed", i, len(c.Tokens), h.Rules.MinCompletionTokens),
				"the model ends too soon; nothing to do about it here"}
		}
		completions[i] = c.Tokens
	}
	return completions, nil
}

// ProveAndGrade computes proofs and grades at the same time.
func (h *Honest) ProveAndGrade(ctx context.Context, w Window, seed uint32, prompt []int32, completions [][]int32) ([]node.Proof, []verify.Grade, error) {
	r, err := grail.NewCoefficients(w.Randomness)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	grades, faults := make([]verify.Grade, len(completions)), make([]error, len(completions))
	var wg sync.WaitGroup
	for i, c := range completions {
		wg.Go(func() { grades[i], faults[i] = h.Evaluator.Grade(ctx, seed, c) })
	}
	sequences := make([]node.Sequence, len(completions))
	for i, c := range completions {
		sequences[i] = node.Sequence{Tokens: append(append(make([]int32, 0, len(prompt)+len(c)), prompt...), c...), PromptLength: len(prompt)}
	}
	proofs, err := h.Model.Engine.Prove(ctx, sequences, r)
	if err != nil {
		cancel()
		wg.Wait()
		return nil, nil, fmt.Errorf("couldn't prove: %w", err)
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		return nil, nil, fmt.Errorf("couldn't grade: %w", err)
	}
	for i, p := range proofs {
		if n := len(sequences[i].Tokens); len(p.Sketches) != n || len(p.LogProbs) != n {
			return nil, nil, fmt.Errorf("couldn't prove: %d sketches and %d log-probabilities for %d tokens", len(p.Sketches), len(p.LogProbs), n)
		}
	}
	if len(proofs) != len(sequences) {
		return nil, nil, fmt.Errorf("couldn't prove: %d of %d proofs came back", len(proofs), len(sequences))
	}
	return proofs, grades, nil
}

// Assemble makes the unsigned rows (protocol specification, 5.2).
func (h *Honest) Assemble(w Window, index int64, prompt []int32, completions [][]int32, proofs []node.Proof, grades []verify.Grade) ([]grail.Row, error) {
	n := len(completions)
	if len(proofs) != n || len(grades) != n {
		return nil, fmt.Errorf("couldn't assemble group %d: %d completions, %d proofs, %d grades", index, n, len(proofs), len(grades))
	}
	rewards := make([]float64, n)
	for i, g := range grades {
		rewards[i] = g.Reward
	}
	advantages := grail.Advantages(rewards)
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	stamp := float64(now().UnixMicro()) / 1e6
	rows := make([]grail.Row, n)
	for i, c := range completions {
		tokens := append(append(make([]int32, 0, len(prompt)+len(c)), prompt...), c...)
		rows[i] = grail.Row{
			WindowStart: w.Start, Block: w.Block, Nonce: grail.Nonce(index, h.Rules.GroupSize, int32(i)), BlockHash: w.Hash, Randomness: w.Randomness,
			UseDrand: w.Round > 0, RolloutGroup: index, RolloutIndex: int32(i), TotalInGroup: int32(h.Rules.GroupSize),
			CheckpointWindow: w.Checkpoint, Timestamp: stamp,
			Commit: grail.Commit{
				Tokens: tokens, Commitments: grail.NewCommitments(proofs[i].Sketches), ProofVersion: h.Rules.ProofVersion,
				Model:  grail.ModelRef{Name: h.Model.Policy.ModelName, LayerIndex: h.Rules.LayerIndex},
				Beacon: grail.BeaconRef{Randomness: w.Randomness},
				Rollout: grail.Outcome{
					PromptLength: int32(len(prompt)), CompletionLength: int32(len(c)), Success: grades[i].Success,
					TotalReward: grades[i].Reward, Advantage: advantages[i], TokenLogprobs: proofs[i].LogProbs,
				},
			},
		}
	}
	return rows, nil
}

// Sign signs commits and rows with a hotkey.
func Sign(rows []grail.Row, hotkey sr25519.Keypair) error {
	for i := range rows {
		if err := grail.SignCommit(&rows[i].Commit, hotkey); err != nil {
			return err
		}
		if err := grail.SignRow(&rows[i], hotkey); err != nil {
			return err
		}
	}
	return nil
}

// RolloutSeed returns the sampling seed of one rollout. Equal inputs give equal seeds, so a group that a crash cut short is made again as it was.
func RolloutSeed(secret []byte, windowHash string, group int64, rollout int) uint64 {
	h := sha256.New()
	h.Write([]byte("nanteos rollout seed\x00"))
	h.Write(secret)
	h.Write([]byte("\x00" + windowHash + "|" + strconv.FormatInt(group, 10) + "|" + strconv.Itoa(rollout)))
	return binary.BigEndian.Uint64(h.Sum(nil))
}
