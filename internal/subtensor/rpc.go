package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/bittensor/ss58"
)

// The errors of JSON-RPC itself, and that of a Substrate node whose client fails.
const (
	codeParse     = -32700
	codeRequest   = -32600
	codeNoMethod  = -32601
	codeParams    = -32602
	codeClient    = 4003
	maxKeysPaged  = 1000
	maxKeys       = 10_000
	maxQueryKeys  = 10_000
	maxBatch      = 100
	maxTextInEcho = 200
)

// params are positional.
type params []json.RawMessage

func (p params) absent(i int) bool {
	return i >= len(p) || len(p[i]) == 0 || bytes.Equal(p[i], []byte("null"))
}

func (p params) into(i int, v any) *rpcError {
	if i >= len(p) {
		return &rpcError{Code: codeParams, Message: "Invalid params", Data: fmt.Sprintf("parameter %d is missing", i)}
	}
	if err := json.Unmarshal(p[i], v); err != nil {
		return &rpcError{Code: codeParams, Message: "Invalid params", Data: fmt.Sprintf("parameter %d: %s", i, err)}
	}
	return nil
}

func (p params) hex(i int) ([]byte, *rpcError) {
	var text string
	if err := p.into(i, &text); err != nil {
		return nil, err
	}
	b, err := unhex(text)
	if err != nil {
		// some clients send hex without its prefix
		if b, err = unhex("0x" + text); err != nil {
			return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: fmt.Sprintf("parameter %d: %s", i, err)}
		}
	}
	return b, nil
}

// blockAt finds the block that parameter i names, the best one when it is absent; nil when there is none.
func (n *Node) blockAt(p params, i int) (*block, hash, *rpcError) {
	if p.absent(i) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.best, n.best.id, nil
	}
	b, err := p.hex(i)
	if err == nil && len(b) != 32 {
		err = &rpcError{Code: codeParams, Message: "Invalid params", Data: "a block hash has 32 bytes"}
	}
	if err != nil {
		return nil, hash{}, err
	}
	found, e := n.byHash(hash(b))
	return found, hash(b), e
}

func (n *Node) byHash(id hash) (*block, *rpcError) {
	n.mu.Lock()
	b := n.blocks[id]
	n.mu.Unlock()
	if b != nil || n.store == nil {
		return b, nil
	}
	b, err := n.store.byHash(context.Background(), id)
	if err != nil {
		return nil, &rpcError{Code: codeClient, Message: "Client error: " + err.Error()}
	}
	return b, nil
}

func (n *Node) byNumber(number uint64) (*block, *rpcError) {
	n.mu.Lock()
	b, best := n.numbers[number], n.best.number
	n.mu.Unlock()
	if b != nil || n.store == nil || number > best {
		return b, nil
	}
	b, err := n.store.byNumber(context.Background(), number)
	if err != nil {
		return nil, &rpcError{Code: codeClient, Message: "Client error: " + err.Error()}
	}
	return b, nil
}

// stateAt is a state to read, at the block that parameter i names.
func (n *Node) stateAt(p params, i int) (*state, *block, *rpcError) {
	b, id, e := n.blockAt(p, i)
	if e != nil {
		return nil, nil, e
	}
	if b == nil {
		return nil, nil, &rpcError{Code: codeClient, Message: "Client error: UnknownBlock: Header was not found in the database: " + id.String()}
	}
	n.mu.Lock()
	root := b.root // forget clears it under the lock
	n.mu.Unlock()
	if root == nil {
		return nil, nil, &rpcError{Code: codeClient, Message: "Client error: UnknownBlock: State already discarded for " + id.String()}
	}
	rt, err := n.runtimeOf(root)
	if err != nil {
		return nil, nil, &rpcError{Code: codeClient, Message: "Client error: " + err.Error()}
	}
	s := newState(root, rt)
	s.number, s.now = b.number, b.time
	return s, b, nil
}

type method func(n *Node, p params) (any, *rpcError)

var methods map[string]method

func init() { methods = makeMethods() } // rpc_methods lists them

// aliases are other names of methods.
var aliases = map[string]string{
	"chain_getHead": "chain_getBlockHash", "chain_getFinalisedHead": "chain_getFinalizedHead",
	"state_getStorageAt": "state_getStorage", "state_callAt": "state_call", "state_getKeysPagedAt": "state_getKeysPaged",
	"chain_getRuntimeVersion": "state_getRuntimeVersion", "account_nextIndex": "system_accountNextIndex",
	"system_dryRunAt": "system_dryRun", "chain_subscribeNewHead": "chain_subscribeNewHeads", "subscribe_newHead": "chain_subscribeNewHeads",
	"chain_unsubscribeNewHead": "chain_unsubscribeNewHeads", "unsubscribe_newHead": "chain_unsubscribeNewHeads",
	"chain_subscribeFinalisedHeads": "chain_subscribeFinalizedHeads", "chain_unsubscribeFinalisedHeads": "chain_unsubscribeFinalizedHeads",
	"chain_subscribeRuntimeVersion": "state_subscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion": "state_unsubscribeRuntimeVersion",
}

func constant(v any) method { return func(*Node, params) (any, *rpcError) { return v, nil } }

func makeMethods() map[string]method {
	return map[string]method{
		"system_name":        constant("nanteos local subtensor"),
		"system_version":     constant("1.0.0"),
		"system_chain":       func(n *Node, _ params) (any, *rpcError) { return n.cfg.ChainName, nil },
		"system_chainType":   constant("Local"),
		"system_properties":  constant(map[string]any{"isEthereum": false, "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}),
		"system_health":      constant(map[string]any{"peers": 0, "isSyncing": false, "shouldHavePeers": false}),
		"system_peers":       constant([]any{}),
		"system_nodeRoles":   constant([]string{"Authority"}),
		"system_localPeerId": constant("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"),
		"system_syncState": func(n *Node, _ params) (any, *rpcError) {
			head := n.Head().Number
			return map[string]any{"startingBlock": 0, "currentBlock": head, "highestBlock": head}, nil
		},
		"system_accountNextIndex": nextIndex,
		"system_dryRun":           dryRun,
		"rpc_methods":             func(*Node, params) (any, *rpcError) { return map[string]any{"methods": methodNames()}, nil },

		"chain_getBlockHash":     getBlockHash,
		"chain_getFinalizedHead": getFinalizedHead,
		"chain_getHeader": func(n *Node, p params) (any, *rpcError) {
			b, _, e := n.blockAt(p, 0)
			if e != nil || b == nil {
				return nil, e
			}
			return headerJSON(b), nil
		},
		"chain_getBlock": func(n *Node, p params) (any, *rpcError) {
			b, _, e := n.blockAt(p, 0)
			if e != nil || b == nil {
				return nil, e
			}
			return map[string]any{"block": map[string]any{"header": headerJSON(b), "extrinsics": hexTexts(b.extrinsics)}, "justifications": nil}, nil
		},

		"state_getRuntimeVersion": func(n *Node, p params) (any, *rpcError) {
			s, _, e := n.stateAt(p, 0)
			if e != nil {
				return nil, e
			}
			return s.rt.json(), nil
		},
		"state_getMetadata": func(n *Node, p params) (any, *rpcError) {
			s, _, e := n.stateAt(p, 0)
			if e != nil {
				return nil, e
			}
			return hexText(s.rt.v14), nil
		},
		"state_call": stateCall,
		"state_getStorage": func(n *Node, p params) (any, *rpcError) {
			return n.storageValue(p, func(v []byte) any { return hexText(v) })
		},
		"state_getStorageSize": func(n *Node, p params) (any, *rpcError) {
			return n.storageValue(p, func(v []byte) any { return len(v) })
		},
		"state_getStorageHash": func(n *Node, p params) (any, *rpcError) {
			return n.storageValue(p, func(v []byte) any { return blake256(v).String() })
		},
		"state_queryStorageAt": queryStorageAt,
		"state_getKeysPaged":   getKeysPaged,
		"state_getKeys":        getKeys,

		"author_submitExtrinsic": func(n *Node, p params) (any, *rpcError) {
			raw, e := p.hex(0)
			if e != nil {
				return nil, e
			}
			id, e := n.submit(raw, nil)
			if e != nil {
				return nil, e
			}
			return id.String(), nil
		},
		"author_pendingExtrinsics": func(n *Node, _ params) (any, *rpcError) {
			n.mu.Lock()
			defer n.mu.Unlock()
			out := []string{}
			for _, t := range n.pool.all() {
				out = append(out, hexText(t.x.raw))
			}
			return out, nil
		},
		"payment_queryInfo":       queryInfo,
		"payment_queryFeeDetails": queryFeeDetails,
	}
}

func methodNames() []string {
	names := slices.Collect(maps.Keys(methods))
	for name := range aliases {
		names = append(names, name)
	}
	for subscribe, k := range kinds {
		names = append(names, subscribe, k.unsubscribe)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// call answers a method that is no subscription.
func (n *Node) call(name string, p params) (any, *rpcError) {
	if to, ok := aliases[name]; ok {
		name = to
	}
	m, ok := methods[name]
	if !ok {
		if len(name) > maxTextInEcho {
			name = name[:maxTextInEcho]
		}
		return nil, &rpcError{Code: codeNoMethod, Message: "Method not found", Data: name}
	}
	return m(n, p)
}

func headerJSON(b *block) any {
	return map[string]any{
		"parentHash": b.parent.String(), "number": "0x" + strconv.FormatUint(b.number, 16), "stateRoot": b.stateRoot.String(),
		"extrinsicsRoot": b.extrinsicsRoot.String(), "digest": map[string]any{"logs": hexTexts(b.logs)},
	}
}

func hexTexts(bs [][]byte) []string {
	out := make([]string, len(bs))
	for i, b := range bs {
		out[i] = hexText(b)
	}
	return out
}

func (rt *runtime) json() any {
	apis := make([][2]any, len(rt.apis))
	for i, a := range rt.apis {
		apis[i] = [2]any{hexText(a.id[:]), a.version}
	}
	return map[string]any{
		"specName": runtimeName, "implName": runtimeName, "authoringVersion": 1, "specVersion": rt.spec, "implVersion": 1,
		"apis": apis, "transactionVersion": txVersion, "systemVersion": 1, "stateVersion": 1,
	}
}

func getBlockHash(n *Node, p params) (any, *rpcError) {
	if p.absent(0) {
		return n.Head().Hash, nil
	}
	one := func(raw json.RawMessage) (any, *rpcError) {
		var number uint64
		if err := json.Unmarshal(raw, &number); err != nil {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: "a block number is a number or hex text"}
			}
			if number, err = strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64); err != nil {
				return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: "a block number is a number or hex text"}
			}
		}
		b, e := n.byNumber(number)
		if e != nil || b == nil {
			return nil, e
		}
		return b.id.String(), nil
	}
	var list []json.RawMessage
	if json.Unmarshal(p[0], &list) != nil {
		return one(p[0])
	}
	if len(list) > maxKeysPaged {
		return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: "too many block numbers"}
	}
	out := make([]any, len(list))
	for i, raw := range list {
		var e *rpcError
		if out[i], e = one(raw); e != nil {
			return nil, e
		}
	}
	return out, nil
}

func getFinalizedHead(n *Node, _ params) (any, *rpcError) {
	n.mu.Lock()
	final := n.finalized
	n.mu.Unlock()
	b, e := n.byNumber(final)
	if e != nil || b == nil {
		return nil, e
	}
	return b.id.String(), nil
}

func (n *Node) storageValue(p params, form func([]byte) any) (any, *rpcError) {
	key, e := p.hex(0)
	if e != nil {
		return nil, e
	}
	s, _, e := n.stateAt(p, 1)
	if e != nil {
		return nil, e
	}
	if v, ok := s.root.get(string(key)); ok {
		return form(v), nil
	}
	return nil, nil
}

func queryStorageAt(n *Node, p params) (any, *rpcError) {
	var keys []string
	if e := p.into(0, &keys); e != nil {
		return nil, e
	}
	if len(keys) > maxQueryKeys {
		return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: "too many keys"}
	}
	s, b, e := n.stateAt(p, 1)
	if e != nil {
		return nil, e
	}
	changes := make([][2]any, len(keys))
	for i, text := range keys {
		key, err := unhex(text)
		if err != nil {
			return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: err.Error()}
		}
		changes[i] = [2]any{text, nil}
		if v, ok := s.root.get(string(key)); ok {
			changes[i][1] = hexText(v)
		}
	}
	return []any{map[string]any{"block": b.id.String(), "changes": changes}}, nil
}

func getKeysPaged(n *Node, p params) (any, *rpcError) {
	var prefix []byte
	var e *rpcError
	if !p.absent(0) {
		if prefix, e = p.hex(0); e != nil {
			return nil, e
		}
	}
	var count int
	if e := p.into(1, &count); e != nil {
		return nil, e
	}
	if count < 0 || count > maxKeysPaged {
		return nil, &rpcError{Code: 4002, Message: fmt.Sprintf("count exceeds maximum value. value: %d, max: %d", count, maxKeysPaged)}
	}
	start := ""
	if !p.absent(2) {
		b, e := p.hex(2)
		if e != nil {
			return nil, e
		}
		start = string(b)
	}
	s, _, e := n.stateAt(p, 3)
	if e != nil {
		return nil, e
	}
	return s.keysAfter(string(prefix), start, count), nil
}

// getKeys answers the older form, which gives all keys at once.
func getKeys(n *Node, p params) (any, *rpcError) {
	prefix, e := p.hex(0)
	if e != nil {
		return nil, e
	}
	s, _, e := n.stateAt(p, 1)
	if e != nil {
		return nil, e
	}
	keys := s.keysAfter(string(prefix), "", maxKeys+1)
	if len(keys) > maxKeys {
		return nil, &rpcError{Code: 4002, Message: fmt.Sprintf("more than %d keys; state_getKeysPaged gives them in parts", maxKeys)}
	}
	return keys, nil
}

// keysAfter lists the keys with a prefix behind start, at most count.
func (s *state) keysAfter(prefix, start string, count int) []string {
	keys := []string{}
	if count > 0 {
		s.root.scan(prefix, start, func(key string, _ []byte) bool {
			keys = append(keys, hexText([]byte(key)))
			return len(keys) < count
		})
	}
	return keys
}

func nextIndex(n *Node, p params) (any, *rpcError) {
	var text string
	if e := p.into(0, &text); e != nil {
		return nil, e
	}
	who, _, err := ss58.Decode(text)
	if err != nil {
		b, e := p.hex(0)
		if e != nil || len(b) != 32 {
			return nil, &rpcError{Code: codeParams, Message: "Invalid params", Data: err.Error()}
		}
		who = account(b)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := newState(n.best.root, nil)
	return n.pool.next(who, s.accountInfo(who).nonce), nil
}
