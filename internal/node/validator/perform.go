package validator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
)

// prepare finds and loads the checkpoint of a window.
func (v *Validator) prepare(ctx context.Context, e Prepare) Prepared {
	label, err := v.cfg.Checkpoints.Latest(ctx, e.Window)
	if err == nil && (v.model == nil || v.model.Policy.Checkpoint != label) {
		err = v.load(ctx, label)
	}
	p := Prepared{Answer: v.answer(e.ID, err)}
	switch {
	case err == nil:
		p.Checkpoint, p.Model = label, v.model.Policy.ModelName
	case errors.Is(err, node.ErrNoCheckpoint):
		p.Failure.Kind, p.Failure.Hint = NoCheckpoint, "the trainer has to publish a checkpoint and its READY marker"
	case errors.Is(err, node.ErrPolicy):
		p.Failure.Kind = Unusable
		p.Failure.Hint = cmp.Or(node.EnvironmentHint(err), "the trainer has to publish env_id, thinking_mode and generation_params that this version knows")
	}
	return p
}

// load replaces the model in memory. A checkpoint of an environment that is unknown here is refused at this point and not at the first
// prompt, where it would look like the miners' fault (F9).
func (v *Validator) load(ctx context.Context, label int64) error {
	began := v.cfg.Now()
	m, err := v.cfg.Checkpoints.Load(ctx, label)
	if err != nil {
		return err
	}
	grader, err := node.NewEvaluator(v.cfg.Rules, m)
	if err != nil {
		if m.Release != nil {
			m.Release()
		}
		return err
	}
	v.release()
	v.model, v.grader = m, grader
	v.emit(status.Event{Kind: status.Checkpoint, Window: label, Text: m.Policy.ModelName, Seconds: v.cfg.Now().Sub(began).Seconds()})
	return nil
}

// release gives back the model in memory. With a trainer a new one comes with every window.
func (v *Validator) release() {
	if v.model != nil && v.model.Release != nil {
		v.model.Release()
	}
	v.model, v.grader = nil, nil
}

// open reads what everybody knows of a window, and the register as it is now.
func (v *Validator) open(ctx context.Context, e Open) Opened {
	var o Opened
	err := v.peers.Refresh(ctx)
	if err == nil {
		o.Inputs, err = node.OpenWindow(ctx, v.cfg.Rules, v.cfg.Chain, v.cfg.Beacon, e.Window)
	}
	if err == nil {
		o.Closing, err = node.CloseWindow(ctx, v.cfg.Rules, v.cfg.Chain, v.cfg.Beacon, e.Window)
	}
	for _, n := range v.peers.Metagraph().Neurons {
		o.Neurons = append(o.Neurons, Neuron{UID: int(n.UID), Hotkey: n.Hotkey, Permit: n.ValidatorPermit})
	}
	o.Answer = v.answer(e.ID, err)
	if errors.Is(err, node.ErrNotYet) {
		o.Failure.Kind = Early
	}
	return o
}

// discover probes all buckets, some side by side. The answer is in the order of the neurons.
func (v *Validator) discover(ctx context.Context, e Discover) Discovered {
	found := make([]Candidate, len(e.Neurons))
	spread(len(found), v.cfg.Probes, func(i int) {
		found[i] = v.probe(ctx, e, e.Neurons[i])
	})
	return Discovered{Answer: v.answer(e.ID, ctx.Err()), Found: found}
}

// spread calls f(0..n-1) in several goroutines and waits for them.
func spread(n, width int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(width, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				f(i)
			}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// probe looks for one neuron's file (A8).
func (v *Validator) probe(ctx context.Context, e Discover, n Neuron) Candidate {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.ProbeLimit)
	defer cancel()
	limits := bucket.Limits{Min: v.cfg.Rules.MinFileBytes, Max: v.cfg.Rules.MaxProbeBytes, Deadline: e.Deadline}
	_, p, outcome, err := v.look(ctx, n.Hotkey, e.Window, limits)
	c := Candidate{UID: n.UID, Hotkey: n.Hotkey, Outcome: outcome, File: p.file()}
	if outcome != "" {
		c.Reason = p.reason(limits, err)
	}
	return c
}

// presence is what a look into a bucket found.
type presence struct{ bucket.Presence }

func (p presence) file() *Object {
	if !p.Exists {
		return nil
	}
	return &Object{Key: p.Info.Key, Size: p.Info.Size, ETag: p.Info.ETag, Modified: p.Info.LastModified}
}

func (p presence) reason(l bucket.Limits, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case p.BadSize:
		return fmt.Sprintf("the file has %d bytes, %d to %d are allowed", p.Info.Size, l.Min, l.Max)
	case p.Late:
		return fmt.Sprintf("the store took the file at %s, the deadline was %s", p.Info.LastModified.UTC().Format(time.RFC3339), l.Deadline.UTC().Format(time.RFC3339Nano))
	}
	return "there is no file for this window in the bucket"
}

// look probes a miner's file. The outcome is empty for a file that counts. What only this validator failed to see is Unjudged.
func (v *Validator) look(ctx context.Context, hotkey string, window int64, limits bucket.Limits) (b node.Bucket, p presence, outcome Outcome, err error) {
	b, err = v.peers.Bucket(hotkey)
	if err != nil {
		return nil, p, NoBucket, err
	}
	p.Presence, err = bucket.Probe(ctx, b, bucket.WindowKey(hotkey, window), v.cfg.Rules.PreferGzip, limits)
	switch {
	case errors.Is(err, bucket.ErrNoBucket), errors.Is(err, bucket.ErrAccessDenied):
		return b, p, NoFile, err // what the miner committed leads nowhere
	case err != nil:
		return b, p, Unjudged, err
	case !p.Exists:
		return b, p, NoFile, nil
	case p.BadSize:
		return b, p, BadSize, nil
	case p.Late:
		return b, p, Late, nil
	}
	return b, p, "", nil
}

// publish writes a trust list.
func (v *Validator) publish(ctx context.Context, e Publish) Published {
	b, err := json.Marshal(e.List)
	if err == nil {
		_, err = bucket.PutBytes(ctx, v.cfg.Own, bucket.TrustKey(e.List.Window), b, bucket.PutOptions{ContentType: "application/json"})
	}
	if err != nil {
		err = fmt.Errorf("couldn't publish trust list of window %d: %w", e.List.Window, err)
	}
	p := Published{v.answer(e.ID, err)}
	if errors.Is(err, bucket.ErrAccessDenied) || errors.Is(err, bucket.ErrNoBucket) {
		p.Failure.Kind, p.Failure.Hint = Refusal, "check the validator's own write credentials"
	}
	return p
}

// settle sets weights and reads them back. Weights that are there already since they were decided, as after a crash, are left alone.
func (v *Validator) settle(ctx context.Context, e Settle) Settled {
	s := Settled{}
	block, done, err := v.confirmed(ctx, e.Vector)
	if err == nil && !done {
		_, setErr := v.cfg.Chain.SetWeights(ctx, v.cfg.Signer, e.Vector.UIDs, e.Vector.Values, v.cfg.VersionKey)
		block, done, err = v.confirmed(ctx, e.Vector)
		switch {
		case done:
			err = nil
		case setErr != nil:
			err = fmt.Errorf("couldn't set weights of window %d: %w", e.Vector.Window, setErr)
		case err == nil:
			err = fmt.Errorf("couldn't confirm weights of window %d: the chain took them and shows others", e.Vector.Window)
		}
	}
	s.Answer, s.Block = v.answer(e.ID, err), block
	for _, known := range []struct {
		err  error
		hint string
	}{
		{chain.ErrNotRegistered, "register the hotkey on the subnet"},
		{chain.ErrNoPermit, "the hotkey needs more stake for a validator permit"},
		{chain.ErrVersionKey, "install the version that the subnet asks for"},
		{chain.ErrBadWeights, "the subnet's limits for weights don't fit the network's rules"},
	} {
		if errors.Is(err, known.err) {
			s.Failure.Kind, s.Failure.Hint = Refusal, known.hint
		}
	}
	return s
}

// confirmed says whether the chain shows the weights, set since they were decided. Where the subnet hides them, that some were committed since
// then has to do.
func (v *Validator) confirmed(ctx context.Context, want Vector) (block int64, ok bool, err error) {
	set, err := v.cfg.Chain.Weights(ctx, v.cfg.Plan.Hotkey)
	if err != nil {
		return 0, false, fmt.Errorf("couldn't read weights back: %w", err)
	}
	if int64(set.Block) < want.Block || !set.Hidden && !want.OnChain(set.Weights) {
		return 0, false, nil
	}
	return int64(set.Block), true, nil
}
