// Package weights turns a validator's scores into what Bittensor's chain takes, and says when the chain will show it.
//
// A validator scores neurons with any numbers that it likes. On the way to the chain they are
//
//  1. optionally processed, as the SDK's process_weights_for_netuid does: the smallest are dropped, too few are filled up, and none may
//     exceed a share of the sum ([Rules], [Clip]);
//  2. normalised to 16 bits, the largest becoming 65,535 and zeros being dropped ([Normalize]);
//  3. checked against what the chain will refuse ([Limits]), since a refused weight transaction still costs the wait for the next;
//  4. sent openly; or committed as a hash and revealed later ([CommitHash]); or encrypted to a round of drand so that the chain reveals them
//     by itself ([Payload], [Epochs] and package timelock), whichever the subnet demands.
//
// The SDKs differ in arithmetic, and so in the last of the 16 bits: versions 8 to 10 cast weights to float32 first, version 11 stays in
// float64 and clips to the subnet's limit. A [Scheme] names which one to follow. Weights that are negative, infinite or no number at all
// are an error in every scheme: the reference normalises NaN to whatever Python's comparison makes of it.
//
// The package computes only: it reads no chain, no clock and no random source.
package weights

import (
	"errors"
	"fmt"
	"math"
)

// Errors among which a caller decides.
var (
	// ErrWeights: the weights cannot be normalised: one is negative or not finite, or there are not as many as uids.
	ErrWeights = errors.New("invalid weights")
	// ErrNothing: all weights are zero. Setting none at all is not possible on the chain; do not submit.
	ErrNothing = errors.New("all weights are zero")
	// ErrRefused: the chain would refuse the weights under the subnet's present limits.
	ErrRefused = errors.New("chain would refuse the weights")
	// ErrSchedule: no block can be foreseen at which the chain reveals.
	ErrSchedule = errors.New("reveal block cannot be foreseen")
)

// check refuses weights that no scheme can take.
func check(uids []uint16, w []float64) error {
	if len(uids) != len(w) {
		return fmt.Errorf("%w: %d uids and %d weights", ErrWeights, len(uids), len(w))
	}
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 1) { // NaN is not >= 0
			return fmt.Errorf("%w: weight of uid %d is %v", ErrWeights, uids[i], v)
		}
	}
	return nil
}
