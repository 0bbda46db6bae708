package weights

import (
	"fmt"
	"math"
	"time"
)

const (
	// maxIdle is the number of blocks after which a subnet's epoch runs whatever its schedule (MAX_TEMPO).
	maxIdle = 50400
	// maxPeriods bounds RevealPeriod; the chain allows 100.
	maxPeriods = 1 << 16
	// ingest is how many blocks after the first reveal block the SDKs want the round to be, so that the chain has stored its pulse
	// while the commit is still tried.
	ingest = 3

	quicknetGenesis = 1692803367 // Unix seconds
	quicknetPeriod  = 3 * time.Second
)

// Epochs is the state from which the block is foreseen at which the chain reveals a timelocked commit. All of it must be read at one block.
//
// Runtimes of 2026 keep a schedule per subnet, which the owner can move (Stateful); older ones compute epochs from the block number. Which
// one a runtime is its metadata says: the newer has the storage item SubnetEpochIndex. The older rule gives a wrong block on a newer runtime.
type Epochs struct {
	// Head is the block at which the state was read. The commit is taken to enter the next block.
	Head uint64
	// Tempo is the subnet's Tempo, in blocks.
	Tempo uint16
	// RevealPeriod is RevealPeriodEpochs.
	RevealPeriod uint64

	// Stateful chooses the newer rule, which needs the four fields below.
	Stateful bool
	// LastEpoch is LastEpochBlock.
	LastEpoch uint64
	// PendingAt is PendingEpochAt, 0 where none is pending.
	PendingAt uint64
	// Index is SubnetEpochIndex.
	Index uint64
	// SinceStep is BlocksSinceLastStep.
	SinceStep uint64

	// NetUID is the plain netuid, also for a mechanism above 0. The older rule needs it.
	NetUID uint16
}

// FirstReveal returns the first block that reveals a commit made now. Errors wrap ErrSchedule: the subnet runs no epochs (tempo 0), or the
// state is beyond reason.
func (e Epochs) FirstReveal() (block uint64, err error) {
	if e.RevealPeriod > maxPeriods || e.Head > math.MaxInt64 {
		return 0, fmt.Errorf("%w: %d epochs after block %d", ErrSchedule, e.RevealPeriod, e.Head)
	}
	if !e.Stateful {
		span := uint64(e.Tempo) + 1
		shift := uint64(e.NetUID) + 1
		end := ((e.Head+shift)/span + e.RevealPeriod) * span
		return max(end, shift) - shift, nil
	}
	if e.Tempo == 0 {
		return 0, fmt.Errorf("%w: tempo is zero, the subnet runs no epochs", ErrSchedule)
	}
	target := e.at(e.Head+1) + e.RevealPeriod
	// Every turn but the last runs one epoch. Two more than the periods cover the one due now and an idle one.
	for range e.RevealPeriod + 3 {
		if e.at(e.Head+1) == target {
			return e.Head + 1, nil
		}
		run := e.next()
		e.SinceStep += run - 1 - e.Head // up to the block before, where commits are revealed
		e.Head = run - 1
		if e.at(run) == target {
			return run, nil
		}
		e.Head, e.LastEpoch, e.PendingAt, e.SinceStep = run, run, 0, 0
		e.Index++
	}
	return 0, fmt.Errorf("%w: no block in epoch %d", ErrSchedule, target)
}

// at is the number of the epoch in which block, the one after Head, reveals: commits are revealed before the block's own epoch runs, and
// count as if it had run.
func (e Epochs) at(block uint64) uint64 {
	if e.PendingAt > 0 && block >= e.PendingAt || e.SinceStep > maxIdle || block >= e.LastEpoch && block-e.LastEpoch >= uint64(e.Tempo) {
		return e.Index + 1
	}
	return e.Index
}

// next is the first block after Head that runs an epoch.
func (e Epochs) next() uint64 {
	first := e.Head + 1
	run := first
	if e.SinceStep < maxIdle { // the count is raised before it is compared
		run = e.Head + maxIdle + 1 - e.SinceStep
	}
	if e.PendingAt > 0 {
		run = min(run, max(first, e.PendingAt))
	}
	if tempo := e.LastEpoch + uint64(e.Tempo); tempo >= e.LastEpoch {
		run = min(run, max(first, tempo))
	}
	return run
}

// RevealRound returns the quicknet round to which a commit made at time now is to be encrypted, and the first block that reveals it.
// blockTime is the time between blocks (the runtime's Aura.SlotDuration). Errors wrap ErrSchedule.
func RevealRound(e Epochs, now time.Time, blockTime time.Duration) (round, firstBlock uint64, err error) {
	return RevealRoundOf(e, now, blockTime, time.Unix(quicknetGenesis, 0), quicknetPeriod)
}

// RevealRoundOf is RevealRound for another drand chain, by its genesis and period.
func RevealRoundOf(e Epochs, now time.Time, blockTime time.Duration, genesis time.Time, period time.Duration) (round, firstBlock uint64, err error) {
	firstBlock, err = e.FirstReveal()
	if err != nil {
		return 0, 0, err
	}
	round, err = RoundAfter(firstBlock, e.Head, now, blockTime, genesis, period)
	return round, firstBlock, err
}

// RoundAfter is the round that is due three blocks after firstBlock, seen from block head at time now:
// max(1, floor((now + (firstBlock + 3 − head)·blockTime − genesis)/period)).
func RoundAfter(firstBlock, head uint64, now time.Time, blockTime time.Duration, genesis time.Time, period time.Duration) (uint64, error) {
	if blockTime <= 0 || period <= 0 || firstBlock > math.MaxInt64 {
		return 0, fmt.Errorf("%w: block %d, block time %s, period %s", ErrSchedule, firstBlock, blockTime, period)
	}
	var blocks uint64
	if firstBlock+ingest > head {
		blocks = firstBlock + ingest - head
	}
	if blocks > uint64(math.MaxInt64/4/blockTime) {
		return 0, fmt.Errorf("%w: %d blocks of %s are too far", ErrSchedule, blocks, blockTime)
	}
	at := now.Add(time.Duration(blocks) * blockTime)
	gap := at.Sub(genesis)
	if gap < 0 {
		return 1, nil
	}
	return max(1, uint64(gap/period)), nil
}
