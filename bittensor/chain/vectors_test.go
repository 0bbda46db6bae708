package chain_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// exchange is a recorded request and its answer.
type exchange struct {
	method string
	params []json.RawMessage
	result json.RawMessage
	fail   json.RawMessage
}

// replay serves recorded exchanges, in order, over a real WebSocket. A request other than the recorded one is answered with an error.
func replay(t *testing.T, list []exchange) *rpc.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(1 << 20)
		for _, x := range list {
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			var q struct {
				ID     json.RawMessage   `json:"id"`
				Method string            `json:"method"`
				Params []json.RawMessage `json:"params"`
			}
			if err := json.Unmarshal(b, &q); err != nil {
				t.Error(err)
			}
			answer := map[string]any{"jsonrpc": "2.0", "id": q.ID}
			switch {
			case q.Method != x.method || !same(q.Params, x.params):
				answer["error"] = map[string]any{"code": -1, "message": "not the recorded request: " + string(b)}
			case x.fail != nil:
				answer["error"] = x.fail
			default:
				answer["result"] = x.result
			}
			out, _ := json.Marshal(answer)
			if c.Write(r.Context(), websocket.MessageText, out) != nil {
				return
			}
		}
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	c, err := rpc.New(rpc.Options{URL: "ws" + strings.TrimPrefix(s.URL, "http")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func same(a, b any) bool {
	ja, _ := json.Marshal(a)
	jb, _ := json.Marshal(b)
	var va, vb any
	_ = json.Unmarshal(ja, &va)
	_ = json.Unmarshal(jb, &vb)
	if va == nil || vb == nil {
		return va == nil && vb == nil || reflect.DeepEqual(va, []any{}) || reflect.DeepEqual(vb, []any{})
	}
	return reflect.DeepEqual(va, vb)
}

// talk replays exchanges through a client and compares what it gives.
func talk(t *testing.T, list []exchange) {
	t.Helper()
	c := replay(t, list)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, x := range list {
		params := make([]any, len(x.params))
		for j, p := range x.params {
			params[j] = p
		}
		got, err := c.Call(ctx, x.method, params...)
		if x.fail != nil {
			var e *rpc.Error
			var want rpc.Error
			_ = json.Unmarshal(x.fail, &want)
			if !errors.As(err, &e) || e.Code != want.Code || e.Message != want.Message {
				t.Errorf("exchange %d, %s: %v, want %s", i, x.method, err, x.fail)
			}
			continue
		}
		if err != nil || !same(got, x.result) {
			t.Errorf("exchange %d, %s: %.200s, %v", i, x.method, got, err)
		}
	}
}

func TestRecordedFixtures(t *testing.T) {
	const file = "chain/rpc_fixtures.json"
	var v struct {
		Source, Licence, Note string
		Items                 []struct {
			Case, Method string
			Params       []json.RawMessage
			Result       json.RawMessage
		}
	}
	vectortest.Decode(t, file, &v)
	var list []exchange
	hashes := 0
	for _, i := range v.Items {
		list = append(list, exchange{method: i.Method, params: i.Params, result: i.Result})
		if i.Method != "chain_getHeader" {
			continue
		}
		// The recording mixes blocks of several times: a header whose hash is asked for elsewhere by another block's isn't compared.
		var h chain.Header
		if err := json.Unmarshal(i.Result, &h); err != nil {
			t.Errorf("%s: %v", i.Case, err)
		}
		if string(i.Params[0]) == `"`+h.Hash.String()+`"` {
			hashes++
		}
	}
	if hashes == 0 {
		t.Error("no header hashes to the block that was asked for")
	}
	t.Logf("%d headers hash to the block that was asked for", hashes)
	talk(t, list)
	vectortest.Count(t, file, len(v.Items))
}

func TestRecordedSession(t *testing.T) {
	const file = "chain/rpc/session-spec300-runtime.jsonl"
	var list []exchange
	lines := bufio.NewScanner(bytes.NewReader(vectortest.Open(t, file)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var v struct {
			Request struct {
				ID      int
				Jsonrpc string
				Method  string
				Params  []json.RawMessage
			}
			Response struct {
				ID            int
				Jsonrpc       string
				Result, Error json.RawMessage
			}
		}
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		x := exchange{method: v.Request.Method, params: v.Request.Params, result: v.Response.Result, fail: v.Response.Error}
		if v.Request.Params == nil {
			x.params = []json.RawMessage{}
		}
		list = append(list, x)
	}
	talk(t, list)
	vectortest.Count(t, file, len(list))
}

func TestRecordedMetagraph(t *testing.T) {
	const file = "chain/metagraph_finney343.json"
	type axon struct {
		Block        uint64
		Version      uint32
		IP           json.Number
		Port         uint16
		IPType       uint8
		Protocol     uint8
		Placeholder1 uint8
		Placeholder2 uint8
	}
	var v struct {
		Source, Licence, API string
		Args                 string `json:"args_hex"`
		BlockHash            string `json:"block_hash"`
		BlockNumber          uint64 `json:"block_number"`
		ResultFile           string `json:"result_file"`
		ResultSHA            string `json:"result_sha256"`
		ResultLen            int    `json:"result_len"`
		Metadata, Note       string
		Expected             struct {
			Hotkeys, Coldkeys                                     []string
			Active, ValidatorPermit                               []bool
			PruningScore, Dividends, Incentives, Consensus, Trust []uint16
			Rank                                                  []uint16
			LastUpdate, Emission, BlockAtRegistration             []uint64
			AlphaStake, TaoStake, TotalStake                      []uint64
			Axons                                                 []axon
			Scalars                                               map[string]any
			Name                                                  string `json:"name_utf8"`
			Symbol                                                string `json:"symbol_utf8"`
			Identity                                              any
		}
	}
	vectortest.Decode(t, file, &v)
	blob := vectortest.Open(t, "chain/"+v.ResultFile)

	w := newWorld(t, 1)
	n := w.node("a")
	w.mu.Lock()
	w.best = w.block(w.genesis, 0) // the block of the recording
	w.best.Number, w.best.Parent = v.BlockNumber, w.genesis.Hash
	w.rehash(w.best)
	w.mu.Unlock()
	n.override = map[string]string{"SubnetInfoRuntimeApi_get_selective_mechagraph": "0x" + hex.EncodeToString(blob)}
	c, ctx := dial(t, chain.Config{Network: n.url(), Socket: rpc.Options{Dial: w.dialer()}})
	m := must(must(c.Best(ctx))(t).Metagraph(ctx, 1))(t)

	e := &v.Expected
	if m.Name != e.Name || m.Block != v.BlockNumber || len(m.Neurons) != len(e.Hotkeys) || ss58.EncodeBittensor(m.OwnerHotkey) != e.Scalars["ownerHotkey"] ||
		float64(m.Tempo) != e.Scalars["tempo"] {
		t.Errorf("%q, block %d, %d neurons, tempo %d", m.Name, m.Block, len(m.Neurons), m.Tempo)
	}
	for i, got := range m.Neurons {
		a := e.Axons[i]
		ip, _ := new(big.Int).SetString(a.IP.String(), 10)
		want := chain.Neuron{UID: uint16(i), Hotkey: account(t, e.Hotkeys[i]), Coldkey: account(t, e.Coldkeys[i]), Active: e.Active[i],
			ValidatorPermit: e.ValidatorPermit[i], LastUpdate: e.LastUpdate[i], RegisteredAt: e.BlockAtRegistration[i], Stake: e.TotalStake[i],
			AlphaStake: e.AlphaStake[i], TaoStake: e.TaoStake[i], Incentive: e.Incentives[i], Consensus: e.Consensus[i], Trust: e.Trust[i], Rank: e.Rank[i],
			Dividends: e.Dividends[i], Emission: e.Emission[i], Axon: got.Axon}
		if got != want {
			t.Fatalf("neuron %d: got %+v, want %+v", i, got, want)
		}
		if got.Axon.Block != a.Block || got.Axon.Version != a.Version || got.Axon.Protocol != a.Protocol || got.Axon.Address.Port() != a.Port {
			t.Errorf("axon %d: got %+v, want %+v", i, got.Axon, a)
		}
		if a.IPType == 4 && ip.Sign() != 0 {
			b := got.Axon.Address.Addr().As4()
			if new(big.Int).SetBytes(b[:]).Cmp(ip) != 0 {
				t.Errorf("axon %d: address %s, want %s", i, got.Axon.Address, ip)
			}
		}
	}
	vectortest.Count(t, file, len(m.Neurons))
}

func account(t *testing.T, address string) [32]byte {
	t.Helper()
	a, err := ss58.DecodeBittensor(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRecordedHeader(t *testing.T) {
	const file = "chain/localnet_spec438.json"
	var v struct {
		Block struct {
			Number int
			Hash   string
			Header json.RawMessage
		}
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &v); err != nil {
		t.Fatal(err)
	}
	var h chain.Header
	if err := json.Unmarshal(v.Block.Header, &h); err != nil {
		t.Fatal(err)
	}
	if h.Hash.String() != v.Block.Hash || h.Number != uint64(v.Block.Number) {
		t.Errorf("block %d hashes to %s, want %s", h.Number, h.Hash, v.Block.Hash)
	}
	vectortest.Count(t, file, 1)
}
