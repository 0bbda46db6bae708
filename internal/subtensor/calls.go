package subtensor

import (
	"errors"
	"fmt"
)

// call is a decoded call, ready to run.
type call struct {
	name string
	// pays is false for the calls that are free (Pays::No).
	pays bool
	// class is the dispatch class: 0 normal, 1 operational.
	class byte
	run   func(s *state, who account) error
}

// dispatchError is why a call failed, as the chain encodes it.
type dispatchError struct {
	pallet, name string // of a module error
	raw          []byte // of the others
}

func (e *dispatchError) Error() string {
	if e.pallet == "" {
		return fmt.Sprintf("dispatch error %x", e.raw)
	}
	return e.pallet + "." + e.name
}

func (e *dispatchError) encode(rt *runtime) []byte {
	if e.pallet == "" {
		return e.raw
	}
	pallet, name := rt.failure(e.pallet, e.name)
	return []byte{3, pallet, name, 0, 0, 0}
}

var (
	errBadOrigin = &dispatchError{raw: []byte{2}}
	errNoFunds   = &dispatchError{raw: []byte{7, 0}} // Token(FundsUnavailable)
	errBelow     = &dispatchError{raw: []byte{7, 2}} // Token(BelowMinimum)
)

// refuse is an error of the pallet SubtensorModule.
func refuse(name string) error { return &dispatchError{pallet: "SubtensorModule", name: name} }

var errCall = errors.New("call cannot be decoded")

// callReaders decode the arguments of the calls that the node runs. Calls that exist in the metadata and not here can be submitted
// and fail with System.CallFiltered.
var callReaders map[string]func(r *reader) call

func init() { callReaders = makeCallReaders() } // batches decode calls: breaks the initialization cycle

func makeCallReaders() map[string]func(r *reader) call {
	return map[string]func(r *reader) call{
		"System.remark":                 func(r *reader) call { return paying(remark(r.bytes(), false)) },
		"System.remark_with_event":      func(r *reader) call { return paying(remark(r.bytes(), true)) },
		"Timestamp.set":                 func(r *reader) call { r.compact(); return paying(badOrigin) },
		"Balances.transfer_allow_death": func(r *reader) call { return paying(transfer(r.address(), r.compact(), false)) },
		"Balances.transfer_keep_alive":  func(r *reader) call { return paying(transfer(r.address(), r.compact(), true)) },

		"SubtensorModule.set_weights": func(r *reader) call { return free(setWeights(r.u16(), 0, r.u16s(), r.u16s(), r.u64())) },
		"SubtensorModule.set_mechanism_weights": func(r *reader) call {
			return free(setWeights(r.u16(), r.u8(), r.u16s(), r.u16s(), r.u64()))
		},
		"SubtensorModule.commit_weights":           func(r *reader) call { return free(commitWeights(r.u16(), 0, r.account())) },
		"SubtensorModule.commit_mechanism_weights": func(r *reader) call { return free(commitWeights(r.u16(), r.u8(), r.account())) },
		"SubtensorModule.reveal_weights": func(r *reader) call {
			return free(revealWeights(r.u16(), 0, r.u16s(), r.u16s(), r.u16s(), r.u64()))
		},
		"SubtensorModule.reveal_mechanism_weights": func(r *reader) call {
			return free(revealWeights(r.u16(), r.u8(), r.u16s(), r.u16s(), r.u16s(), r.u64()))
		},
		"SubtensorModule.commit_timelocked_weights": func(r *reader) call {
			return free(commitTimelocked(r.u16(), 0, r.bytes(), r.u64(), r.u16()))
		},
		"SubtensorModule.commit_timelocked_mechanism_weights": func(r *reader) call {
			return free(commitTimelocked(r.u16(), r.u8(), r.bytes(), r.u64(), r.u16()))
		},
		"SubtensorModule.commit_crv3_mechanism_weights": func(r *reader) call {
			return free(commitTimelocked(r.u16(), r.u8(), r.bytes(), r.u64(), 0))
		},
		"SubtensorModule.serve_axon": func(r *reader) call { return free(serveAxon(r.u16(), r.axon(), nil)) },
		"SubtensorModule.serve_axon_tls": func(r *reader) call {
			return free(serveAxon(r.u16(), r.axon(), r.bytes()))
		},
		"SubtensorModule.serve_prometheus": func(r *reader) call { return free(servePrometheus(r.u16(), r.prometheus())) },
		"SubtensorModule.burned_register":  func(r *reader) call { return free(burnedRegister(r.u16(), r.account())) },
		"SubtensorModule.root_register":    func(r *reader) call { return free(rootRegister(r.account())) },
		"SubtensorModule.add_stake":        func(r *reader) call { return paying(addStake(r.account(), r.u16(), r.u64())) },
		"SubtensorModule.remove_stake":     func(r *reader) call { return paying(removeStake(r.account(), r.u16(), r.u64())) },
		"Commitments.set_commitment": func(r *reader) call {
			return call{class: 1, run: setCommitment(r.u16(), r.commitment())}
		},
	}
}

type run = func(s *state, who account) error

func paying(f run) call { return call{pays: true, run: f} }
func free(f run) call   { return call{run: f} }

func badOrigin(*state, account) error { return errBadOrigin }

// decodeCall finds a call by the runtime's indices.
func (rt *runtime) decodeCall(b []byte) (call, error) {
	if len(b) < 2 {
		return call{}, errCall
	}
	name, ok := rt.calls[[2]byte{b[0], b[1]}]
	if !ok {
		return call{}, fmt.Errorf("%w: no call has the indices %d, %d", errCall, b[0], b[1])
	}
	read, ok := callReaders[name]
	if !ok {
		filtered := &dispatchError{pallet: "System", name: "CallFiltered"}
		return call{name: name, pays: true, run: func(*state, account) error { return filtered }}, nil
	}
	r := &reader{b: b, at: 2}
	c := read(r)
	if err := r.end(); err != nil {
		return call{}, fmt.Errorf("%w: %s: %w", errCall, name, err)
	}
	c.name = name
	return c, nil
}

// address reads a MultiAddress that is an account id.
func (r *reader) address() account {
	if r.u8() != 0 {
		r.fail(errScale)
	}
	return r.account()
}

func remark(text []byte, event bool) run {
	return func(s *state, who account) error {
		if event {
			h := blake256(text)
			s.emit("System", "Remarked", func(w *writer) { w.account(who); w.raw(h[:]) })
		}
		return nil
	}
}
