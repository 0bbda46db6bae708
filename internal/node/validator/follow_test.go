package validator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/status"
)

// mute is a chain that gives one head and then nothing, or nothing at all.
type mute struct {
	chain.Chain
	err error
}

func (m mute) SubscribeHeads(context.Context) (<-chan chain.BlockRef, error) {
	if m.err != nil {
		return nil, m.err
	}
	heads := make(chan chain.BlockRef, 1)
	heads <- chain.BlockRef{Number: 7}
	return heads, nil
}

// gathered keeps what was told.
type gathered struct{ faults []string }

func (g *gathered) Emit(e status.Event) { g.faults = append(g.faults, e.Reason) }

// TestFollowTellsOfSilence holds that a validator whose chain went away says so, instead of waiting without a word.
func TestFollowTellsOfSilence(t *testing.T) {
	for name, c := range map[string]struct {
		chain mute
		want  string
		heads int
	}{
		"silent": {mute{}, "couldn't follow the chain: no new block for 10s", 2},
		"gone":   {mute{err: errors.New("connection refused")}, "couldn't follow the chain: connection refused", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, events := &gathered{}, make(chan Event, 64)
				v := &Validator{cfg: Config{Rules: grail.Rules{BlockSeconds: 0.5}, Chain: c.chain, Sink: told, Now: time.Now}, events: events}
				life, end := context.WithTimeout(t.Context(), 15*time.Second)
				defer end()
				v.wg.Add(1)
				v.follow(life)
				if len(told.faults) == 0 || !strings.HasPrefix(told.faults[0], c.want) {
					t.Errorf("told %q, want %q", told.faults, c.want)
				}
				if len(events) != c.heads {
					t.Errorf("%d heads, want %d", len(events), c.heads)
				}
			})
		})
	}
}
