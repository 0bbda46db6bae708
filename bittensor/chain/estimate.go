package chain

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/scale"
)

// Fee is what a transaction would cost.
type Fee struct {
	// Rao is the fee that would be taken: 0 for calls that are free.
	Rao   uint64
	Class string // Normal, Operational or Mandatory
	// RefTime and ProofSize are the weight: picoseconds and bytes.
	RefTime, ProofSize uint64
}

// Fee asks what a call would cost an account. Nothing is signed or sent.
func (v *View) Fee(ctx context.Context, account Account, call Call) (Fee, error) {
	b, err := call.Encode(v.Runtime)
	if err != nil {
		return Fee{}, err
	}
	var signature [64]byte
	signature[63] = 0x80 // of the right form; fees don't look further
	raw, err := v.Runtime.Assemble(v.transaction(v.c, b, 0), account, signature)
	if err != nil {
		return Fee{}, err
	}
	var j struct {
		Weight struct {
			RefTime   number64 `json:"ref_time"`
			ProofSize number64 `json:"proof_size"`
		} `json:"weight"`
		Class string   `json:"class"`
		Fee   number64 `json:"partialFee"`
	}
	accept := func(answer json.RawMessage) error {
		if err := json.Unmarshal(answer, &j); err != nil {
			return fmt.Errorf("%w: fee: %v", ErrAnswer, err)
		}
		return nil
	}
	_, err = v.c.ask(ctx, accept, "payment_queryInfo", hexText(raw), v.Header.Hash)
	if err == nil {
		class := j.Class
		if class != "" {
			class = strings.ToUpper(class[:1]) + class[1:]
		}
		return Fee{uint64(j.Fee), class, uint64(j.Weight.RefTime), uint64(j.Weight.ProofSize)}, nil
	}
	if own := (*rpc.Error)(nil); !errors.As(err, &own) {
		return Fee{}, v.failed("ask for fee", err)
	}
	answer, aerr := v.runtimeCall(ctx, "TransactionPaymentApi_query_info", binary.LittleEndian.AppendUint32(append([]byte{}, raw...), uint32(len(raw))))
	if aerr != nil {
		return Fee{}, v.failed("ask for fee", errors.Join(err, aerr))
	}
	r := scale.NewReader(answer)
	f := Fee{RefTime: r.Compact(), ProofSize: r.Compact()}
	if c := r.U8(); int(c) < 3 {
		f.Class = [...]string{"Normal", "Operational", "Mandatory"}[c]
	}
	f.Rao = r.U64()
	if r.Len() == 8 { // a balance of 128 bits
		_ = r.U64()
	}
	if err := r.End(); err != nil {
		return Fee{}, v.failed("read fee", err)
	}
	return f, nil
}

// number64 is a JSON number, or text of one.
type number64 uint64

func (n *number64) UnmarshalJSON(raw []byte) error {
	s := strings.Trim(string(raw), `"`)
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	}
	v, err := strconv.ParseUint(s, base, 64)
	*n = number64(v)
	return err
}

// transaction is an immortal one for estimates.
func (v *View) transaction(c *Client, call []byte, nonce uint64) metadata.Transaction {
	return metadata.Transaction{Call: call, Nonce: nonce, SpecVersion: v.Runtime.Spec, TransactionVersion: v.Runtime.Transaction, Genesis: c.Genesis()}
}

// runtimeCall runs a runtime function whose shape is fixed, which metadata need not describe.
func (v *View) runtimeCall(ctx context.Context, function string, args []byte) ([]byte, error) {
	var b []byte
	accept := func(answer json.RawMessage) (err error) {
		var ok bool
		if b, ok, err = fromHex(answer); err == nil && !ok {
			err = fmt.Errorf("%w: null", ErrAnswer)
		}
		return err
	}
	_, err := v.c.ask(ctx, accept, "state_call", function, hexText(args), v.Header.Hash)
	return b, err
}

// DryRun tells how a call would end if it were included after the view's block, without sending it anywhere: nil, *PoolError or *DispatchError.
// It signs with the account's nonce of that state. applied is false where the node can't run the call: then only the transaction's form was
// checked (signature, nonce, payment).
func (v *View) DryRun(ctx context.Context, signer Signer, call Call) (applied bool, err error) {
	ctx, cancel := v.c.deadline(ctx, v.c.cfg.Timeout)
	defer cancel()
	b, err := call.Encode(v.Runtime)
	if err != nil {
		return false, err
	}
	state, err := v.Balance(ctx, signer.PublicKey())
	if err != nil {
		return false, err
	}
	raw, err := v.Runtime.SignedExtrinsic(v.transaction(v.c, b, uint64(state.Nonce)), signer)
	if err != nil {
		return false, err
	}
	// The node's own dry run, then (public nodes forbid that) the two runtime functions that it is made of.
	var answer []byte
	accept := func(raw json.RawMessage) (err error) { answer, _, err = fromHex(raw); return err }
	if _, err = v.c.ask(ctx, accept, "system_dryRun", hexText(raw), v.Header.Hash); err == nil {
		return v.applied(answer)
	}
	var refusal *rpc.Error
	if !errors.As(err, &refusal) {
		return false, v.failed("run transaction", err)
	}
	checked := false
	args := append(append([]byte{2}, raw...), v.Header.Hash[:]...) // source: external
	switch answer, err = v.runtimeCall(ctx, "TaggedTransactionQueue_validate_transaction", args); {
	case err == nil:
		checked = true
		if r := scale.NewReader(answer); r.U8() == 1 {
			return false, validity(r)
		}
	case !errors.As(err, &refusal):
		return false, v.failed("validate transaction", err)
	}
	switch answer, err = v.runtimeCall(ctx, "BlockBuilder_apply_extrinsic", raw); {
	case err == nil:
		return v.applied(answer)
	case !errors.As(err, &refusal):
		return false, v.failed("apply transaction", err)
	case !checked:
		return false, v.failed("run transaction", fmt.Errorf("%w: %w", ErrUnsupported, err))
	}
	return false, nil
}

// applied reads Result<Result<(), DispatchError>, TransactionValidityError>.
func (v *View) applied(answer []byte) (bool, error) {
	r := scale.NewReader(answer)
	if r.U8() == 1 {
		return false, validity(r)
	}
	if r.U8() == 0 {
		return true, r.End()
	}
	id, err := v.Runtime.FindType("sp_runtime", "DispatchError")
	if err != nil {
		return true, err
	}
	value, err := v.Runtime.Decode(id, r.Rest())
	if err != nil {
		return true, v.failed("read dry run", err)
	}
	d, err := v.Runtime.DispatchError(value)
	if err != nil {
		return true, err
	}
	return true, &DispatchError{*d}
}

// validity reads a TransactionValidityError, whose shape is the same in all runtimes.
func validity(r *scale.Reader) error {
	e := &PoolError{Custom: -1, Kind: "Unknown", Text: "from validation"}
	outer, inner := r.U8(), r.U8()
	if outer == 0 {
		names := [...]string{"Call", "Payment", "Future", "Stale", "BadProof", "AncientBirthBlock", "ExhaustsResources", "Custom"}
		if int(inner) < len(names) {
			e.Kind = names[inner]
		}
		if e.Kind == "Custom" {
			e.Custom = int(r.U8())
		}
	}
	if err := r.Err(); err != nil {
		return fmt.Errorf("%w: validity: %w", ErrAnswer, err)
	}
	return e
}
