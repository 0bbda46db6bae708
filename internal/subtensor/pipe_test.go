package subtensor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// TestSimulatedDay follows the heads of a node for a day of simulated time, over a socket in the process, with an answer that takes an
// hour.
func TestSimulatedDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.BlockTime = 12 * time.Second
		n, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{DialContext: n.Dial}
		ws, _, err := websocket.Dial(t.Context(), "ws://node", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
		if err != nil {
			t.Fatal(err)
		}
		n.Faults().Add(Rule{Method: "system_name", Delay: time.Hour})
		for _, frame := range []string{`{"id":1,"method":"chain_subscribeNewHeads"}`, `{"id":2,"method":"system_name"}`} {
			if err := ws.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		heads, late := 0, time.Duration(0)
		for heads < 7200 {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			_, frame, err := ws.Read(ctx)
			cancel()
			if err != nil {
				t.Fatalf("after %d heads: %v", heads, err)
			}
			var m message
			if err := json.Unmarshal(frame, &m); err != nil {
				t.Fatal(err)
			}
			if m.Method == "chain_newHead" {
				heads++
			} else if m.ID != nil && *m.ID == 2 {
				late = time.Since(start)
			}
		}
		if got := time.Since(start); got < 23*time.Hour || got > 25*time.Hour || late != time.Hour {
			t.Errorf("%s for a day, %s for an hour", got, late)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		_ = ws.CloseNow()
		transport.CloseIdleConnections()
		if _, err := n.Dial(t.Context(), "", ""); err == nil {
			t.Error("a closed node accepts")
		}
	})
}

func Example() {
	alice := address(1)
	n, err := Open(context.Background(), Config{Genesis: Genesis{
		Name:     "example",
		Subnets:  []Subnet{{NetUID: 1, Neurons: []Neuron{{Hotkey: alice, Stake: 1_000_000_000_000}}}},
		Balances: map[string]uint64{alice: 5_000_000_000},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer n.Close()
	addr, err := n.Listen("127.0.0.1:0") // clients use "ws://" + addr.String()
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := n.Produce(context.Background())
	fmt.Println(addr.Network(), b.Number, err)
	// Output: tcp 1 <nil>
}
