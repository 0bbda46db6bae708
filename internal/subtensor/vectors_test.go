package subtensor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := unhex("0x" + strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatalf("%v in %.80q", err, s)
	}
	return b
}

func TestCompactVectors(t *testing.T) {
	const file = "chain/scale.json"
	var v struct {
		Source  string
		Compact []struct{ Value, Hex string }
		Typed   []json.RawMessage
	}
	vectortest.Decode(t, file, &v)
	n := 0
	for _, c := range v.Compact {
		value, err := strconv.ParseUint(c.Value, 10, 64)
		if err != nil {
			continue // wider than this node's amounts
		}
		n++
		var w writer
		if w.compact(value); hexText(w.b) != c.Hex {
			t.Errorf("%s is written %x, expected %s", c.Value, w.b, c.Hex)
		}
		r := &reader{b: mustHex(t, c.Hex)}
		if got := r.compact(); r.end() != nil || got != value {
			t.Errorf("%s is read as %d, %v", c.Hex, got, r.err)
		}
	}
	vectortest.Count(t, file, n)
}

func TestEraVectors(t *testing.T) {
	const file = "chain/eras.json"
	var v struct {
		Source   string
		Immortal string
		Mortal   []struct {
			Period, Current, Birth, Death uint64
			Hex                           string
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Mortal {
		r := &reader{b: mustHex(t, c.Hex)}
		e := r.era()
		if r.end() != nil || e.birth(c.Current) != c.Birth || e.death(c.Current) != c.Death {
			t.Errorf("%s at %d: %+v, birth %d, death %d, expected %+v", c.Hex, c.Current, e, e.birth(c.Current), e.death(c.Current), c)
		}
	}
	r := &reader{b: mustHex(t, v.Immortal)}
	if e := r.era(); e != (era{}) || r.end() != nil {
		t.Errorf("immortal is %+v", e)
	}
	vectortest.Count(t, file, len(v.Mortal)+1)
}

// TestStorageKeyVectors compares the keys of every item that the node serves.
func TestStorageKeyVectors(t *testing.T) {
	const file = "chain/storage_keys.json"
	var v struct {
		Source string
		Items  []struct {
			Metadata, Pallet, Item string
			Hashers                []string
			Args                   []any
			Key, Prefix            string
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Items {
		if got := []byte(itemOf(c.Pallet, c.Item)); !strings.HasPrefix(c.Key, hexText(got)) {
			t.Errorf("%s.%s: prefix %x, expected %s", c.Pallet, c.Item, got, c.Prefix)
			continue
		}
		key, ok := itemOf(c.Pallet, c.Item), true
		var parts [][]byte
		for i, h := range c.Hashers {
			var arg []byte
			switch a := c.Args[i].(type) {
			case float64:
				arg = le64(uint64(a))[:2]
				if c.Pallet == "System" {
					arg = le64(uint64(a))[:4]
				}
				ok = ok && c.Pallet != "Drand"
			case string:
				if arg = nil; strings.HasPrefix(a, "0x") {
					arg = mustHex(t, a)
				}
			}
			ok = ok && arg != nil
			switch h {
			case "Identity":
			case "Blake2_128Concat":
				arg = blake128Concat(arg)
			case "Twox64Concat":
				arg = twox64Concat(arg)
			default:
				ok = false
			}
			parts = append(parts, arg)
		}
		// numbers of other widths than the node uses show in the length
		if got := hexText([]byte(key.at(parts...))); ok && len(got) == len(c.Key) && got != c.Key {
			t.Errorf("%s.%s %v: key %s, expected %s", c.Pallet, c.Item, c.Args, got, c.Key)
		}
	}
	vectortest.Count(t, file, len(v.Items))
}

// TestCallVectors decodes the recorded calls with the runtime's indices.
func TestCallVectors(t *testing.T) {
	const file = "chain/calls.json"
	var v struct {
		Source string
		Items  []struct {
			Metadata, Pallet, Function string
			Args                       json.RawMessage
			Call                       string
		}
	}
	vectortest.Decode(t, file, &v)
	rs, err := newRuntimes(0, false)
	if err != nil {
		t.Fatal(err)
	}
	rt, err := rs.at(baseSpec)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range v.Items {
		name := c.Pallet + "." + c.Function
		raw := mustHex(t, c.Call)
		if got := rt.calls[[2]byte(raw[:2])]; got != name && strings.Contains(c.Metadata, "343") {
			t.Errorf("%s has the name %s", c.Call, got)
		}
		if _, ours := callReaders[name]; !ours || rt.calls[[2]byte(raw[:2])] != name {
			continue
		}
		n++
		if got, err := rt.decodeCall(raw); err != nil || got.name != name {
			t.Errorf("%s %s: %q, %v", name, c.Args, got.name, err)
		}
		for _, wrong := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0)} {
			if _, err := rt.decodeCall(wrong); err == nil {
				t.Errorf("%s is accepted as %x", name, wrong)
			}
		}
	}
	vectortest.Count(t, file, n)
}

// TestExtrinsicVectors takes signed transactions apart and verifies them.
func TestExtrinsicVectors(t *testing.T) {
	const file = "chain/extrinsics.json"
	var v struct {
		Source string
		Items  []struct {
			Name, Signer               string
			PublicKey                  string `json:"public_key"`
			SpecVersion                uint32 `json:"spec_version"`
			TransactionVersion         uint32 `json:"transaction_version"`
			GenesisHash                string `json:"genesis_hash"`
			EraBlockHash               string `json:"era_block_hash"`
			Era                        string
			Nonce                      uint32
			Tip                        json.Number
			MetadataHashMode           byte    `json:"metadata_hash_mode"`
			MetadataHash               *string `json:"metadata_hash"`
			Call, Signature, Extrinsic string
			PayloadRaw                 string `json:"payload_raw"`
			PayloadLen                 int    `json:"payload_len"`
			SignedMessage              string `json:"signed_message"`
			ExtrinsicHash              string `json:"extrinsic_hash"`
		}
	}
	vectortest.Decode(t, file, &v)
	for _, c := range v.Items {
		x, err := parseExtrinsic(mustHex(t, c.Extrinsic))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if hexText(x.signer[:]) != c.PublicKey || x.nonce != c.Nonce || fmt.Sprint(x.tip) != c.Tip.String() || x.metaMode != c.MetadataHashMode ||
			hexText(x.callBytes) != c.Call || hexText(x.signature[:]) != c.Signature || x.id.String() != c.ExtrinsicHash {
			t.Errorf("%s: %+v", c.Name, x)
		}
		genesis, birth := hash(mustHex(t, c.GenesisHash)), hash(mustHex(t, c.EraBlockHash))
		if x.metaMode != 0 {
			continue // the node refuses them, as a runtime without a metadata hash does
		}
		if !x.signed(c.SpecVersion, genesis, birth) {
			t.Errorf("%s: the signature does not verify", c.Name)
		}
		if x.signed(c.SpecVersion+1, genesis, birth) || x.signed(c.SpecVersion, hash{1}, birth) || x.signed(c.SpecVersion, genesis, hash{1}) {
			t.Errorf("%s: the signature verifies for another chain", c.Name)
		}
	}
	vectortest.Count(t, file, len(v.Items))
}

// TestHeaderVector encodes a header that a real node made.
func TestHeaderVector(t *testing.T) {
	const file = "chain/localnet_spec438.json"
	var v struct {
		Block struct {
			Number uint64
			Hash   string
			Header struct {
				ParentHash, Number, StateRoot, ExtrinsicsRoot string
				Digest                                        struct{ Logs []string }
			}
			Timestamp struct {
				Hex string
				Now uint64 `json:"now_ms"`
			} `json:"timestamp_extrinsic"`
			Scale string `json:"header_scale"`
		}
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	b := v.Block
	h := header{parent: hash(mustHex(t, b.Header.ParentHash)), number: b.Number, stateRoot: hash(mustHex(t, b.Header.StateRoot)),
		extrinsicsRoot: hash(mustHex(t, b.Header.ExtrinsicsRoot))}
	for _, l := range b.Header.Digest.Logs {
		h.logs = append(h.logs, mustHex(t, l))
	}
	if got := hexText(h.encode()); got != b.Scale {
		t.Errorf("header is %s, expected %s", got, b.Scale)
	}
	if h.hash().String() != b.Hash {
		t.Errorf("hash is %s, expected %s", h.hash(), b.Hash)
	}
	rs, err := newRuntimes(0, false)
	if err != nil {
		t.Fatal(err)
	}
	rt, err := rs.at(baseSpec)
	if err != nil {
		t.Fatal(err)
	}
	if got := hexText(inherent(rt, b.Timestamp.Now)); got != b.Timestamp.Hex {
		t.Errorf("inherent is %s, expected %s", got, b.Timestamp.Hex)
	}
	vectortest.Count(t, file, 1)
}

func TestUpscaleVectors(t *testing.T) {
	const file = "chain/weights.json"
	var v struct {
		Upscale []struct{ Submitted, Stored [][2]uint16 } `json:"chain_max_upscale"`
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Upscale {
		var in, want []uint16
		for i := range c.Submitted {
			in, want = append(in, c.Submitted[i][1]), append(want, c.Stored[i][1])
		}
		if got := upscale(in); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v becomes %v, expected %v", in, got, want)
		}
	}
	vectortest.Count(t, file, len(v.Upscale))
}

// TestEpochVectors runs the node's own schedule until the block in which a commit made after the recorded head is revealed.
func TestEpochVectors(t *testing.T) {
	const file = "chain/epoch_schedule.json"
	var v struct {
		Stateful []struct {
			Name  string
			State struct {
				LastEpochBlock   uint64 `json:"last_epoch_block"`
				PendingEpochAt   uint64 `json:"pending_epoch_at"`
				SubnetEpochIndex uint64 `json:"subnet_epoch_index"`
				Tempo            uint16
				Since            uint64 `json:"blocks_since_last_step"`
				CurrentBlock     uint64 `json:"current_block"`
			}
			RevealPeriodEpochs uint64  `json:"reveal_period_epochs"`
			FirstRevealBlock   *uint64 `json:"first_reveal_block"`
			Error              *string
		}
		Legacy []struct {
			CurrentBlock       uint64 `json:"current_block"`
			Netuid, Tempo      uint16
			RevealPeriodEpochs uint64 `json:"reveal_period_epochs"`
			FirstRevealBlock   uint64 `json:"first_reveal_block"`
		} `json:"legacy_modular_v9_v10"`
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	first := func(stateful bool, netuid uint16, start uint64, period uint64, prepare func(s *state)) uint64 {
		s := newState(nil, &runtime{stateful: stateful, l: &layout{}})
		prepare(s)
		s.number = start + 1
		if stateful {
			s.stepSchedule(netuid)
		}
		commit := s.epochIndex(netuid)
		for s.epochIndex(netuid) != commit+period {
			s.number++
			if stateful {
				s.stepSchedule(netuid)
			}
		}
		return s.number
	}
	n := 0
	for _, c := range v.Stateful {
		if c.FirstRevealBlock == nil {
			continue // no epoch ever comes
		}
		n++
		got := first(true, 1, c.State.CurrentBlock, c.RevealPeriodEpochs, func(s *state) {
			s.putU16(tempo.net(1), c.State.Tempo)
			s.putU64(lastEpoch.net(1), c.State.LastEpochBlock)
			s.putU64(pendingEpoch.net(1), c.State.PendingEpochAt)
			s.putU64(epochNumber.net(1), c.State.SubnetEpochIndex)
			s.putU64(sinceLastStep.net(1), c.State.Since)
		})
		if got != *c.FirstRevealBlock {
			t.Errorf("%s: block %d, expected %d", c.Name, got, *c.FirstRevealBlock)
		}
	}
	for _, c := range v.Legacy {
		n++
		s := newState(nil, &runtime{})
		s.putU16(tempo.net(c.Netuid), c.Tempo)
		epoch := s.epochOf(c.Netuid, c.CurrentBlock) + c.RevealPeriodEpochs
		s.number = c.FirstRevealBlock
		if s.epochIndex(c.Netuid) != epoch || s.epochOf(c.Netuid, c.FirstRevealBlock-1) != epoch-1 {
			t.Errorf("%+v: epoch %d begins elsewhere", c, epoch)
		}
	}
	vectortest.Count(t, file, n)
}

// TestMetagraphVector reads a metagraph of 1,024 neurons that finney answered, field by field as the node writes them, and writes it
// again.
func TestMetagraphVector(t *testing.T) {
	raw := vectortest.Open(t, "chain/rpc/finney343-selective_mechagraph-netuid1.scale")
	if len(raw) > 2 && string(raw[:2]) == "0x" {
		raw = mustHex(t, string(bytes.TrimSpace(raw)))
	}
	r, w := &reader{b: raw}, &writer{}
	w.bool(r.bool())
	fields := 0
	for i, c := range selectiveShape {
		if i > 0 {
			there := r.bool()
			if w.bool(there); !there {
				continue
			}
		}
		c.copy(r, w)
		fields++
	}
	if err := r.end(); err != nil {
		t.Fatalf("%v at byte %d of %d", err, r.at, len(raw))
	}
	if !bytes.Equal(raw, w.b) {
		t.Error("the metagraph is written differently")
	}
	// the node's own answer has the same shape
	n := open(t, testConfig())
	all := writer{}
	all.u16(1)
	all.u8(0)
	all.compact(uint64(len(selectiveFields)))
	for i := range selectiveFields {
		all.u16(uint16(i))
	}
	own := &reader{b: runtimeCall(t, n, "SubnetInfoRuntimeApi_get_selective_mechagraph", all.b)}
	own.bool()
	for i, c := range selectiveShape {
		if i > 0 && !own.bool() {
			t.Errorf("field %d is absent", i)
			continue
		}
		c.copy(own, &writer{})
	}
	if err := own.end(); err != nil {
		t.Errorf("the node's metagraph: %v at byte %d of %d", err, own.at, len(own.b))
	}
	vectortest.Count(t, "chain/rpc/finney343-selective_mechagraph-netuid1.scale", fields)
}

// shape copies one value from a reader to a writer, decoding it on the way.
type shape string

// selectiveShape are the fields of SelectiveMetagraph at spec 343: c a compact, b a bool, a an account, t text of compact bytes,
// B bytes, x an axon, 16 sixteen bytes; ? before an option, v before a sequence.
var selectiveShape = func() []shape {
	text := `c t t ?I c a a c c c c c c c c c c c c c c 16 c c c c c c c c c c c c b b c c c c c c c c c c b c b c c c
		va va v?D vx vb vb vc vc vc vc vc vc vc vc vc vc vc vc vp vp vc vn`
	var out []shape
	for _, f := range strings.Fields(text) {
		out = append(out, shape(f))
	}
	return out
}()

func (s shape) copy(r *reader, w *writer) {
	switch s[0] {
	case 'v':
		n := r.count(1)
		w.compact(uint64(n))
		for range n {
			s[1:].copy(r, w)
		}
	case '?':
		there := r.bool()
		if w.bool(there); there {
			s[1:].copy(r, w)
		}
	case 'c':
		w.compact(r.compact())
	case 'b':
		w.bool(r.bool())
	case 'a':
		w.account(r.account())
	case 't':
		shape("vc").copy(r, w)
	case 'p':
		w.account(r.account())
		w.compact(r.compact())
	case 'n':
		w.account(r.account())
		shape("vc").copy(r, w)
	case 'x':
		w.raw(r.take(34))
	case 'I', 'D':
		for range map[byte]int{'I': 8, 'D': 7}[s[0]] {
			w.bytes(r.bytes())
		}
	case '1':
		w.raw(r.take(16))
	}
}

// TestRecordedAnswers compares the forms of the node's answers with those of real ones: the same keys, the same kinds of values.
func TestRecordedAnswers(t *testing.T) {
	const file = "chain/rpc_fixtures.json"
	var v struct {
		Source, Licence, Note string
		Items                 []struct {
			Case, Method string
			Params       []any
			Result       any
		}
	}
	raw := vectortest.Open(t, file)
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	n := open(t, testConfig())
	produce(t, n, 3)
	head := n.Head()
	count := 0
	for _, c := range v.Items {
		params := make([]any, len(c.Params))
		copy(params, c.Params)
		for i, p := range params {
			if text, ok := p.(string); ok && len(text) == 66 {
				params[i] = head.Hash
			}
			if _, ok := p.(float64); ok && c.Method == "chain_getBlockHash" {
				params[i] = head.Number
			}
		}
		if strings.HasPrefix(c.Method, "state_getStorage") || c.Method == "state_call" {
			continue // other state; the shapes are text
		}
		count++
		var got any
		result, e := ask(t, n, c.Method, params...)
		if e != nil {
			t.Errorf("%s %v: %v", c.Method, params, e)
			continue
		}
		if err := json.Unmarshal(result, &got); err != nil {
			t.Fatal(err)
		}
		if d := differ("", c.Result, got); d != "" {
			t.Errorf("%s: %s", c.Method, d)
		}
	}
	vectortest.Count(t, file, count)
}

// differ says where two JSON values have different keys or kinds.
func differ(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %T, expected an object", path, got)
		}
		for k := range w {
			if _, ok := g[k]; !ok {
				return path + "." + k + " is missing"
			}
			if d := differ(path+"."+k, w[k], g[k]); d != "" {
				return d
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			return fmt.Sprintf("%s is %T, expected an array", path, got)
		}
		if len(w) > 0 && len(g) > 0 {
			return differ(path+"[0]", w[0], g[0])
		}
	default:
		if fmt.Sprintf("%T", want) != fmt.Sprintf("%T", got) {
			return fmt.Sprintf("%s is %T, expected %T", path, got, want)
		}
	}
	return ""
}

// TestNames looks up every name that the source says to refuse, emit or decode, and every storage item with its hashers.
func TestNames(t *testing.T) {
	ls, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	source := map[string]string{}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			b, err := os.ReadFile(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			source[e.Name()] = string(b)
		}
	}
	stateful := map[string]bool{"LastEpochBlock": true, "PendingEpochAt": true, "SubnetEpochIndex": true}
	checked := 0
	for name, text := range source {
		for _, m := range nameUses.FindAllStringSubmatch(text, -1) {
			if m[1] == "itemOf" && m[3] == "" {
				continue // the helper sub
			}
			checked++
			for _, l := range ls {
				pallet, found := m[2], false
				switch {
				case m[1] == "s.emit":
					_, found = l.variant(l.pallets[pallet].events, m[3])
				case m[1] == "itemOf":
					_, found = l.pallets[pallet].items[m[3]]
				case m[1] == "sub":
					_, found = l.pallets["SubtensorModule"].items[m[2]]
					found = found || stateful[m[2]]
				case name == "commitments.go":
					_, found = l.variant(l.pallets["Commitments"].fails, m[2])
				default:
					_, found = l.variant(l.pallets["SubtensorModule"].fails, m[2])
				}
				if !found {
					t.Errorf("%s: %s is not in the metadata", name, m[0])
				}
			}
		}
	}
	for name := range callReaders {
		pallet, call, _ := strings.Cut(name, ".")
		if _, ok := ls[0].variant(ls[0].pallets[pallet].calls, call); !ok {
			t.Errorf("call %s is not in the metadata", name)
		}
	}
	if checked < 150 {
		t.Errorf("only %d names were found in the source", checked)
	}
}

// TestHashers compares the keys of all that a busy chain stores with the hashers of the metadata.
func TestHashers(t *testing.T) {
	ls, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	n := busy(t)
	items := map[string][]byte{}
	names := map[string]string{}
	for pallet, p := range ls[1].pallets {
		for name, it := range p.items {
			items[string(itemOf(pallet, name))] = it.hashers
			names[string(itemOf(pallet, name))] = pallet + "." + name
		}
	}
	seen := map[string]bool{}
	stateOf(n).root.scan("", "", func(key string, value []byte) bool {
		if key == codeKey {
			return true
		}
		hashers, ok := items[key[:32]]
		if !ok {
			t.Errorf("key %x is of no item", key)
			return true
		}
		seen[names[key[:32]]] = true
		rest := []byte(key[32:])
		for i, h := range hashers {
			// the last key's length is what is left; keys before it are a netuid or an account
			size := len(rest)
			if head := map[byte]int{2: 16, 5: 8, 6: 0}[h]; i < len(hashers)-1 {
				size = head + 2
				if h == 2 && !bytes.Equal(blake128(rest[16:18]), rest[:16]) {
					size = head + 32
				}
				if h == 6 && names[key[:32]] == "SubtensorModule.LastTxBlock" {
					size = 32
				}
			}
			part := rest[:size]
			rest = rest[size:]
			switch h {
			case 2:
				ok = len(part) > 16 && bytes.Equal(blake128(part[16:]), part[:16])
			case 5:
				ok = len(part) > 8 && bytes.Equal(xx64(part[8:], 0), part[:8])
			case 6:
				ok = len(part) > 0
			default:
				ok = false
			}
			if !ok {
				t.Errorf("%s: key %x does not follow hasher %d (%d)", names[key[:32]], key, i, h)
				return true
			}
		}
		if len(rest) != 0 {
			t.Errorf("%s: key %x is too long", names[key[:32]], key)
		}
		return true
	})
	if len(seen) < 60 {
		t.Errorf("only %d items were seen", len(seen))
	}
}

var nameUses = regexp.MustCompile(`(s\.emit|itemOf|\bsub|\brefuse)\("(\w+)"(?:, "(\w+)")?`)
