package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// key makes the keypair of a test's n-th actor.
func key(n byte) sr25519.Keypair { return sr25519.NewKeypair([32]byte{n, 'n', 'o', 'd', 'e'}) }

func address(n byte) string { return ss58.EncodeBittensor(key(n).Public()) }

const tao = 1_000_000_000

// testConfig is a subnet 1 with five neurons, of which the first two have stake; actor 100 is everybody's coldkey and rich.
func testConfig() Config {
	p := DefaultHyperparameters()
	p.Tempo, p.WeightsRateLimit, p.ServingRateLimit, p.ImmunityPeriod = 10, 5, 3, 5
	g := Genesis{Name: "test", Balances: map[string]uint64{address(100): 1000 * tao}}
	s := Subnet{NetUID: 1, Name: "nanteos", Symbol: "ν", Params: p, Owner: address(100)}
	for i := range byte(5) {
		n := Neuron{Hotkey: address(i), Coldkey: address(100)}
		if i < 2 {
			n.Stake = uint64(i+1) * 100 * tao
		}
		s.Neurons = append(s.Neurons, n)
	}
	g.Subnets = []Subnet{s}
	return Config{Genesis: g}
}

func open(t testing.TB, cfg Config) *Node {
	t.Helper()
	n, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func produce(t testing.TB, n *Node, blocks int) Block {
	t.Helper()
	var b Block
	for range blocks {
		var err error
		if b, err = n.Produce(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// ask calls a method as the server does and returns the result as JSON, or the error.
func ask(t testing.TB, n *Node, method string, args ...any) (json.RawMessage, *rpcError) {
	t.Helper()
	if args == nil {
		args = []any{}
	}
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": args})
	if err != nil {
		t.Fatal(err)
	}
	answers := n.serve(nil, frame)
	if len(answers) != 1 {
		t.Fatalf("%s: %d answers", method, len(answers))
	}
	var a struct {
		Jsonrpc string
		ID      int
		Result  json.RawMessage
		Error   *rpcError
	}
	d := json.NewDecoder(bytes.NewReader(answers[0].text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%s: %v in %s", method, err, answers[0].text)
	}
	if a.Jsonrpc != "2.0" || a.ID != 7 {
		t.Fatalf("%s: answer %s", method, answers[0].text)
	}
	return a.Result, a.Error
}

// must calls a method that must not fail and decodes its result.
func must[T any](t testing.TB, n *Node, method string, args ...any) (v T) {
	t.Helper()
	result, e := ask(t, n, method, args...)
	if e != nil {
		t.Fatalf("%s: %v", method, e)
	}
	if err := json.Unmarshal(result, &v); err != nil {
		t.Fatalf("%s: %v in %s", method, err, result)
	}
	return v
}

// runtimeCall calls a runtime API and returns the SCALE result.
func runtimeCall(t testing.TB, n *Node, api string, args []byte, at ...any) []byte {
	t.Helper()
	b, err := unhex(must[string](t, n, "state_call", append([]any{api, hexText(args)}, at...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// value reads a storage entry.
func value(t testing.TB, n *Node, key string) []byte {
	t.Helper()
	text := must[*string](t, n, "state_getStorage", hexText([]byte(key)))
	if text == nil {
		return nil
	}
	b, err := unhex(*text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// txOption changes how a transaction is made.
type txOption func(*txParts)

type txParts struct {
	era     []byte
	birth   hash
	nonce   uint64
	tip     uint64
	spec    uint32
	genesis hash
	mode    byte
}

// tx signs a call with an actor's key, by the specification and not by the code under test but for its integers.
func tx(t testing.TB, n *Node, actor byte, call []byte, options ...txOption) []byte {
	t.Helper()
	p := txParts{era: []byte{0}, spec: baseSpec, genesis: n.genesis, birth: n.genesis}
	p.nonce = must[uint64](t, n, "system_accountNextIndex", address(actor))
	for _, o := range options {
		o(&p)
	}
	var extra, implicit writer
	extra.raw(p.era)
	extra.compact(p.nonce)
	extra.compact(p.tip)
	extra.u8(p.mode)
	implicit.u32(p.spec)
	implicit.u32(1)
	implicit.raw(p.genesis[:])
	implicit.raw(p.birth[:])
	implicit.u8(0)
	payload := append(append(append([]byte{}, call...), extra.b...), implicit.b...)
	if len(payload) > 256 {
		h := blake256(payload)
		payload = h[:]
	}
	signature, err := key(actor).Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	w := writer{}
	w.raw([]byte{0x84, 0})
	w.account(key(actor).Public())
	w.u8(1)
	w.raw(signature[:])
	w.raw(extra.b)
	w.raw(call)
	out := writer{}
	out.bytes(w.b)
	return out.b
}

// body builds a call from its indices and arguments.
func body(pallet, index byte, args func(w *writer)) []byte {
	w := &writer{b: []byte{pallet, index}}
	args(w)
	return w.b
}

func weightsCall(netuid uint16, dests, values []uint16, version uint64) []byte {
	return body(7, 0, func(w *writer) {
		w.u16(netuid)
		for _, l := range [][]uint16{dests, values} {
			w.compact(uint64(len(l)))
			for _, v := range l {
				w.u16(v)
			}
		}
		w.u64(version)
	})
}

func commitmentCall(netuid uint16, text string) []byte {
	return body(18, 0, func(w *writer) {
		w.u16(netuid)
		w.compact(1)
		w.u8(byte(len(text) + 1))
		w.raw([]byte(text))
	})
}

func TestFirstLife(t *testing.T) {
	n := open(t, testConfig())
	submit := func(actor byte, call []byte) {
		t.Helper()
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, actor, call)))
	}
	submit(1, weightsCall(1, []uint16{2, 3}, []uint16{100, 50}, 0))
	submit(2, commitmentCall(1, "hello commitments"))
	produce(t, n, 1)
	if got := value(t, n, weights.netUID(1, 1)); !bytes.Equal(got, []byte{8, 2, 0, 255, 255, 3, 0, 0, 128}) {
		t.Errorf("weights are %x", got)
	}
	if got := value(t, n, commitmentOf.note(1, key(2).Public())); hexText(got) != "0x0000000000000000010000000412"+"68656c6c6f20636f6d6d69746d656e7473" {
		t.Errorf("commitment is %x", got)
	}
	produce(t, n, 10)
	if got := value(t, n, incentive.net(1)); got[0] != 5<<2 || bytes.Equal(got[1:], make([]byte, 10)) {
		t.Errorf("incentive is %x", got)
	}
	raw := runtimeCall(t, n, "NeuronInfoRuntimeApi_get_neurons_lite", le16(1))
	if raw[0] != 5<<2 {
		t.Errorf("%d neurons", raw[0]>>2)
	}
}
