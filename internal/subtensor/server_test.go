package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// client is a bare WebSocket.
type client struct {
	t  testing.TB
	ws *websocket.Conn
	id int
}

func dial(t testing.TB, n *Node) *client {
	t.Helper()
	s := httptest.NewServer(n.Handler())
	t.Cleanup(s.Close)
	ws, _, err := websocket.Dial(t.Context(), s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t: t, ws: ws}
}

func (c *client) send(method string, args ...any) int {
	c.t.Helper()
	if args == nil {
		args = []any{}
	}
	c.id++
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": args})
	if err == nil {
		err = c.ws.Write(c.t.Context(), websocket.MessageText, frame)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return c.id
}

// message is an answer or a notification.
type message struct {
	ID     *int
	Result json.RawMessage
	Error  *rpcError
	Method string
	Params struct {
		Subscription string
		Result       json.RawMessage
	}
}

func (c *client) readRaw() ([]byte, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, frame, err := c.ws.Read(ctx)
	return frame, err
}

func (c *client) read() (m message) {
	c.t.Helper()
	frame, err := c.readRaw()
	if err == nil {
		err = json.Unmarshal(frame, &m)
	}
	if err != nil {
		c.t.Fatalf("%v in %.200s", err, frame)
	}
	return m
}

func TestSubscriptions(t *testing.T) {
	n := open(t, testConfig())
	c := dial(t, n)
	subscribe := func(method string, args ...any) string {
		t.Helper()
		c.send(method, args...)
		m := c.read()
		var id string
		if err := json.Unmarshal(m.Result, &id); err != nil || m.Error != nil {
			t.Fatalf("%s: %v %v", method, err, m.Error)
		}
		return id
	}
	number := func(m message) string {
		var h struct{ Number string }
		_ = json.Unmarshal(m.Params.Result, &h)
		return h.Number
	}
	heads := subscribe("chain_subscribeNewHeads")
	if m := c.read(); m.Method != "chain_newHead" || m.Params.Subscription != heads || number(m) != "0x0" {
		t.Errorf("%+v", m)
	}
	final := subscribe("chain_subscribeFinalizedHeads")
	if m := c.read(); m.Method != "chain_finalizedHead" || m.Params.Subscription != final || number(m) != "0x0" {
		t.Errorf("%+v", m)
	}
	storage := subscribe("state_subscribeStorage", []string{hexText([]byte(sysNumber)), hexText([]byte(sub("TaoWeight")))})
	if m := c.read(); m.Method != "state_storage" || m.Params.Subscription != storage || !bytes.Contains(m.Params.Result, []byte("0x00000000")) {
		t.Errorf("%+v", m)
	}
	version := subscribe("state_subscribeRuntimeVersion")
	if m := c.read(); m.Method != "state_runtimeVersion" || m.Params.Subscription != version {
		t.Errorf("%+v", m)
	}
	watch := subscribe("author_submitAndWatchExtrinsic", hexText(tx(t, n, 2, commitmentCall(1, "x"))))
	if m := c.read(); m.Method != "author_extrinsicUpdate" || m.Params.Subscription != watch || string(m.Params.Result) != `"ready"` {
		t.Errorf("%+v", m)
	}
	produce(t, n, 3)
	seen := map[string][]string{}
	for range 3 + 1 + 3 + 2 {
		m := c.read()
		text := number(m)
		switch m.Params.Subscription {
		case watch, storage:
			text = string(m.Params.Result)
		}
		seen[m.Params.Subscription] = append(seen[m.Params.Subscription], text)
	}
	if !slices.Equal(seen[heads], []string{"0x1", "0x2", "0x3"}) || !slices.Equal(seen[final], []string{"0x1"}) || len(seen[storage]) != 3 ||
		len(seen[watch]) != 2 || !strings.HasPrefix(seen[watch][1], `{"finalized"`) || strings.Contains(seen[storage][0], "TaoWeight") {
		t.Errorf("%v", seen)
	}
	c.send("chain_unsubscribeNewHeads", heads)
	if m := c.read(); string(m.Result) != "true" {
		t.Errorf("%+v", m)
	}
	c.send("chain_unsubscribeNewHeads", heads)
	if m := c.read(); string(m.Result) != "false" {
		t.Errorf("%+v", m)
	}
	n.Upgrade()
	produce(t, n, 1)
	var got []string
	for range 3 {
		got = append(got, c.read().Method)
	}
	if !slices.Contains(got, "state_runtimeVersion") || slices.Contains(got, "chain_newHead") {
		t.Errorf("%v", got)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.readRaw(); err == nil {
		t.Error("the socket outlives the node")
	}
	if len(n.subs) != 0 {
		t.Errorf("%d subscriptions are left", len(n.subs))
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	n := open(t, testConfig())
	f := n.Faults()
	t.Run("error", func(t *testing.T) {
		f.Add(Rule{Method: "author_submitExtrinsic", Code: 1014, Message: "Priority is too low", Skip: 1})
		call := commitmentCall(1, "x")
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 2, call)))
		if _, e := ask(t, n, "author_submitExtrinsic", hexText(tx(t, n, 3, call))); e == nil || e.Code != 1014 {
			t.Errorf("%v", e)
		}
		must[string](t, n, "author_submitExtrinsic", hexText(tx(t, n, 3, call)))
	})
	t.Run("null", func(t *testing.T) {
		remove := f.Add(Rule{Method: "chain_getBlockHash", Null: true, Times: -1})
		for range 3 {
			if got := must[any](t, n, "chain_getBlockHash", 0); got != nil {
				t.Errorf("%v", got)
			}
		}
		remove()
		if got := must[any](t, n, "chain_getBlockHash", 0); got == nil {
			t.Error("the rule is still there")
		}
	})
	t.Run("out of order", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{Method: "system_chain", Delay: 50 * time.Millisecond})
		late, early := c.send("system_chain"), c.send("system_name")
		if a, b := c.read(), c.read(); *a.ID != early || *b.ID != late {
			t.Errorf("%d, then %d", *a.ID, *b.ID)
		}
	})
	t.Run("silent", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{Method: "system_chain", Silent: true})
		c.send("system_chain")
		if want := c.send("system_name"); *c.read().ID != want {
			t.Error("a silent answer spoke")
		}
	})
	t.Run("drop", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{Method: "author_submitExtrinsic", Drop: true})
		c.send("author_submitExtrinsic", hexText(tx(t, n, 1, commitmentCall(1, "dropped"))))
		if m, err := c.readRaw(); err == nil {
			t.Errorf("%s", m)
		}
		if got := must[[]string](t, n, "author_pendingExtrinsics"); len(got) != 3 {
			t.Errorf("%d are pending: the request is carried out all the same", len(got))
		}
	})
	t.Run("half a frame", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{HalfFrame: 1000})
		c.send("state_getMetadata")
		m, err := c.readRaw()
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d bytes, %v", len(m), err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{Garbage: []byte("{{{")})
		c.send("system_chain")
		if m, err := c.readRaw(); err != nil || string(m) != "{{{" {
			t.Errorf("%s, %v", m, err)
		}
	})
	t.Run("oversize", func(t *testing.T) {
		c := dial(t, n)
		f.Add(Rule{Oversize: 3 << 20})
		c.send("system_chain")
		if m, err := c.readRaw(); err != nil || len(m) != 3<<20 || !json.Valid(m) {
			t.Errorf("%d bytes, %v", len(m), err)
		}
	})
	t.Run("early notification", func(t *testing.T) {
		c := dial(t, n)
		f.EarlyNotifications(true)
		id := c.send("chain_subscribeNewHeads")
		a, b := c.read(), c.read()
		if a.Method != "chain_newHead" || b.ID == nil || *b.ID != id || string(b.Result) != `"`+a.Params.Subscription+`"` {
			t.Errorf("%+v, then %+v", a, b)
		}
	})
	t.Run("notifications", func(t *testing.T) {
		f.DropAll() // rules count the notifications of all sockets, and those before may not be gone yet
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			n.mu.Lock()
			left := len(n.subs)
			n.mu.Unlock()
			if left == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d subscriptions are left", left)
			}
		}
		c := dial(t, n)
		f.EarlyNotifications(false)
		f.Add(Rule{Method: "chain_newHead", Silent: true})
		f.Add(Rule{Method: "chain_newHead", Skip: 1, Drop: true})
		id := c.send("chain_subscribeNewHeads")
		if m := c.read(); m.ID == nil || *m.ID != id {
			t.Errorf("%+v", m)
		}
		produce(t, n, 1)
		if m := c.read(); m.Method != "chain_newHead" {
			t.Errorf("%+v", m)
		}
		produce(t, n, 1) // only now: what waits when a socket is dropped is lost
		if m, err := c.readRaw(); err == nil {
			t.Errorf("%s", m)
		}
	})
	t.Run("all at once", func(t *testing.T) {
		c := dial(t, n)
		c.send("system_chain")
		c.read()
		f.DropAll()
		if _, err := c.readRaw(); err == nil {
			t.Error("the socket is open")
		}
	})
	t.Run("clear", func(t *testing.T) {
		f.Add(Rule{Times: -1, Null: true})
		f.HoldBlocks(true)
		f.Clear()
		if must[string](t, n, "system_chain") != "Bittensor" || f.held() || f.isEarly() {
			t.Error("a fault is left")
		}
	})
}

func TestFrames(t *testing.T) {
	n := open(t, testConfig())
	for frame, want := range map[string]string{
		`{`:                                 `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`7`:                                 `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}`,
		`{"id":"a"}`:                        `{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"Invalid request"}}`,
		`[]`:                                `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request","data":"a batch holds 1 to 100 requests"}}`,
		`[1]`:                               `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}]`,
		`[{`:                                `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		` {"id":1,"method":"system_chain"}`: `{"jsonrpc":"2.0","id":1,"result":"Bittensor"}`,
		`{"id":1,"method":"nothing"}`:       `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found","data":"nothing"}}`,
		`{"id":1,"method":"system_chain","params":{}}`:                        `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":"parameters are positional"}}`,
		`[{"id":1,"method":"system_chain"},{"id":2,"method":"system_chain"}]`: `[{"jsonrpc":"2.0","id":1,"result":"Bittensor"},{"jsonrpc":"2.0","id":2,"result":"Bittensor"}]`,
		`{"id":1,"method":"chain_subscribeNewHeads"}`:                         `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found","data":"subscriptions need a WebSocket of their own"}}`,
	} {
		answers := n.serve(nil, []byte(frame))
		if len(answers) != 1 || string(answers[0].text) != want {
			t.Errorf("%s is answered %v", frame, answers)
		}
	}
	if a := n.serve(nil, []byte(`{"method":"system_chain"}`)); len(a) != 0 {
		t.Errorf("a request without id is answered %v", a)
	}
	if a := n.serve(nil, []byte(`[{"method":"system_chain"}]`)); len(a) != 0 {
		t.Errorf("a batch without id is answered %v", a)
	}
}

func TestHTTP(t *testing.T) {
	n := open(t, testConfig())
	addr, err := n.Listen(":0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(addr.String(), "127.0.0.1:") {
		t.Errorf("listens on %s", addr)
	}
	r, err := http.Post("http://"+addr.String(), "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"system_chain","params":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != `{"jsonrpc":"2.0","id":1,"result":"Bittensor"}` || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, %v", b, err)
	}
	n.Faults().Add(Rule{Drop: true})
	if r, err := http.Post("http://"+addr.String(), "application/json", strings.NewReader(`{"id":1,"method":"system_chain"}`)); err == nil {
		r.Body.Close()
		t.Errorf("a dropped answer has status %s", r.Status)
	}
	if _, err := n.Listen(addr.String()); err == nil {
		t.Error("listens twice on one port")
	}
	if _, err := n.Listen("nowhere"); err == nil {
		t.Error("listens nowhere")
	}
}

func TestParameters(t *testing.T) {
	n := open(t, testConfig())
	head := produce(t, n, 3)
	unknown := "0x" + strings.Repeat("ab", 32)
	for _, c := range []struct {
		method string
		args   []any
		code   int // 0: the result is want
		want   string
	}{
		{"chain_getBlockHash", []any{3}, 0, `"` + head.Hash + `"`},
		{"chain_getBlockHash", []any{"0x3"}, 0, `"` + head.Hash + `"`},
		{"chain_getBlockHash", []any{[]int{3, 9}}, 0, `["` + head.Hash + `",null]`},
		{"chain_getBlockHash", []any{4}, 0, "null"},
		{"chain_getBlockHash", []any{-1}, codeParams, ""},
		{"chain_getBlockHash", []any{true}, codeParams, ""},
		{"chain_getHead", nil, 0, `"` + head.Hash + `"`},
		{"chain_getHeader", []any{unknown}, 0, "null"},
		{"chain_getHeader", []any{"0x12"}, codeParams, ""},
		{"chain_getHeader", []any{7}, codeParams, ""},
		{"chain_getBlock", []any{unknown}, 0, "null"},
		{"state_getStorage", nil, codeParams, ""},
		{"state_getStorage", []any{"0x77"}, 0, "null"},
		{"state_getStorage", []any{hexText([]byte(sysNumber)), nil}, 0, `"0x03000000"`},
		{"state_getStorageAt", []any{hexText([]byte(sysNumber)), n.GenesisHash()}, 0, `"0x00000000"`},
		{"state_getStorage", []any{"0x77", unknown}, codeClient, ""},
		{"state_getStorageSize", []any{hexText([]byte(sysNumber))}, 0, "4"},
		{"state_getStorageHash", []any{hexText([]byte(sysNumber))}, 0, `"` + blake256(le32(3)).String() + `"`},
		{"state_queryStorageAt", []any{[]string{"0x77"}}, 0, `[{"block":"` + head.Hash + `","changes":[["0x77",null]]}]`},
		{"state_queryStorageAt", []any{[]string{"77x"}}, codeParams, ""},
		{"state_getKeysPaged", []any{hexText([]byte(sysNumber)), 5}, 0, `["` + hexText([]byte(sysNumber)) + `"]`},
		{"state_getKeysPaged", []any{"0x", 1001}, 4002, ""},
		{"state_getKeysPaged", []any{"0x77", 10, nil, nil}, 0, "[]"},
		{"state_getKeys", []any{hexText([]byte(sysNumber))}, 0, `["` + hexText([]byte(sysNumber)) + `"]`},
		{"state_getKeys", []any{hexText([]byte(sysNumber)), unknown}, codeClient, ""},
		{"state_getKeys", []any{"no hex"}, codeParams, ""},
		{"state_call", []any{"Nothing_at_all", "0x"}, codeClient, ""},
		{"state_call", []any{"AccountNonceApi_account_nonce", "0x00"}, codeClient, ""},
		{"state_call", []any{"AccountNonceApi_account_nonce", strings.Repeat("00", 32)}, 0, `"0x00000000"`},
		{"state_call", []any{"Metadata_metadata_at_version", "0x10000000"}, 0, `"0x00"`},
		{"state_call", []any{"Metadata_metadata_versions", "0x"}, 0, `"0x080e0000000f000000"`},
		{"system_accountNextIndex", []any{"nonsense"}, codeParams, ""},
		{"system_health", nil, 0, `{"isSyncing":false,"peers":0,"shouldHavePeers":false}`},
		{"system_properties", nil, 0, `{"isEthereum":false,"ss58Format":42,"tokenDecimals":9,"tokenSymbol":"TAO"}`},
		{"author_submitExtrinsic", []any{"0x"}, codeMalformed, ""},
		{"author_submitExtrinsic", []any{"no hex"}, codeParams, ""},
		{"payment_queryInfo", []any{"0x1234"}, codeMalformed, ""},
		{"system_dryRun", []any{"0x1234"}, codeMalformed, ""},
	} {
		result, e := ask(t, n, c.method, c.args...)
		switch {
		case c.code == 0 && (e != nil || string(result) != c.want):
			t.Errorf("%s %v: %s, %v", c.method, c.args, result, e)
		case c.code != 0 && (e == nil || e.Code != c.code):
			t.Errorf("%s %v: %s, %v, expected code %d", c.method, c.args, result, e, c.code)
		}
	}
	var listed struct{ Methods []string }
	if err := json.Unmarshal(must[json.RawMessage](t, n, "rpc_methods"), &listed); err != nil {
		t.Fatal(err)
	}
	for _, m := range strings.Fields(`system_chain system_properties system_health rpc_methods chain_getHead chain_getBlockHash chain_getFinalizedHead
		chain_getHeader chain_getBlock chain_subscribeNewHeads chain_subscribeFinalizedHeads chain_unsubscribeNewHeads
		chain_unsubscribeFinalizedHeads state_getRuntimeVersion state_getMetadata state_call state_getStorage state_getStorageAt
		state_queryStorageAt state_getKeysPaged state_subscribeStorage state_subscribeRuntimeVersion account_nextIndex
		system_accountNextIndex author_submitExtrinsic author_submitAndWatchExtrinsic author_unwatchExtrinsic author_pendingExtrinsics
		payment_queryInfo`) {
		if !slices.Contains(listed.Methods, m) {
			t.Errorf("%s is not listed", m)
		}
	}
}

// TestKeysArePaged reads all keys in pages and compares them with the tree.
func TestKeysArePaged(t *testing.T) {
	n := busy(t)
	var all, want []string
	stateOf(n).root.scan(string(keys), "", func(k string, _ []byte) bool {
		want = append(want, hexText([]byte(k)))
		return true
	})
	var start any
	for {
		page := must[[]string](t, n, "state_getKeysPaged", hexText([]byte(keys)), 2, start)
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		start = page[len(page)-1]
	}
	if !slices.Equal(all, want) || len(all) != 6 || !slices.IsSorted(all) {
		t.Errorf("%d of %d keys", len(all), len(want))
	}
}

// TestSlowReaderIsDropped lets a client that reads nothing subscribe, and makes more notifications than may wait.
func TestSlowReaderIsDropped(t *testing.T) {
	n := open(t, testConfig())
	c := dial(t, n)
	big := strings.Repeat("ab", 1<<19)
	n.SetStorage(map[string][]byte{"big": []byte(big)})
	c.send("state_subscribeStorage", []string{hexText([]byte("big"))})
	c.read()
	for i := range 64 {
		n.SetStorage(map[string][]byte{"big": []byte(fmt.Sprint(i, big))})
		produce(t, n, 1)
	}
	n.mu.Lock()
	left := len(n.subs)
	n.mu.Unlock()
	for deadline := time.Now().Add(10 * time.Second); left > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		n.mu.Lock()
		left = len(n.subs)
		n.mu.Unlock()
	}
	if left != 0 {
		t.Errorf("%d subscriptions are left", left)
	}
}
