package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/weights"
)

// Metagraph is a subnet's members and what the last epoch gave them. Shares (Incentive and its kin) are in 1/65535, amounts in rao, 10^-9 TAO
// or alpha.
type Metagraph struct {
	Netuid    uint16
	Mechanism uint8
	// Block is the block after which this was the state.
	Block     uint64
	BlockHash Hash
	Name      string
	Tempo     uint16
	// OwnerHotkey and OwnerColdkey are zero where the runtime's API doesn't tell them.
	OwnerHotkey, OwnerColdkey Account
	// Neurons by uid.
	Neurons []Neuron
	// Source is the runtime API that the data is from, or "storage".
	Source string
}

// Neuron is a member of a subnet.
type Neuron struct {
	UID             uint16
	Hotkey, Coldkey Account
	Axon            Axon
	Active          bool
	ValidatorPermit bool
	// LastUpdate is the block of the neuron's last weights (or commit of weights).
	LastUpdate   uint64
	RegisteredAt uint64
	// Stake is what counts for weights: alpha and TAO combined by the chain's rule. The SDK's S is Stake / 10^9. From neurons_lite and from storage it
	// is what these know: see Metagraph.Source.
	Stake, AlphaStake, TaoStake uint64
	// Incentive and the others are the last epoch's results; with commit-reveal the weights behind them are older still.
	Incentive, Consensus, Trust, Rank, Dividends uint16
	Emission                                     uint64
}

// Axon is where a neuron serves. The zero Axon doesn't.
type Axon struct {
	Block    uint64 // of the last change
	Version  uint32 // the SDK's, as weights.Version
	Address  netip.AddrPort
	Protocol uint8
	// Placeholder1 and Placeholder2 mean nothing.
	Placeholder1, Placeholder2 uint8
}

// Serving reports whether the neuron says it can be reached.
func (a Axon) Serving() bool {
	return a.Address.IsValid() && !a.Address.Addr().IsUnspecified() && a.Address.Port() != 0
}

// axonInfo is the chain's form.
type axonInfo struct {
	Block        uint64
	Version      uint32
	IP           *big.Int `scale:"ip"`
	Port         uint16
	IPType       uint8 `scale:"ip_type"`
	Protocol     uint8
	Placeholder1 uint8 `scale:"placeholder1"`
	Placeholder2 uint8 `scale:"placeholder2"`
}

func (a axonInfo) axon() Axon {
	out := Axon{Block: a.Block, Version: a.Version, Protocol: a.Protocol, Placeholder1: a.Placeholder1, Placeholder2: a.Placeholder2}
	if a.IP != nil && a.IP.Sign() >= 0 && a.IP.BitLen() <= 128 {
		var b [16]byte
		a.IP.FillBytes(b[:])
		ip := netip.AddrFrom16(b)
		if a.IPType == 4 {
			ip = netip.AddrFrom4([4]byte(b[12:]))
		}
		if a.IP.Sign() != 0 || a.Port != 0 {
			out.Address = netip.AddrPortFrom(ip, a.Port)
		}
	}
	return out
}

// Find returns the neuron with a hotkey, nil if there is none.
func (m *Metagraph) Find(hotkey Account) *Neuron {
	for i := range m.Neurons {
		if m.Neurons[i].Hotkey == hotkey {
			return &m.Neurons[i]
		}
	}
	return nil
}

// columns is the chain's form of a metagraph, as far as it is used: each field is there only if it was asked for (section 6). The numbers are the
// indexes to ask for.
type columns struct {
	Netuid              uint16     // always there
	Name                []uint8    // 1
	OwnerHotkey         Account    `scale:"owner_hotkey"`  // 5
	OwnerColdkey        Account    `scale:"owner_coldkey"` // 6
	Block               uint64     // 7
	Tempo               uint16     // 8
	Hotkeys             []Account  // 52
	Coldkeys            []Account  // 53
	Axons               []axonInfo // 55
	Active              []bool     // 56
	ValidatorPermit     []bool     `scale:"validator_permit"` // 57
	LastUpdate          []uint64   `scale:"last_update"`      // 59
	Emission            []uint64   // 60
	Dividends           []uint16   // 61
	Incentives          []uint16   // 62
	Consensus           []uint16   // 63
	Trust               []uint16   `scale:"trust,optional"`        // 64
	Rank                []uint16   `scale:"rank,optional"`         // 65
	BlockAtRegistration []uint64   `scale:"block_at_registration"` // 66
	AlphaStake          []uint64   `scale:"alpha_stake"`           // 67
	TaoStake            []uint64   `scale:"tao_stake"`             // 68
	TotalStake          []uint64   `scale:"total_stake"`           // 69
}

// wanted are the indexes of columns.
var wanted = []uint16{1, 5, 6, 7, 8, 52, 53, 55, 56, 57, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69}

const subnetAPI = "SubnetInfoRuntimeApi"

// Metagraph reads the members of a subnet. Errors: ErrNoSubnet.
func (v *View) Metagraph(ctx context.Context, netuid uint16) (*Metagraph, error) {
	return v.MechanismMetagraph(ctx, netuid, 0)
}

// MechanismMetagraph is Metagraph with the results of one of the subnet's incentive mechanisms. It asks the newest runtime API that the runtime
// has, then older ones, then reads storage. Errors: ErrNoSubnet; ErrUnsupported for a mechanism above 0 where there are none.
func (v *View) MechanismMetagraph(ctx context.Context, netuid uint16, mechanism uint8) (*Metagraph, error) {
	ctx, cancel := v.c.deadline(ctx, v.c.cfg.Timeout)
	defer cancel()
	var col *columns
	var err error
	source := ""
	switch rt := v.Runtime; {
	case rt.HasAPI(subnetAPI, "get_selective_mechagraph"):
		source = "get_selective_mechagraph"
		err = v.API(ctx, &col, subnetAPI, source, netuid, mechanism, wanted)
	case mechanism != 0:
		return nil, v.failed("read metagraph", fmt.Errorf("mechanism %d: %w", mechanism, ErrUnsupported))
	case rt.HasAPI(subnetAPI, "get_selective_metagraph"):
		source = "get_selective_metagraph"
		err = v.API(ctx, &col, subnetAPI, source, netuid, wanted)
	case rt.HasAPI(subnetAPI, "get_metagraph"):
		source = "get_metagraph"
		err = v.API(ctx, &col, subnetAPI, source, netuid)
	case rt.HasAPI("NeuronInfoRuntimeApi", "get_neurons_lite"):
		return v.neuronsLite(ctx, netuid)
	default:
		return v.storedMetagraph(ctx, netuid)
	}
	if err != nil {
		return nil, err
	}
	if col == nil || col.Hotkeys == nil {
		return nil, v.failed("read metagraph", fmt.Errorf("netuid %d: %w", netuid, ErrNoSubnet))
	}
	m := v.metagraph(netuid, mechanism, len(col.Hotkeys), source)
	// A node may run the call as if in the next block.
	if col.Block < m.Block || col.Block > m.Block+1 || netuid != col.Netuid {
		return nil, v.failed("read metagraph", fmt.Errorf("%w: asked for netuid %d at block %d, told netuid %d at block %d",
			ErrAnswer, netuid, m.Block, col.Netuid, col.Block))
	}
	m.Name, m.Tempo, m.OwnerHotkey, m.OwnerColdkey = string(col.Name), col.Tempo, col.OwnerHotkey, col.OwnerColdkey
	col.fill(m.Neurons)
	return m, nil
}

func (v *View) metagraph(netuid uint16, mechanism uint8, n int, source string) *Metagraph {
	m := &Metagraph{Netuid: netuid, Mechanism: mechanism, Block: v.Header.Number, BlockHash: v.Header.Hash, Source: source, Neurons: make([]Neuron, n)}
	for i := range m.Neurons {
		m.Neurons[i].UID = uint16(i)
	}
	return m
}

// at is a column's value for a uid; columns may be shorter than there are neurons.
func at[T any](column []T, i int) (v T) {
	if i < len(column) {
		v = column[i]
	}
	return v
}

func (c *columns) fill(neurons []Neuron) {
	for i := range neurons {
		n := &neurons[i]
		n.Hotkey, n.Coldkey, n.Axon = c.Hotkeys[i], at(c.Coldkeys, i), at(c.Axons, i).axon()
		n.Active, n.ValidatorPermit = at(c.Active, i), at(c.ValidatorPermit, i)
		n.LastUpdate, n.RegisteredAt = at(c.LastUpdate, i), at(c.BlockAtRegistration, i)
		n.Stake, n.AlphaStake, n.TaoStake = at(c.TotalStake, i), at(c.AlphaStake, i), at(c.TaoStake, i)
		n.Incentive, n.Consensus, n.Trust, n.Rank = at(c.Incentives, i), at(c.Consensus, i), at(c.Trust, i), at(c.Rank, i)
		n.Dividends, n.Emission = at(c.Dividends, i), at(c.Emission, i)
	}
}

// neuronsLite reads a metagraph from the oldest API in use.
func (v *View) neuronsLite(ctx context.Context, netuid uint16) (*Metagraph, error) {
	var list []struct {
		Hotkey, Coldkey Account
		UID             uint16 `scale:"uid"`
		Active          bool
		AxonInfo        axonInfo `scale:"axon_info"`
		Stake           []struct {
			Coldkey Account
			Amount  uint64
		}
		Rank, Incentive, Consensus, Trust, Dividends uint16
		Emission                                     uint64
		LastUpdate                                   uint64 `scale:"last_update"`
		ValidatorPermit                              bool   `scale:"validator_permit"`
	}
	if err := v.API(ctx, &list, "NeuronInfoRuntimeApi", "get_neurons_lite", netuid); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		var there bool
		if err := v.Storage(ctx, &there, subtensor, "NetworksAdded", netuid); err != nil {
			return nil, err
		}
		if !there {
			return nil, v.failed("read metagraph", fmt.Errorf("netuid %d: %w", netuid, ErrNoSubnet))
		}
	}
	m := v.metagraph(netuid, 0, len(list), "get_neurons_lite")
	for i, l := range list {
		if int(l.UID) != i {
			return nil, v.failed("read metagraph", fmt.Errorf("%w: uid %d in place %d", ErrAnswer, l.UID, i))
		}
		n := &m.Neurons[i]
		*n = Neuron{UID: l.UID, Hotkey: l.Hotkey, Coldkey: l.Coldkey, Axon: l.AxonInfo.axon(), Active: l.Active, ValidatorPermit: l.ValidatorPermit,
			LastUpdate: l.LastUpdate, Rank: l.Rank, Incentive: l.Incentive, Consensus: l.Consensus, Trust: l.Trust, Dividends: l.Dividends, Emission: l.Emission}
		for _, s := range l.Stake {
			n.Stake += s.Amount
		}
	}
	if err := v.Storage(ctx, &m.Tempo, subtensor, "Tempo", netuid); err != nil {
		return nil, err
	}
	return m, nil
}

// storedMetagraph reads a metagraph item by item, where the runtime describes no APIs (metadata 14). Stake is the alpha on the hotkey: the
// combination with TAO is the runtime's secret.
func (v *View) storedMetagraph(ctx context.Context, netuid uint16) (*Metagraph, error) {
	var n uint16
	var there bool
	col := columns{}
	index := weights.StorageIndex(netuid, 0)
	err := v.Read(ctx,
		Item{Out: &n, Pallet: subtensor, Name: "SubnetworkN", Keys: []any{netuid}},
		Item{Out: &there, Pallet: subtensor, Name: "NetworksAdded", Keys: []any{netuid}},
		Item{Out: &col.Tempo, Pallet: subtensor, Name: "Tempo", Keys: []any{netuid}},
		Item{Out: &col.Active, Pallet: subtensor, Name: "Active", Keys: []any{netuid}},
		Item{Out: &col.ValidatorPermit, Pallet: subtensor, Name: "ValidatorPermit", Keys: []any{netuid}},
		Item{Out: &col.LastUpdate, Pallet: subtensor, Name: "LastUpdate", Keys: []any{index}},
		Item{Out: &col.Incentives, Pallet: subtensor, Name: "Incentive", Keys: []any{index}},
		Item{Out: &col.Consensus, Pallet: subtensor, Name: "Consensus", Keys: []any{netuid}, Optional: true},
		Item{Out: &col.Trust, Pallet: subtensor, Name: "Trust", Keys: []any{netuid}, Optional: true},
		Item{Out: &col.Rank, Pallet: subtensor, Name: "Rank", Keys: []any{netuid}, Optional: true},
		Item{Out: &col.Dividends, Pallet: subtensor, Name: "Dividends", Keys: []any{netuid}, Optional: true},
		Item{Out: &col.Emission, Pallet: subtensor, Name: "Emission", Keys: []any{netuid}, Optional: true},
	)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, v.failed("read metagraph", fmt.Errorf("netuid %d: %w", netuid, ErrNoSubnet))
	}
	m := v.metagraph(netuid, 0, int(n), "storage")
	m.Tempo = col.Tempo
	col.Hotkeys, col.BlockAtRegistration = make([]Account, n), make([]uint64, n)
	items := make([]Item, 0, 3*int(n))
	for i := range m.Neurons {
		items = append(items,
			Item{Out: &col.Hotkeys[i], Pallet: subtensor, Name: "Keys", Keys: []any{netuid, uint16(i)}},
			Item{Out: &col.BlockAtRegistration[i], Pallet: subtensor, Name: "BlockAtRegistration", Keys: []any{netuid, uint16(i)}})
	}
	if err := v.Read(ctx, items...); err != nil {
		return nil, err
	}
	col.Coldkeys, col.Axons, col.AlphaStake = make([]Account, n), make([]axonInfo, n), make([]uint64, n)
	items = items[:0]
	for i, hotkey := range col.Hotkeys {
		items = append(items,
			Item{Out: &col.Coldkeys[i], Pallet: subtensor, Name: "Owner", Keys: []any{hotkey}},
			Item{Out: &col.Axons[i], Pallet: subtensor, Name: "Axons", Keys: []any{netuid, hotkey}, Optional: true},
			Item{Out: &col.AlphaStake[i], Pallet: subtensor, Name: "TotalHotkeyAlpha", Keys: []any{hotkey, netuid}, Optional: true})
	}
	if err := v.Read(ctx, items...); err != nil {
		return nil, err
	}
	col.TotalStake = col.AlphaStake
	col.fill(m.Neurons)
	return m, nil
}

// absent reports whether an error says that nothing is stored, or that the runtime has no such item.
func absent(err error) bool {
	return errors.Is(err, metadata.ErrAbsent) || errors.Is(err, metadata.ErrUnknown)
}
