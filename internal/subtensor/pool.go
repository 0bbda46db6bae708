package subtensor

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// rpcError is an error as JSON-RPC carries it.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("%d: %s: %v", e.Code, e.Message, e.Data) }

// Why the chain refuses a transaction, in the words of a Substrate node.
const (
	badProof      = "Transaction has a bad signature"
	ancientBirth  = "Transaction has an ancient birth block"
	stale         = "Transaction is outdated"
	noPayment     = "Inability to pay some fees (e.g. account balance too low)"
	notExpected   = "Transaction call is not expected"
	exhausts      = "Transaction would exhaust the block limits"
	cannotLookup  = "Could not lookup information required to validate the transaction"
	futureWords   = "Transaction will be valid in the future"
	codeInvalid   = 1010
	codeUnknown   = 1011
	codeImported  = 1013
	codeLow       = 1014
	codeDropped   = 1016
	codeMalformed = 1002
)

func invalid(why string) *rpcError {
	return &rpcError{Code: codeInvalid, Message: "Invalid Transaction", Data: why}
}

// pending is a transaction that waits for a block, or waits in one for finality.
type pending struct {
	x     *extrinsic
	call  call
	death uint64
	watch func(status any) // nil when nobody watches
	ready bool             // was said to be
	// end and fail are faults: the transaction ends with that status instead of going into a block; its call fails with that error.
	end  string
	fail error
}

func (p *pending) tell(status any) {
	if p.watch != nil {
		p.watch(status)
	}
}

// pool holds what waits. An account's transactions are ready as far as their nonces follow on each other without a gap.
type pool struct {
	limit     int
	byID      map[hash]*pending
	byAccount map[account]map[uint32]*pending
}

func newPool(limit int) *pool {
	return &pool{limit: limit, byID: map[hash]*pending{}, byAccount: map[account]map[uint32]*pending{}}
}

// maxAhead is by how much a nonce may be ahead of the account's.
const maxAhead = 256

// add takes a transaction, in the place of another with the same nonce and a smaller tip.
func (p *pool) add(t *pending) *rpcError {
	if _, known := p.byID[t.x.id]; known {
		return &rpcError{Code: codeImported, Message: "Transaction Already Imported"}
	}
	old := p.byAccount[t.x.signer][t.x.nonce]
	if old != nil && t.x.tip <= old.x.tip {
		return &rpcError{Code: codeLow, Message: fmt.Sprintf("Priority is too low: (%d vs %d)", old.x.tip+1, t.x.tip+1),
			Data: "The transaction has too low priority to replace another transaction already in the pool."}
	}
	if old != nil {
		p.remove(old)
		old.tell(map[string]string{"usurped": t.x.id.String()})
	}
	if len(p.byID) >= p.limit {
		return &rpcError{Code: codeDropped, Message: "Immediately Dropped", Data: "The transaction couldn't enter the pool because of the limit"}
	}
	p.put(t)
	return nil
}

func (p *pool) put(t *pending) {
	if p.byAccount[t.x.signer] == nil {
		p.byAccount[t.x.signer] = map[uint32]*pending{}
	}
	p.byAccount[t.x.signer][t.x.nonce] = t
	p.byID[t.x.id] = t
}

func (p *pool) remove(t *pending) {
	delete(p.byID, t.x.id)
	of := p.byAccount[t.x.signer]
	if of[t.x.nonce] == t {
		delete(of, t.x.nonce)
	}
	if len(of) == 0 {
		delete(p.byAccount, t.x.signer)
	}
}

// next returns the nonce after those that wait without a gap, for an account whose state says nonce.
func (p *pool) next(who account, nonce uint32) uint32 {
	for p.byAccount[who][nonce] != nil {
		nonce++
	}
	return nonce
}

// ready lists what can go into a block, by account and nonce: an order that does not depend on who came first, so that a simulation
// that repeats gives the same blocks.
func (p *pool) ready(nonceOf func(account) uint32) []*pending {
	var out []*pending
	for who, of := range p.byAccount {
		for nonce := nonceOf(who); of[nonce] != nil; nonce++ {
			out = append(out, of[nonce])
		}
	}
	slices.SortFunc(out, func(a, b *pending) int {
		return cmp.Or(bytes.Compare(a.x.signer[:], b.x.signer[:]), cmp.Compare(a.x.nonce, b.x.nonce))
	})
	return out
}

func (p *pool) all() []*pending {
	out := make([]*pending, 0, len(p.byID))
	for _, t := range p.byID {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *pending) int {
		return cmp.Or(bytes.Compare(a.x.signer[:], b.x.signer[:]), cmp.Compare(a.x.nonce, b.x.nonce))
	})
	return out
}

// validate says whether a transaction may go into the block that s is making (its number is set), by the chain's signed extensions in
// their order. It does not look at the nonce's being ahead. c is decoded anew, since an upgrade can change what its bytes mean.
func (n *Node) validate(s *state, x *extrinsic, c *call) *rpcError {
	if x.signer == (account{}) {
		return invalid(badProof)
	}
	birth := n.genesis
	if x.era.period != 0 {
		v := s.get(sysBlockHash.at(twox64Concat(le32(uint32(x.era.birth(s.number))))))
		if len(v) != 32 {
			return invalid(ancientBirth)
		}
		birth = hash(v)
	}
	if x.metaMode != 0 {
		return &rpcError{Code: codeUnknown, Message: "Unknown Transaction Validity", Data: cannotLookup}
	}
	if !x.signed(s.rt.spec, n.genesis, birth) {
		return invalid(badProof)
	}
	decoded, err := s.rt.decodeCall(x.callBytes)
	if err != nil {
		return malformed(err)
	}
	*c = decoded
	i := s.accountInfo(x.signer)
	switch {
	case x.nonce < i.nonce:
		return invalid(stale)
	case c.pays && i.providers == 0 && i.sufficients == 0:
		return invalid(noPayment)
	case c.pays && i.free < fee(len(x.raw))+x.tip:
		return invalid(noPayment)
	case !c.pays && x.tip > i.free:
		return invalid(noPayment)
	}
	return nil
}

func malformed(err error) *rpcError {
	return &rpcError{Code: codeMalformed, Message: "Verification Error: Runtime error: Execution failed: " + err.Error(), Data: "RuntimeApi(\"Execution failed\")"}
}

// submit puts a transaction into the pool and tells watch of its fate. The first status is told by submit itself.
func (n *Node) submit(raw []byte, watch func(any)) (hash, *rpcError) {
	x, err := parseExtrinsic(raw)
	switch {
	case err == errUnsigned:
		return hash{}, invalid(notExpected)
	case err != nil && len(raw) > maxExtrinsic:
		return hash{}, invalid(exhausts)
	case err != nil:
		return hash{}, malformed(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.pending()
	if err != nil {
		return hash{}, &rpcError{Code: codeMalformed, Message: err.Error()}
	}
	p := &pending{x: x, death: x.era.death(s.number), watch: watch}
	if e := n.validate(s, x, &p.call); e != nil {
		return hash{}, e
	}
	nonce := s.accountInfo(x.signer).nonce
	if x.nonce-nonce > maxAhead {
		return hash{}, &rpcError{Code: codeDropped, Message: "Immediately Dropped", Data: futureWords}
	}
	if e := n.pool.add(p); e != nil {
		return hash{}, e
	}
	n.faults.mark(p)
	if n.pool.next(x.signer, nonce) > x.nonce {
		for k := x.nonce; n.pool.byAccount[x.signer][k] != nil; k++ {
			if q := n.pool.byAccount[x.signer][k]; !q.ready {
				q.ready = true
				q.tell("ready")
			}
		}
	} else {
		p.tell("future")
	}
	return x.id, nil
}

// pending is the state in which the next block begins, for checks.
func (n *Node) pending() (*state, error) {
	rt, err := n.runtimeOf(n.best.root)
	if err != nil {
		return nil, err
	}
	s := newState(n.best.root, rt)
	s.number, s.now = n.best.number+1, n.best.time
	s.put(sysBlockHash.at(twox64Concat(le32(uint32(n.best.number)))), n.best.id[:])
	return s, nil
}
