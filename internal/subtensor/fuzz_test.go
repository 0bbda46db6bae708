package subtensor

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
)

// FuzzExtrinsic submits foreign bytes. Nothing may panic, and what is accepted must be the transaction that was signed.
func FuzzExtrinsic(f *testing.F) {
	cfg := testConfig()
	n := open(f, cfg)
	for _, call := range [][]byte{
		weightsCall(1, []uint16{1, 2}, []uint16{3, 4}, 5), commitmentCall(1, "seed"), registerCall(1, account{1}), axonCall(1, [16]byte{1}, 2, 4),
		body(18, 0, func(w *writer) { w.u16(1); w.compact(1); w.u8(134); w.bytes([]byte("x")); w.u64(1) }),
	} {
		f.Add(tx(f, n, 1, call))
		f.Add(tx(f, n, 1, call, mortal(f, n)))
	}
	f.Add(inherent(stateOf(n).rt, 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := parseExtrinsic(raw)
		if err == nil {
			w := writer{}
			w.raw([]byte{0x84, 0})
			w.account(x.signer)
			kind := byte(1)
			if x.ed25519 {
				kind = 0
			}
			w.u8(kind)
			w.raw(x.signature[:])
			w.raw(x.extra)
			w.raw(x.callBytes)
			out := writer{}
			if out.bytes(w.b); !bytes.Equal(out.b, raw) {
				t.Errorf("%x is written %x", raw, out.b)
			}
			_, _ = stateOf(n).rt.decodeCall(x.callBytes)
			_, _ = stateOf(n).rt.quote(raw)
		}
		if _, e := n.submit(raw, nil); e == nil && err != nil {
			t.Errorf("%x is accepted: %v", raw, err)
		}
	})
}

// FuzzCall runs foreign calls as if they were signed, on a state that is thrown away.
func FuzzCall(f *testing.F) {
	n := busy(f)
	base := stateOf(n)
	for name := range callReaders {
		for at, known := range base.rt.calls {
			if known == name {
				f.Add(append(at[:], make([]byte, 90)...), byte(1))
				f.Add(append(at[:], 1, 0, 4, 2, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), byte(2))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, actor byte) {
		c, err := base.rt.decodeCall(raw)
		if err != nil {
			return
		}
		s := newState(base.root, base.rt)
		s.number, s.now, s.phase = base.number+1, base.now+12_000, []byte{1}
		_ = c.run(s, key(actor).Public())
		s.sealEvents()
		s.changes()
	})
}

// FuzzFrame sends foreign frames. Every answer must be JSON.
func FuzzFrame(f *testing.F) {
	n := open(f, testConfig())
	for _, frame := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"state_call","params":["SubnetInfoRuntimeApi_get_selective_mechagraph","0x0100000400"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"state_call","params":["StakeInfoRuntimeApi_get_stake_info_for_coldkeys","0xfe"]}`,
		`[{"id":"x","method":"state_getKeysPaged","params":["0x",2,"0x26",null]}]`, `{"id":null,"method":"chain_getBlockHash","params":[[0,1]]}`,
		`{"id":1,"method":"author_submitAndWatchExtrinsic","params":["0x00"]}`, `{"id":1,"method":"state_subscribeStorage","params":[["0x00"]]}`,
		`{"id":1,"method":"chain_unsubscribeNewHeads","params":["a"]}`, `{"id":{},"method":"system_dryRun","params":["0x0284"]}`,
	} {
		f.Add([]byte(frame))
	}
	for name := range methods {
		frame, err := json.Marshal(map[string]any{"id": 1, "method": name, "params": []any{"0x00", 5, nil}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	for name := range apis {
		frame, err := json.Marshal(map[string]any{"id": 1, "method": "state_call", "params": []any{name, "0x01000001"}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := &socket{node: n, subs: map[string]*subscription{}, wake: make(chan struct{}, 1), room: make(chan struct{}, 1), cancel: func() {}}
		for _, a := range n.serve(c, frame) {
			if !json.Valid(a.text) {
				t.Errorf("%q is answered %q", frame, a.text)
			}
		}
		for id := range c.subs {
			c.unsubscribe(id)
		}
	})
}

// FuzzHeader and FuzzLayout read what lies on disk.
func FuzzHeader(f *testing.F) {
	n := open(f, testConfig())
	b := produce(f, n, 1)
	found, _ := n.byHash(hash(mustHex(f, b.Hash)))
	f.Add(found.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHeader(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Errorf("%x is written %x", b, h.encode())
		}
		_, _ = decodeChanges(b, nil)
		r := &reader{b: b}
		for r.err == nil && r.left() > 0 {
			if v := r.compact(); r.err == nil {
				var w writer
				if w.compact(v); !bytes.HasSuffix(b[:r.at], w.b) {
					t.Errorf("%d is not in its shortest form", v)
				}
			}
		}
	})
}

func FuzzLayout(f *testing.F) {
	ls, err := unpacked()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ls[0].blob[:600])
	f.Add([]byte("meta\x0e\x00\x00"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseLayout(b) })
}

// TestTreeAgainstMap compares the tree with a map under random changes, old versions included.
func TestTreeAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var root *tree
	model := map[string]string{}
	type version struct {
		root *tree
		keys []string
	}
	var versions []version
	list := func(root *tree, prefix, start string) (out []string) {
		root.scan(prefix, start, func(k string, v []byte) bool {
			out = append(out, k+"="+string(v))
			return true
		})
		return out
	}
	expect := func(prefix, start string) (out []string) {
		for k, v := range model {
			if len(k) >= len(prefix) && k[:len(prefix)] == prefix && (start == "" || k > start) {
				out = append(out, k+"="+v)
			}
		}
		slices.Sort(out)
		return out
	}
	for i := range 5000 {
		k := string([]byte{byte('a' + r.IntN(4)), byte('a' + r.IntN(26)), byte('a' + r.IntN(3))})
		if r.IntN(3) == 0 {
			root = root.del(k)
			delete(model, k)
		} else {
			v := string([]byte{byte(i), byte(i >> 8)})
			root = root.put(k, []byte(v))
			model[k] = v
		}
		if i%50 == 0 {
			versions = append(versions, version{root, list(root, "", "")})
			for _, prefix := range []string{"", "a", "cb", "zz"} {
				for _, start := range []string{"", "aaa", k} {
					if got, want := list(root, prefix, start), expect(prefix, start); !slices.Equal(got, want) {
						t.Fatalf("step %d, %q after %q: %v, expected %v", i, prefix, start, got, want)
					}
				}
			}
			if got, ok := root.get(k); ok != (model[k] != "") || string(got) != model[k] {
				t.Fatalf("%q is %q, expected %q", k, got, model[k])
			}
		}
	}
	for _, v := range versions {
		if !slices.Equal(list(v.root, "", ""), v.keys) {
			t.Fatal("an old version has changed")
		}
	}
}
