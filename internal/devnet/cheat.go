package devnet

import (
	"slices"

	"github.com/nanteos/nanteos/internal/node/miner"
)

// Cheat is a way to break the protocol.
type Cheat struct {
	// Name is the kind of the miner, Text says in a few words what it does.
	Name, Text string
	// wrap makes a cheating worker of an honest one.
	wrap func(n *Network, m Member, h *miner.Honest) miner.Worker
}

// Cheats lists the cheats, in the order in which a number of cheaters takes them.
func Cheats() []Cheat {
	return []Cheat{
		{"zero-sketch", "hands in sketches that are all zero", func(_ *Network, _ Member, h *miner.Honest) miner.Worker { return &zeroSketch{h} }},
		{"copier", "hands in completions of another miner as its own", func(n *Network, m Member, h *miner.Honest) miner.Worker { return n.copier(m, h) }},
		{"false-reward", "claims success for rollouts that failed", func(_ *Network, _ Member, h *miner.Honest) miner.Worker { return &falseReward{h} }},
		{"other-model", "generates and proves with a model that is not the checkpoint", func(n *Network, _ Member, h *miner.Honest) miner.Worker { return &otherModel{n: n, h: h} }},
		{"edited-prompt", "swaps its problems for easier ones", func(_ *Network, _ Member, h *miner.Honest) miner.Worker { return &editedPrompt{h} }},
	}
}

// CheatNames lists the names of the cheats.
func CheatNames() []string {
	var names []string
	for _, c := range Cheats() {
		names = append(names, c.Name)
	}
	return names
}

// worker makes the maker of a member's groups: honest, or wrapped by its cheat.
func (n *Network) worker(m Member) func(*miner.Honest) miner.Worker {
	i := slices.IndexFunc(Cheats(), func(c Cheat) bool { return c.Name == m.Kind })
	if i < 0 {
		return nil
	}
	return func(h *miner.Honest) miner.Worker { return Cheats()[i].wrap(n, m, h) }
}
