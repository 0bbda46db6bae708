package chain_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// world is a chain in memory, for simulations in which months pass in seconds: blocks with real hashes, a pool, nonces, eras and signatures, forks, and a
// runtime upgrade. Any number of nodes (simnode) show it to clients, each with its own faults. It speaks with the runtime's real metadata.
type world struct {
	mu       sync.Mutex
	rng      *rand.Rand
	runtimes []*simruntime // by upgrade
	current  int
	blocks   map[chain.Hash]*simblock
	best     *simblock
	genesis  *simblock
	pool     []*simtx
	nodes    []*simnode
	blobs    map[chain.Hash]int // included transactions by hash: how often
	texts    map[string]int     // commitments included, by their text
	extra    map[string][]byte  // further state, the same in all blocks
}

type simruntime struct {
	*metadata.Runtime
	spec uint32
	v15  bool
	blob []byte
}

type simblock struct {
	chain.Header
	parent  *simblock
	xts     [][]byte
	state   map[string][]byte
	rt      *simruntime
	nonces  map[[32]byte]uint64
	when    time.Time
	commits map[[32]byte][]byte
}

type simtx struct {
	raw    []byte
	hash   chain.Hash
	signer [32]byte
	nonce  uint64
	era    metadata.Era
	death  uint64
	call   metadata.Call
	watch  []func(status string)
}

// loadRuntime reads recorded metadata of finney.
func loadRuntime(t testing.TB, file string, spec uint32, v15 bool) *simruntime {
	t.Helper()
	blob := vectortest.Open(t, "chain/metadata/"+file)
	rt, err := metadata.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	return &simruntime{rt, spec, v15, blob}
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), blocks: map[chain.Hash]*simblock{}, blobs: map[chain.Hash]int{}, texts: map[string]int{}}
	w.runtimes = []*simruntime{
		loadRuntime(t, "finney-spec343-v15.scale", 343, true),
		loadRuntime(t, "finney-spec393-v16.scale", 393, false), // gives no version 15: clients take what state_getMetadata gives
	}
	w.genesis = w.block(nil, 0)
	w.best = w.genesis
	return w
}

// block makes the next block of a parent out of the pool.
func (w *world) block(parent *simblock, fork byte) *simblock {
	b := &simblock{parent: parent, rt: w.runtimes[w.current], nonces: map[[32]byte]uint64{}, commits: map[[32]byte][]byte{}, state: map[string][]byte{}, when: time.Now()}
	events := scale.Writer{}
	count := uint64(0)
	rt := b.rt
	if parent != nil {
		b.Number, b.Parent = parent.Number+1, parent.Hash
		rt = parent.rt // an upgrade counts from the state after this block
		for k, v := range parent.nonces {
			b.nonces[k] = v
		}
		for k, v := range parent.commits {
			b.commits[k] = v
		}
	}
	b.xts = append(b.xts, metadata.BareExtrinsic(mustKey(rt.Call("Timestamp", "set", uint64(b.when.UnixMilli())))))
	success := func(i int) {
		count++
		events.U8(0)
		events.U32(uint32(i))
		events.Raw(rt.event("System", "ExtrinsicSuccess", metadata.Struct{
			{Name: "weight", Value: metadata.Struct{{Name: "ref_time", Value: uint64(1)}, {Name: "proof_size", Value: uint64(1)}}},
			{Name: "class", Value: "Normal"}, {Name: "pays_fee", Value: "Yes"}})...)
		events.Compact(0)
	}
	success(0)
	var rest []*simtx
	for _, tx := range w.pool {
		switch {
		case tx.nonce != b.nonces[tx.signer] || len(b.xts) > 50:
			if tx.nonce >= b.nonces[tx.signer] && b.Number < tx.death {
				rest = append(rest, tx)
			} else if tx.nonce >= b.nonces[tx.signer] {
				tx.tell(`"invalid"`)
			}
			continue
		case b.Number >= tx.death:
			tx.tell(`"invalid"`)
			continue
		}
		b.nonces[tx.signer]++
		success(len(b.xts))
		b.xts = append(b.xts, tx.raw)
		w.blobs[tx.hash]++
		if tx.call.Name == "set_commitment" {
			text, _ := textOf(tx)
			b.commits[tx.signer] = []byte(text)
			w.texts[text]++
		}
		defer func() { tx.tell(`{"inBlock":"` + b.Hash.String() + `"}`) }()
	}
	w.pool = rest
	b.state[string(mustKey(rt.StorageKey("System", "Events")))] = append(scale.AppendCompact(nil, count), events...)
	b.state[string(mustKey(rt.StorageKey("System", "Number")))] = binary.LittleEndian.AppendUint32(nil, uint32(b.Number))
	b.state[string(mustKey(rt.StorageKey("Timestamp", "Now")))] = binary.LittleEndian.AppendUint64(nil, uint64(b.when.UnixMilli()))
	b.StateRoot = blake2b.Sum256(fmt.Appendf(nil, "%d %d %d", b.Number, fork, w.rng.Uint64()))
	b.ExtrinsicsRoot = b.StateRoot
	w.rehash(b)
	return b
}

func (w *world) rehash(b *simblock) {
	h := metadata.Header{Parent: b.Parent, Number: b.Number, StateRoot: b.StateRoot, ExtrinsicsRoot: b.ExtrinsicsRoot}
	b.Hash = h.Hash()
	w.blocks[b.Hash] = b
}

// textOf returns what a set_commitment commits.
func textOf(tx *simtx) (string, bool) {
	info, _ := tx.call.Args.Get("info").(metadata.Struct)
	fields, _ := info.Get("fields").([]any)
	if len(fields) == 0 {
		return "", false
	}
	v, _ := fields[0].(metadata.Variant)
	b, ok := v.Value().([]byte)
	return string(b), ok
}

func mustKey(k []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return k
}

// event encodes an event.
func (r *simruntime) event(pallet, name string, fields ...any) []byte {
	p, err := r.Pallet(pallet)
	if err != nil {
		panic(err)
	}
	for _, v := range p.Events() {
		if v.Name == name {
			b := []byte{p.Index, v.Index}
			for i, m := range v.Members {
				if b, err = r.AppendEncode(b, m.Type, fields[i]); err != nil {
					panic(err)
				}
			}
			return b
		}
	}
	panic(name)
}

// step makes a block, or takes some back and makes more, and tells the nodes.
func (w *world) step(reorg int) {
	w.mu.Lock()
	parent := w.best
	for range reorg {
		if parent.Number == 0 || parent.Number+2 <= w.best.Number-uint64(min(reorg, 2)) {
			break
		}
		for _, raw := range parent.xts[1:] { // back to the pool
			if tx := w.decode(raw, parent.parent.rt); tx != nil {
				w.blobs[tx.hash]--
				if text, ok := textOf(tx); ok {
					w.texts[text]--
				}
				w.pool = append(w.pool, tx)
			}
		}
		parent = parent.parent
	}
	top := w.best.Number
	for n := parent.Number; n <= top; n++ {
		parent = w.block(parent, byte(reorg))
	}
	w.best = parent
	// Old blocks go.
	old := w.best
	for range 300 {
		if old.parent == nil {
			break
		}
		old = old.parent
	}
	if old.parent != nil && old.parent != w.genesis {
		delete(w.blocks, old.parent.Hash)
		old.parent = w.genesis
	}
	nodes := w.nodes
	head := w.best
	w.mu.Unlock()
	for _, n := range nodes {
		n.newHead(head)
	}
}

func (w *world) at(n uint64) *simblock {
	b := w.best
	for b != nil && b.Number > n {
		b = b.parent
	}
	if b == nil || b.Number != n {
		return nil
	}
	return b
}

func (w *world) finalized() *simblock { return w.at(w.best.Number - min(w.best.Number, 2)) }

func (tx *simtx) tell(status string) {
	for _, f := range tx.watch {
		go f(status)
	}
}

func (w *world) decode(raw []byte, rt *simruntime) *simtx {
	x, err := rt.DecodeExtrinsic(raw)
	if err != nil || !x.Signed {
		return nil
	}
	return &simtx{raw: raw, hash: x.Hash, signer: x.Signer, nonce: x.Nonce, era: x.Era, call: x.Call, death: x.Era.Death(w.best.Number)}
}

// submit checks a transaction as a pool does.
func (w *world) submit(raw []byte, watch func(string)) (chain.Hash, *simerror) {
	rt := w.best.rt
	x, err := rt.DecodeExtrinsic(raw)
	if err != nil {
		return chain.Hash{}, &simerror{1010, "Invalid Transaction", "Transaction has a bad signature"}
	}
	tx := w.decode(raw, rt)
	birth := w.at(x.Era.Birth(w.best.Number))
	if birth == nil {
		return tx.hash, &simerror{1010, "Invalid Transaction", "Transaction has an ancient birth block"}
	}
	payload, err := rt.Payload(metadata.Transaction{Call: x.CallBytes, Era: x.Era, EraBlockHash: birth.Hash, Nonce: x.Nonce, Tip: x.Tip,
		SpecVersion: rt.spec, TransactionVersion: 1, Genesis: w.genesis.Hash})
	if err != nil || !verify(x.Signer, metadata.SignedMessage(payload), x.Signature) {
		return tx.hash, &simerror{1010, "Invalid Transaction", "Transaction has a bad signature"}
	}
	if tx.nonce < w.best.nonces[tx.signer] {
		return tx.hash, &simerror{1010, "Invalid Transaction", "Transaction is outdated"}
	}
	for _, p := range w.pool {
		switch {
		case p.hash == tx.hash:
			return tx.hash, &simerror{1013, "Transaction is already imported", nil}
		case p.signer == tx.signer && p.nonce == tx.nonce:
			return tx.hash, &simerror{1014, "Priority is too low", nil}
		}
	}
	if watch != nil {
		tx.watch = append(tx.watch, watch)
	}
	w.pool = append(w.pool, tx)
	tx.tell(`"ready"`)
	return tx.hash, nil
}

func (w *world) nextIndex(account [32]byte) uint64 {
	n := w.best.nonces[account]
	for {
		found := false
		for _, p := range w.pool {
			found = found || p.signer == account && p.nonce == n
		}
		if !found {
			return n
		}
		n++
	}
}

type simerror struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (b *simblock) json() map[string]any {
	return map[string]any{"parentHash": b.Parent, "number": fmt.Sprintf("0x%08x", b.Number), "stateRoot": b.StateRoot, "extrinsicsRoot": b.ExtrinsicsRoot,
		"digest": map[string]any{"logs": []string{}}}
}

// answer is what a node that keeps `kept` blocks of state says. The caller holds the world's lock.
func (w *world) answer(n *simnode, method string, params []json.RawMessage, watch func(string)) (any, *simerror) {
	arg := func(i int) (s string) {
		if i < len(params) {
			_ = json.Unmarshal(params[i], &s)
		}
		return s
	}
	bytes := func(i int) []byte {
		s := arg(i)
		if len(s) < 2 {
			return nil
		}
		b, _ := hex.DecodeString(s[2:])
		return b
	}
	best := n.view()
	block := func(i int) (*simblock, *simerror) {
		if arg(i) == "" {
			return best, nil
		}
		h, err := chain.ParseHash(arg(i))
		b := w.blocks[h]
		if err != nil || b == nil || b.Number > best.Number {
			return nil, &simerror{4003, "Client error: UnknownBlock: Header was not found in the database", nil}
		}
		return b, nil
	}
	state := func(i int) (*simblock, *simerror) {
		b, e := block(i)
		if e == nil && !n.archive && b.Number+250 < best.Number {
			return nil, &simerror{4003, "Client error: State already discarded for " + b.Hash.String(), nil}
		}
		return b, e
	}
	switch method {
	case "chain_getBlockHash":
		var num uint64
		if len(params) > 0 {
			_ = json.Unmarshal(params[0], &num)
		}
		if num == 0 {
			return n.genesis(), nil
		}
		if b := w.at(num); b != nil && num <= best.Number {
			return b.Hash, nil
		}
		return nil, nil
	case "chain_getFinalizedHead":
		return w.finalized().Hash, nil
	case "chain_getHeader":
		b, e := block(0)
		if e != nil {
			return nil, nil
		}
		return b.json(), nil
	case "chain_getBlock":
		b, e := block(0)
		if e != nil {
			return nil, nil
		}
		xts := []string{}
		for _, x := range b.xts {
			xts = append(xts, "0x"+hex.EncodeToString(x))
		}
		return map[string]any{"block": map[string]any{"header": b.json(), "extrinsics": xts}, "justifications": nil}, nil
	case "state_getRuntimeVersion":
		b, e := state(0)
		if e != nil {
			return nil, e
		}
		return map[string]any{"specVersion": b.rt.spec, "transactionVersion": 1}, nil
	case "state_getMetadata":
		b, e := state(0)
		if e != nil {
			return nil, e
		}
		return "0x" + hex.EncodeToString(b.rt.blob), nil
	case "state_call":
		b, e := state(2)
		if e != nil {
			return nil, e
		}
		if o := n.override[arg(0)]; o != "" {
			return o, nil
		}
		if arg(0) != "Metadata_metadata_at_version" || !b.rt.v15 {
			return "0x00", nil
		}
		return "0x01" + hex.EncodeToString(append(scale.AppendCompact(nil, uint64(len(b.rt.blob))), b.rt.blob...)), nil
	case "state_getStorage":
		b, e := state(1)
		if e != nil {
			return nil, e
		}
		if v := w.storage(b, bytes(0)); v != nil {
			return "0x" + hex.EncodeToString(v), nil
		}
		return nil, nil
	case "state_queryStorageAt":
		b, e := state(1)
		if e != nil {
			return nil, e
		}
		var keys []string
		_ = json.Unmarshal(params[0], &keys)
		changes := [][2]any{}
		for _, k := range keys {
			raw, _ := hex.DecodeString(k[2:])
			var v any
			if s := w.storage(b, raw); s != nil {
				v = "0x" + hex.EncodeToString(s)
			}
			changes = append(changes, [2]any{k, v})
		}
		return []any{map[string]any{"block": b.Hash, "changes": changes}}, nil
	case "account_nextIndex":
		a, err := ss58.DecodeBittensor(arg(0))
		if err != nil {
			return nil, &simerror{-32602, err.Error(), nil}
		}
		return w.nextIndex(a), nil
	case "author_submitExtrinsic", "author_submitAndWatchExtrinsic":
		h, e := w.submit(bytes(0), watch)
		return h, e
	}
	return nil, &simerror{-32601, "Method not found", nil}
}

// storage answers for the few items that the simulation has.
func (w *world) storage(b *simblock, key []byte) []byte {
	if v, ok := b.state[string(key)]; ok {
		return v
	}
	if v, ok := w.extra[string(key)]; ok {
		return v
	}
	if len(key) == 32+16+32 { // System.Account: hasher and account at the end
		var a [32]byte
		copy(a[:], key[48:])
		if k, _ := b.rt.StorageKey("System", "Account", a); string(k) == string(key) {
			out := binary.LittleEndian.AppendUint32(nil, uint32(b.nonces[a]))
			return append(out, make([]byte, 12+8*3+16)...)
		}
	}
	if len(key) == 32+2+16+32 { // SubtensorModule.Uids: everybody is uid 3
		var a [32]byte
		copy(a[:], key[50:])
		if k, _ := b.rt.StorageKey("SubtensorModule", "Uids", uint16(1), a); string(k) == string(key) {
			return []byte{3, 0}
		}
	}
	return nil
}
