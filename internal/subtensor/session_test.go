package subtensor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/bittensor/timelock"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestRecordedSession does what a real runtime of spec 300 was asked to do - register, commit, serve an axon, set weights - and compares
// what both then have in their storage, and the events as far as their indices have not changed.
func TestRecordedSession(t *testing.T) {
	const file = "chain/rpc/session-spec300-runtime.jsonl"
	cfg := testConfig()
	p := cfg.Genesis.Subnets[0].Params
	p.StakeThreshold, p.WeightsRateLimit = 0, 0
	var n *Node
	var who account
	var failed string
	compared := 0
	lines := bufio.NewScanner(bytes.NewReader(vectortest.Open(t, file)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l struct {
			Request struct {
				Method string
				Params []json.RawMessage
			}
			Response struct{ Result json.RawMessage }
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		var text string
		if len(l.Request.Params) > 0 {
			_ = json.Unmarshal(l.Request.Params[0], &text)
		}
		switch l.Request.Method {
		case "author_submitExtrinsic":
			x, err := parseExtrinsic(mustHex(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if n == nil { // the real chain had one neuron before
				who = x.signer
				alice := ss58.EncodeBittensor(who)
				cfg.Genesis.Subnets = []Subnet{{NetUID: 1, Params: p, Neurons: []Neuron{{Hotkey: address(0)}}}}
				cfg.Genesis.Balances = map[string]uint64{alice: 1_000_000 * tao}
				n = open(t, cfg)
				produce(t, n, 1)
			}
			if hexText(x.id[:]) != string(bytes.Trim(l.Response.Result, `"`)) {
				t.Errorf("hash of %s is %s", text, x.id)
			}
			call, err := stateOf(n).rt.decodeCall(x.callBytes)
			if err != nil {
				failed = string(x.callBytes[:2]) // one that this runtime has no more
				continue
			}
			n.mu.Lock()
			b, dropped, err := n.execute(n.best, n.newest+12_000, nil)
			if err != nil || len(dropped) != 0 {
				t.Fatal(err)
			}
			rt, _ := n.runtimeOf(n.best.root)
			s := newState(b.root, rt)
			s.number, s.now, s.phase = b.number, b.time, []byte{0, 1, 0, 0, 0}
			s.apply(&pending{x: x, call: call})
			s.sealEvents()
			b.root = s.root
			n.adopt(b)
			n.mu.Unlock()
			failed = ""
		case "state_getStorage":
			key := mustHex(t, text)
			if n == nil || failed != "" {
				continue
			}
			var want string
			if err := json.Unmarshal(l.Response.Result, &want); err != nil {
				continue
			}
			got := value(t, n, string(key))
			compared++
			if string(key) == sysEvents.at() {
				events(t, mustHex(t, want), got)
				continue
			}
			if hexText(got) != want {
				t.Errorf("%s is %x, expected %s", text, got, want)
			}
		}
	}
	vectortest.Count(t, file, compared)
}

// events compares the records of a block's one transaction: those with unchanged indices, and class and Pays of the result.
func events(t *testing.T, want, got []byte) {
	t.Helper()
	phase := []byte{0, 1, 0, 0, 0}
	records := bytes.Split(want, phase)[1:]
	ours := bytes.Split(got, phase)[1:]
	if len(records) != len(ours) {
		t.Errorf("%d events, expected %d: %x, expected %x", len(ours), len(records), got, want)
		return
	}
	for i, r := range records {
		switch {
		case r[0] == 7 && r[1] > 28: // indices that moved between the specs
			r, ours[i] = r[2:], ours[i][2:]
		case r[0] == 0: // the weight is each runtime's own; class, Pays and topics are the last three bytes
			r, ours[i] = r[len(r)-3:], ours[i][len(ours[i])-3:]
		}
		if !bytes.Equal(r, ours[i]) {
			t.Errorf("event %d is %x, expected %x", i, ours[i], r)
		}
	}
}

// TestRecordedPulse gives the chain pulses of drand's own network instead of the test beacon's, and a ciphertext that a real runtime
// has decrypted.
func TestRecordedPulse(t *testing.T) {
	const file = "chain/timelock.json"
	var v struct {
		Tle []struct {
			Ciphertext, Plaintext, Signature string
			Round                            uint64
		} `json:"tle"`
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	for _, c := range v.Tle {
		n, pass := timed(t, func(cfg *Config) {
			cfg.Now = (&clock{now: timelock.Time(c.Round - 20)}).read
			cfg.Drand = Drand{PublicKey: timelock.Quicknet(), Pulse: func(round uint64) ([]byte, bool) {
				return mustHex(t, c.Signature), round == c.Round
			}}
		})
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, body(18, 0, func(w *writer) {
			w.u16(1)
			w.compact(1)
			w.u8(134)
			w.bytes(mustHex(t, c.Ciphertext))
			w.u64(c.Round)
		}))))
		pass(1)
		if failureIn(t, n) != "" {
			t.Fatal(failureIn(t, n))
		}
		n.cfg.Now = (&clock{now: timelock.Time(c.Round)}).read
		pass(1)
		got := value(t, n, revealedOf.note(1, key(2).Public()))
		if !bytes.Contains(got, mustHex(t, c.Plaintext)) {
			t.Errorf("revealed %x, expected %s", got, c.Plaintext)
		}
	}
	vectortest.Count(t, file, len(v.Tle))
}
