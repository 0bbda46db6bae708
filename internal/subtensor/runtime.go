package subtensor

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"
)

// The metadata of finney at spec 343, recorded by opentensor/bittensor v10.2.0 (MIT, see blob/NOTICE).
var (
	//go:embed blob/spec343-v14.scale.gz
	blobV14 []byte
	//go:embed blob/spec343-v15.scale.gz
	blobV15 []byte
)

// baseSpec is the version of the recorded runtime; each Upgrade adds one.
const (
	baseSpec    = 343
	txVersion   = 1
	runtimeName = "node-subtensor"
)

// runtime is one version of the chain's code as clients see it: the metadata they read, and the indices that follow from it.
type runtime struct {
	spec     uint32
	stateful bool
	v14, v15 []byte
	// version is the SCALE RuntimeVersion, apis the part of it that lists runtime APIs.
	version []byte
	apis    []apiVersion
	calls   map[[2]byte]string // (pallet, call) -> "Pallet.call"
	l       *layout
}

type apiVersion struct {
	id      [8]byte
	version uint32
}

// runtimes makes runtimes on demand and keeps them.
type runtimes struct {
	mu        sync.Mutex
	blockTime time.Duration
	stateful  bool
	v14, v15  *layout
	made      map[uint32]*runtime
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack metadata: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(z, 4<<20))
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack metadata: %w", err)
	}
	return b, nil
}

// unpacked parses the blobs once in a process; they are only read.
var unpacked = sync.OnceValues(func() ([2]*layout, error) {
	var ls [2]*layout
	for i, packed := range [][]byte{blobV14, blobV15} {
		b, err := unpack(packed)
		if err != nil {
			return ls, err
		}
		if ls[i], err = parseLayout(b); err != nil {
			return ls, err
		}
	}
	return ls, nil
})

// newRuntimes prepares the recorded runtime, or with stateful one that has the items of the epoch schedule of 2026 besides, all of them
// u64 by netuid. SubnetEpochConsensus, of which SDK 11 asks, is an enum there; 0 is its first case, Yuma.
func newRuntimes(blockTime time.Duration, stateful bool) (*runtimes, error) {
	ls, err := unpacked()
	if err != nil {
		return nil, err
	}
	if stateful {
		for i, l := range ls {
			b, err := l.extended("SubtensorModule", "BlocksSinceLastStep", "LastEpochBlock", "PendingEpochAt", "SubnetEpochIndex", "SubnetEpochConsensus")
			if err != nil {
				return nil, err
			}
			if ls[i], err = parseLayout(b); err != nil {
				return nil, err
			}
		}
	}
	rs := &runtimes{blockTime: blockTime, stateful: stateful, v14: ls[0], v15: ls[1], made: map[uint32]*runtime{}}
	_, err = rs.at(baseSpec)
	return rs, err
}

// at returns the runtime of a spec version.
func (rs *runtimes) at(spec uint32) (*runtime, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rt, ok := rs.made[spec]; ok {
		return rt, nil
	}
	if spec < baseSpec || spec > baseSpec+1000 {
		return nil, fmt.Errorf("couldn't make runtime: spec %d is not from %d on", spec, baseSpec)
	}
	rt := &runtime{spec: spec, stateful: rs.stateful, calls: map[[2]byte]string{}}
	var err error
	for _, form := range []struct {
		from *layout
		to   *[]byte
	}{{rs.v14, &rt.v14}, {rs.v15, &rt.v15}} {
		b := form.from.shuffled(int(spec-baseSpec), "SubtensorModule", "Commitments")
		if rt.l, err = parseLayout(b); err != nil {
			return nil, err
		}
		if rt.version, err = rs.patch(rt.l, spec); err != nil {
			return nil, err
		}
		*form.to = b
	}
	for name, p := range rt.l.pallets {
		for _, v := range rt.l.types[p.calls] {
			if p.calls != 0 {
				rt.calls[[2]byte{p.index, v.index}] = name + "." + v.name
			}
		}
	}
	rt.apis, err = apisOf(rt.version)
	rs.made[spec] = rt
	return rt, err
}

// patch writes the spec version and the block time over the constants System.Version, Aura.SlotDuration and Timestamp.MinimumPeriod,
// and returns the first of them.
func (rs *runtimes) patch(l *layout, spec uint32) ([]byte, error) {
	at, ok := l.constants["System.Version"]
	if !ok {
		return nil, fmt.Errorf("couldn't find the constant System.Version in the metadata")
	}
	version := l.blob[at.from:at.to]
	r := &reader{b: version}
	r.bytes()
	r.bytes()
	r.u32()
	if r.err != nil || r.left() < 4 {
		return nil, fmt.Errorf("couldn't read the constant System.Version: %w", errShort)
	}
	binary.LittleEndian.PutUint32(version[r.at:], spec)
	slot := slotMillis(rs.blockTime)
	for name, value := range map[string]uint64{"Aura.SlotDuration": slot, "Timestamp.MinimumPeriod": slot / 2} {
		if at, ok := l.constants[name]; ok && at.to-at.from == 8 {
			binary.LittleEndian.PutUint64(l.blob[at.from:], value)
		}
	}
	return version, nil
}

// slotMillis is the slot duration that clients are told; a chain that makes blocks on demand says the public chain's 12 s.
func slotMillis(blockTime time.Duration) uint64 {
	if blockTime < time.Millisecond {
		return 12_000
	}
	return uint64(blockTime.Milliseconds())
}

func apisOf(version []byte) ([]apiVersion, error) {
	r := &reader{b: version}
	r.bytes()
	r.bytes()
	r.take(12)
	apis := make([]apiVersion, r.count(12))
	for i := range apis {
		copy(apis[i].id[:], r.take(8))
		apis[i].version = r.u32()
	}
	r.take(5) // transaction version, system version
	return apis, r.end()
}

// event returns the two index bytes of an event.
func (rt *runtime) event(pallet, name string) []byte {
	p := rt.l.pallets[pallet]
	if p == nil {
		return []byte{255, 255}
	}
	v, _ := rt.l.variant(p.events, name)
	return []byte{p.index, v}
}

// failure returns the pallet index and the error index of an error.
func (rt *runtime) failure(pallet, name string) (byte, byte) {
	p := rt.l.pallets[pallet]
	if p == nil {
		return 255, 255
	}
	v, _ := rt.l.variant(p.fails, name)
	return p.index, v
}

// call returns the two index bytes of a call.
func (rt *runtime) call(pallet, name string) []byte {
	p := rt.l.pallets[pallet]
	if p == nil {
		return []byte{255, 255}
	}
	v, _ := rt.l.variant(p.calls, name)
	return []byte{p.index, v}
}
