package logicvalidator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// idlePause is how long a round without miners waits before it looks for some again, at most.
const idlePause = 30 * time.Second

// oneRound runs a round, or goes on with the one that was open when the last process ended. counted is false for a round in which there was nobody to ask. An
// error means that the state cannot be written: then nothing that is done would last.
func (v *Validator) oneRound(ctx context.Context, s Snapshot) (counted bool, err error) {
	hotkeys := make([]logicnet.Hotkey, len(s.Members))
	for i, m := range s.Members {
		hotkeys[i] = m.Hotkey
	}
	length := seconds(v.cfg.Rules.RoundSeconds)
	if !v.round.began.IsZero() && time.Since(v.round.began) > 2*length { // long over
		v.sync(hotkeys)
		if err := v.closeRound(ctx); err != nil {
			return false, err
		}
	}
	v.phase("information")
	v.sync(hotkeys)
	v.refresh(ctx, s)
	v.mu.Lock()
	queue, miners := v.queue, v.table.Miners()
	v.mu.Unlock()
	if ctx.Err() != nil {
		return false, nil
	}
	if err := v.store.saveMiners(context.WithoutCancel(ctx), miners); err != nil {
		return false, err
	}
	if queue.Active() == 0 && v.round.began.IsZero() {
		_ = pause(ctx, min(idlePause, max(length/10, 100*time.Millisecond)))
		return false, nil
	}
	if v.round.began.IsZero() {
		v.round.began = time.Now()
		if err := v.store.beginRound(context.WithoutCancel(ctx), v.round.number, v.round.began); err != nil {
			return false, err
		}
	}
	v.phase("questions")
	for first := true; ctx.Err() == nil && queue.Active() > 0 && (first && len(v.round.results) == 0 || time.Since(v.round.began) < length); first = false {
		v.wave(ctx, s, queue)
	}
	if ctx.Err() != nil {
		return false, nil // the round stays open
	}
	v.phase("ranking")
	return true, v.closeRound(ctx)
}

// sync takes over who is who.
func (v *Validator) sync(hotkeys []logicnet.Hotkey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.table.Sync(hotkeys)
}

func (v *Validator) phase(name string) {
	v.emit(status.Event{Kind: status.Phase, Window: v.round.number, Phase: name})
}

// wave launches the batches one after the other and waits for all of them.
func (v *Validator) wave(ctx context.Context, s Snapshot, q logicnet.Queue) {
	var wait sync.WaitGroup
	began, asked := time.Now(), v.asked.Load()
	defer func() {
		wait.Wait()
		rest := 100*time.Millisecond - time.Since(began)
		if v.asked.Load() == asked { // everybody has as many questions as it takes
			rest = min(time.Second, seconds(v.cfg.Rules.RoundSeconds)/20)
		}
		_ = pause(ctx, rest)
	}()
	for i := range v.cfg.Rules.Batches {
		if i > 0 && pause(ctx, seconds(v.cfg.Rules.BatchGapSeconds)) != nil {
			return
		}
		wait.Go(func() {
			if err := v.batch(ctx, s, q); err != nil && ctx.Err() == nil {
				v.fault(err, "this batch is lost, others are not concerned")
			}
		})
	}
}

// record writes down what a batch earned. It counts once it is on the disk.
func (v *Validator) record(batch []result) error {
	if len(batch) == 0 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.store.addResults(context.Background(), batch); err != nil {
		return fmt.Errorf("couldn't keep results: %w", err)
	}
	v.round.results = append(v.round.results, batch...)
	return nil
}

// closeRound ranks the miners and puts the values into their histories. Results of who has lost its uid meanwhile count for nobody.
func (v *Validator) closeRound(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var results []logicnet.Scored
	for _, x := range v.round.results {
		if m, ok := v.table.Miner(x.uid); ok && (m.Hotkey == x.hotkey || v.cfg.Rules.KeepScores) {
			results = append(results, logicnet.Scored{UID: x.uid, Scaled: x.scaled})
		}
	}
	before := v.table.Miners()
	v.table.Record(v.cfg.Rules.Incentives(results))
	if v.cfg.Rules.RoundStored {
		v.table.Export()
	}
	if err := v.store.closeRound(context.WithoutCancel(ctx), v.round.number+1, v.table.Miners()); err != nil {
		_ = v.table.Restore(before)
		return err
	}
	v.round = openRound{number: v.round.number + 1}
	v.canned = newCanned()
	return nil
}
