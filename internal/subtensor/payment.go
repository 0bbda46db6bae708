package subtensor

import "fmt"

// quote is what a call would cost: it is free, or a base and a part for its length.
func (rt *runtime) quote(raw []byte) (uint64, *rpcError) {
	x, err := parseExtrinsic(raw)
	if err == errUnsigned {
		return 0, nil
	}
	if err != nil {
		return 0, malformed(err)
	}
	c, err := rt.decodeCall(x.callBytes)
	if err != nil {
		return 0, malformed(err)
	}
	if !c.pays {
		return 0, nil
	}
	return fee(len(raw)), nil
}

func (n *Node) quoteOf(p params) (uint64, *rpcError) {
	raw, e := p.hex(0)
	if e != nil {
		return 0, e
	}
	s, _, e := n.stateAt(p, 1)
	if e != nil {
		return 0, e
	}
	return s.rt.quote(raw)
}

func queryInfo(n *Node, p params) (any, *rpcError) {
	price, e := n.quoteOf(p)
	if e != nil {
		return nil, e
	}
	return map[string]any{
		"weight": map[string]any{"ref_time": callWeight, "proof_size": callProof}, "class": "normal", "partialFee": fmt.Sprint(price),
	}, nil
}

func queryFeeDetails(n *Node, p params) (any, *rpcError) {
	price, e := n.quoteOf(p)
	if e != nil {
		return nil, e
	}
	return map[string]any{"inclusionFee": map[string]any{"baseFee": "0x0", "lenFee": fmt.Sprintf("0x%x", price), "adjustedWeightFee": "0x0"}}, nil
}

// dryRun applies a transaction to the state after a block and forgets it again: Result<Result<(), DispatchError>,
// TransactionValidityError>.
func dryRun(n *Node, p params) (any, *rpcError) {
	raw, e := p.hex(0)
	if e != nil {
		return nil, e
	}
	s, b, e := n.stateAt(p, 1)
	if e != nil {
		return nil, e
	}
	s.number++
	s.put(sysBlockHash.at(twox64Concat(le32(uint32(b.number)))), b.id[:])
	s.phase = []byte{1}
	x, err := parseExtrinsic(raw)
	if err != nil {
		return nil, malformed(err)
	}
	var c call
	if e := n.validate(s, x, &c); e != nil {
		return hexText(validityError(e)), nil
	}
	if x.nonce > s.accountInfo(x.signer).nonce {
		return hexText([]byte{1, 0, 2}), nil // Invalid(Future)
	}
	if err := c.run(s, x.signer); err != nil {
		if d, ok := err.(*dispatchError); ok {
			return hexText(append([]byte{0, 1}, d.encode(s.rt)...)), nil
		}
		return hexText([]byte{0, 1, 0}), nil
	}
	return hexText([]byte{0, 0}), nil
}

// validityError is the SCALE form of a refusal: Err(Invalid(kind)) or Err(Unknown(kind)).
func validityError(e *rpcError) []byte {
	if e.Code == codeUnknown {
		return []byte{1, 1, 0}
	}
	kind := map[any]byte{notExpected: 0, noPayment: 1, stale: 3, badProof: 4, ancientBirth: 5, exhausts: 6}
	if k, ok := kind[e.Data]; ok {
		return []byte{1, 0, k}
	}
	return []byte{1, 0, 0}
}
