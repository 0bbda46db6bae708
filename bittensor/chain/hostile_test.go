package chain_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
)

// alone runs f with a world of one node, a block every 12 s, and a client of it.
func alone(t *testing.T, f func(t *testing.T, w *world, n *simnode, c *chain.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 11)
		n := w.node("a")
		for range 20 {
			w.step(0)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-time.After(12 * time.Second):
					w.step(0)
				case <-ctx.Done():
					return
				}
			}
		}()
		c, err := chain.Dial(ctx, chain.Config{Network: n.url(), EraPeriod: 8, Socket: rpc.Options{Dial: w.dialer()}})
		if err != nil {
			t.Fatal(err)
		}
		f(t, w, n, c)
		cancel()
		<-stopped
		_ = c.Close()
		time.Sleep(time.Minute)
	})
}

// TestNonsenseIsRefused: a node's answers that can't be are errors that name it, and never values.
func TestNonsenseIsRefused(t *testing.T) {
	key64 := "0x" + zeros64()
	header := `{"parentHash":"` + key64 + `","number":"0x7","stateRoot":"0x11` + key64[4:] + `","extrinsicsRoot":"` + key64 + `","digest":{"logs":[]}}`
	read := func(f func(v *chain.View) error) func(ctx context.Context, c *chain.Client, v *chain.View) error {
		return func(_ context.Context, _ *chain.Client, v *chain.View) error { return f(v) }
	}
	var number uint32
	bg := context.Background()
	tests := []struct {
		name    string
		answers map[string]string
		call    func(ctx context.Context, c *chain.Client, v *chain.View) error
	}{
		{"header of another block", map[string]string{"chain_getHeader": header}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Header(ctx, v.Header.Hash)
			return err
		}},
		{"header without parent", map[string]string{"chain_getHeader": `{"number":"0x5"}`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Header(ctx, chain.Hash{})
			return err
		}},
		{"header with a number beyond all", map[string]string{"chain_getHeader": `{"number":"0x1ffffffffffffffff"}`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Header(ctx, chain.Hash{})
			return err
		}},
		{"header is a text", map[string]string{"chain_getHeader": `"0x00"`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Header(ctx, chain.Hash{})
			return err
		}},
		{"digest isn't hex", map[string]string{"chain_getHeader": `{"parentHash":"0x11` + key64[4:] + `","number":"0x5","stateRoot":"0x11` + key64[4:] + `","extrinsicsRoot":"` + key64 + `","digest":{"logs":["zz"]}}`},
			func(ctx context.Context, c *chain.Client, v *chain.View) error {
				_, err := c.Header(ctx, chain.Hash{})
				return err
			}},
		{"short block hash", map[string]string{"chain_getBlockHash": `"0x1234"`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.BlockHash(ctx, 3)
			return err
		}},
		{"finalized head is a number", map[string]string{"chain_getFinalizedHead": `5`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.FinalizedHash(ctx)
			return err
		}},
		{"another block", map[string]string{"chain_getBlock": `{"block":{"header":` + header + `,"extrinsics":[]}}`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Block(ctx, v.Header.Hash)
			return err
		}},
		{"value isn't hex", map[string]string{"state_getStorage": `"0xzz"`}, read(func(v *chain.View) error { return v.Storage(bg, &number, "System", "Number") })},
		{"value is an object", map[string]string{"state_getStorage": `{}`}, read(func(v *chain.View) error { return v.Storage(bg, &number, "System", "Number") })},
		{"value too short", map[string]string{"state_getStorage": `"0x01"`}, read(func(v *chain.View) error { return v.Storage(bg, &number, "System", "Number") })},
		{"value too long", map[string]string{"state_getStorage": `"0x0102030405"`}, read(func(v *chain.View) error { return v.Storage(bg, &number, "System", "Number") })},
		{"batch without the keys", map[string]string{"state_queryStorageAt": `[{"changes":[]}]`}, read(func(v *chain.View) error { _, err := v.Epochs(bg, 1); return err })},
		{"batch is null", map[string]string{"state_queryStorageAt": `null`}, read(func(v *chain.View) error { _, err := v.Epochs(bg, 1); return err })},
		{"batch of numbers", map[string]string{"state_queryStorageAt": `[{"changes":[[1,2]]}]`}, read(func(v *chain.View) error { _, err := v.Epochs(bg, 1); return err })},
		{"keys of another map", map[string]string{"state_getKeysPaged": `["0x1234"]`}, read(func(v *chain.View) error { _, err := v.Commitments(bg, 1); return err })},
		{"keys aren't hex", map[string]string{"state_getKeysPaged": `["nonsense"]`}, read(func(v *chain.View) error { _, err := v.Commitments(bg, 1); return err })},
		{"keys are an object", map[string]string{"state_getKeysPaged": `{}`}, read(func(v *chain.View) error { _, err := v.Commitments(bg, 1); return err })},
		{"metagraph cut off", map[string]string{"state_call": `"0x0104"`}, read(func(v *chain.View) error { _, err := v.Metagraph(bg, 1); return err })},
		{"metagraph null", map[string]string{"state_call": `null`}, read(func(v *chain.View) error { _, err := v.Metagraph(bg, 1); return err })},
		{"nonce is a text", map[string]string{"account_nextIndex": `"many"`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Submit(ctx, key(0), remark("x"), chain.SubmitOptions{})
			return err
		}},
		{"nonce beyond 32 bits", map[string]string{"account_nextIndex": `4294967296`}, func(ctx context.Context, c *chain.Client, v *chain.View) error {
			_, err := c.Submit(ctx, key(0), remark("x"), chain.SubmitOptions{})
			return err
		}},
		{"fee is a list", map[string]string{"payment_queryInfo": `[]`}, read(func(v *chain.View) error { _, err := v.Fee(bg, key(0).Public(), remark("x")); return err })},
		{"dry run of nothing", map[string]string{"system_dryRun": `"0x"`}, read(func(v *chain.View) error { _, err := v.DryRun(bg, key(0), remark("x")); return err })},
	}
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		v, err := c.Best(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			n.answer(test.answers)
			begin := time.Now()
			err := test.call(t.Context(), c, v)
			var e *chain.EndpointError
			if named := errors.As(err, &e) && e.Endpoint == n.url(); err == nil || !named && test.name != "dry run of nothing" {
				t.Errorf("%s: %v", test.name, err)
			}
			if took := time.Since(begin); took > 31*time.Second {
				t.Errorf("%s: took %s", test.name, took)
			}
		}
		n.answer(nil)
		if err := v.Storage(t.Context(), &number, "System", "Number"); err != nil || uint64(number) != v.Header.Number {
			t.Errorf("afterwards: %d, %v", number, err)
		}
	})
}

func zeros64() string { return fmt.Sprintf("%064d", 0) }

func remark(text string) chain.Call {
	return chain.Call{Pallet: "System", Name: "remark", Args: []any{[]byte(text)}}
}

func TestKeysArePaged(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		v, err := c.Best(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		prefix, err := v.Runtime.StorageKey("Commitments", "CommitmentOf", uint16(1))
		if err != nil {
			t.Fatal(err)
		}
		const all = 2345
		name := func(i int) string { return fmt.Sprintf("0x%x%08x", prefix, i) }
		endless, unordered := false, false
		n.mu.Lock()
		n.hook = func(method string, params []json.RawMessage) (any, *simerror, bool) {
			if method != "state_getKeysPaged" {
				return nil, nil, false
			}
			var after string
			_ = json.Unmarshal(params[2], &after)
			first := 0
			if after != "" {
				raw, _ := hex.DecodeString(after[2:])
				for _, b := range raw[len(raw)-4:] {
					first = first<<8 | int(b)
				}
				first++
			}
			page := []string{}
			for i := first; i < first+1000 && (i < all || endless); i++ {
				page = append(page, name(i))
			}
			if unordered && len(page) > 1 {
				page[0], page[1] = page[1], page[0]
			}
			return page, nil, true
		}
		n.mu.Unlock()
		keys, err := v.Keys(t.Context(), prefix)
		if err != nil || len(keys) != all {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		unordered = true
		if _, err := v.Keys(t.Context(), prefix); !errors.Is(err, chain.ErrAnswer) {
			t.Error(err)
		}
		unordered, endless = false, true
		if _, err := v.Keys(t.Context(), prefix); !errors.Is(err, chain.ErrAnswer) {
			t.Error(err)
		}
	})
}

// TestOneBadCommitmentHarmsNoOther: a variant that the runtime doesn't describe spoils its own commitment only.
func TestOneBadCommitmentHarmsNoOther(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		v, err := c.Best(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]string{}
		names := []string{}
		for i, value := range []string{
			"0x0000000000000000" + "08000000" + "04" + "12" + hex.EncodeToString([]byte("hello commitments")), // recorded from a running runtime
			"0x0000000000000000" + "08000000" + "04" + "ff00",
			"0x",
			"0x0000000000000000" + "09000000" + "00",
			"0x0000000000000000" + "09000000" + "08" + "03aabb" + "83" + zeros64(),
		} {
			k, err := v.Runtime.StorageKey("Commitments", "CommitmentOf", uint16(1), key(byte(i)).Public())
			if err != nil {
				t.Fatal(err)
			}
			name := "0x" + hex.EncodeToString(k)
			names = append(names, name)
			values[name] = value
		}
		sortStrings(names)
		n.mu.Lock()
		n.hook = func(method string, params []json.RawMessage) (any, *simerror, bool) {
			switch method {
			case "state_getKeysPaged":
				return names, nil, true
			case "state_queryStorageAt":
				changes := [][2]any{}
				for _, k := range names {
					changes = append(changes, [2]any{k, values[k]})
				}
				return []any{map[string]any{"changes": changes}}, nil, true
			}
			return nil, nil, false
		}
		n.mu.Unlock()
		all, err := v.Commitments(t.Context(), 1)
		if err != nil || len(all) != 5 {
			t.Fatalf("%d, %v", len(all), err)
		}
		get := func(i byte) chain.Commitment { return all[key(i).Public()] }
		good, bad, last := get(0), get(1), get(4)
		if raw, ok := good.Raw(); !ok || string(raw) != "hello commitments" || good.Block != 8 || good.Err != nil {
			t.Errorf("%+v", good)
		}
		if _, ok := bad.Raw(); ok || bad.Err == nil {
			t.Errorf("%+v", bad)
		}
		if e := get(3); len(e.Fields) != 0 || e.Err != nil {
			t.Errorf("%+v", e)
		}
		if len(last.Fields) != 2 || last.Fields[0].Kind != "Raw" || string(last.Fields[0].Data) != "\xaa\xbb" || last.Fields[1].Kind != "Sha256" || len(last.Fields[1].Data) != 32 {
			t.Errorf("%+v", last)
		}
	})
}

func sortStrings(s []string) {
	for i := range s {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}

// TestMetadataIsReadOnce: many who need a runtime at once share one request, and an upgrade costs one more.
func TestMetadataIsReadOnce(t *testing.T) {
	alone(t, func(t *testing.T, w *world, n *simnode, c *chain.Client) {
		look := func() {
			errs := make(chan error, 20)
			for range 20 {
				go func() {
					v, err := c.Best(t.Context())
					if err == nil {
						_, err = v.Timestamp(t.Context())
					}
					errs <- err
				}()
			}
			for range 20 {
				if err := <-errs; err != nil {
					t.Error(err)
				}
			}
		}
		for range 10 {
			look()
			time.Sleep(12 * time.Second)
		}
		if got := n.count("state_call"); got != 1 {
			t.Errorf("metadata was asked for %d times", got)
		}
		w.mu.Lock()
		w.current = 1
		w.mu.Unlock()
		for range 10 {
			time.Sleep(12 * time.Second)
			look()
		}
		if got := n.count("state_getMetadata"); got != 1 {
			t.Errorf("metadata of the new runtime was asked for %d times", got)
		}
		v, err := c.Best(t.Context())
		if err != nil || v.Runtime.Spec != 393 || v.Runtime.Version != 16 || v.Runtime.BlockTime != 12*time.Second {
			t.Errorf("%+v, %v", v, err)
		}
		old, err := c.AtNumber(t.Context(), 5) // still read by its own
		if err != nil || old.Runtime.Spec != 343 {
			t.Errorf("%+v, %v", old, err)
		}
	})
}

func TestMetadataThatIsNone(t *testing.T) {
	for name, answers := range map[string]map[string]string{
		"empty":           {"state_call": `"0x"`, "state_getMetadata": `"0x"`},
		"cut off":         {"state_call": `"0x01"`, "state_getMetadata": `"0x6d657461"`},
		"another version": {"state_call": `"0x00"`, "state_getMetadata": `"0x6d65746163"`},
		"null":            {"state_call": `null`, "state_getMetadata": `null`},
		"no spec":         {"state_getRuntimeVersion": `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				n := w.node("a")
				w.step(0)
				n.answer(answers)
				begin := time.Now()
				c, err := chain.Dial(context.Background(), chain.Config{Network: n.url(), Socket: rpc.Options{Dial: w.dialer()}})
				var e *chain.EndpointError
				if err == nil {
					_ = c.Close()
				}
				if err == nil || time.Since(begin) > 61*time.Second || !errors.As(err, &e) || e.Endpoint != n.url() {
					t.Errorf("after %s: %v", time.Since(begin), err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
