package subtensor

import "fmt"

// apiCall answers one runtime API: arguments in, SCALE out.
type apiCall func(n *Node, s *state, r *reader, w *writer)

var apis map[string]apiCall

func init() { apis = makeAPIs() }

func makeAPIs() map[string]apiCall {
	return map[string]apiCall{
		"Core_version":      func(_ *Node, s *state, _ *reader, w *writer) { w.raw(s.rt.version) },
		"Metadata_metadata": func(_ *Node, s *state, _ *reader, w *writer) { w.bytes(s.rt.v14) },
		"Metadata_metadata_versions": func(_ *Node, _ *state, _ *reader, w *writer) {
			w.compact(2)
			w.u32(14)
			w.u32(15)
		},
		"Metadata_metadata_at_version": func(_ *Node, s *state, r *reader, w *writer) {
			blob := map[uint32][]byte{14: s.rt.v14, 15: s.rt.v15}[r.u32()]
			if w.bool(blob != nil); blob != nil {
				w.bytes(blob)
			}
		},
		"AccountNonceApi_account_nonce": func(_ *Node, s *state, r *reader, w *writer) { w.u32(s.accountInfo(r.account()).nonce) },
		"AuraApi_slot_duration":         func(n *Node, _ *state, _ *reader, w *writer) { w.u64(slotMillis(n.cfg.BlockTime)) },
		"AuraApi_authorities": func(n *Node, _ *state, _ *reader, w *writer) {
			w.compact(1)
			w.account(n.authority.Public())
		},
		"TransactionPaymentApi_query_info":        apiQueryInfo,
		"TransactionPaymentApi_query_fee_details": apiQueryFees,

		"NeuronInfoRuntimeApi_get_neurons":      func(_ *Node, s *state, r *reader, w *writer) { s.neuronList(w, r.u16(), false) },
		"NeuronInfoRuntimeApi_get_neurons_lite": func(_ *Node, s *state, r *reader, w *writer) { s.neuronList(w, r.u16(), true) },
		"NeuronInfoRuntimeApi_get_neuron":       func(_ *Node, s *state, r *reader, w *writer) { s.oneNeuron(w, r.u16(), r.u16(), false) },
		"NeuronInfoRuntimeApi_get_neuron_lite":  func(_ *Node, s *state, r *reader, w *writer) { s.oneNeuron(w, r.u16(), r.u16(), true) },

		"SubnetInfoRuntimeApi_get_metagraph":  func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.metagraph) },
		"SubnetInfoRuntimeApi_get_mechagraph": func(_ *Node, s *state, r *reader, w *writer) { s.mechagraph(w, r.u16(), r.u8()) },
		"SubnetInfoRuntimeApi_get_all_metagraphs": func(_ *Node, s *state, _ *reader, w *writer) {
			s.each(w, func(id uint16) { s.optional(w, id, s.metagraph) })
		},
		"SubnetInfoRuntimeApi_get_all_mechagraphs": func(_ *Node, s *state, _ *reader, w *writer) {
			s.each(w, func(id uint16) { s.optional(w, id, s.metagraph) })
		},
		"SubnetInfoRuntimeApi_get_selective_metagraph": func(_ *Node, s *state, r *reader, w *writer) {
			s.selective(w, r.u16(), 0, r.u16s())
		},
		"SubnetInfoRuntimeApi_get_selective_mechagraph": func(_ *Node, s *state, r *reader, w *writer) {
			s.selective(w, r.u16(), r.u8(), r.u16s())
		},
		"SubnetInfoRuntimeApi_get_subnet_state":          func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.subnetState) },
		"SubnetInfoRuntimeApi_get_subnet_hyperparams":    func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.hyperparameters) },
		"SubnetInfoRuntimeApi_get_subnet_hyperparams_v2": func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.hyperparameters2) },
		"SubnetInfoRuntimeApi_get_subnet_info":           func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.subnetInfo) },
		"SubnetInfoRuntimeApi_get_subnet_info_v2":        func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.subnetInfo2) },
		"SubnetInfoRuntimeApi_get_subnets_info": func(_ *Node, s *state, _ *reader, w *writer) {
			s.each(w, func(id uint16) { s.optional(w, id, s.subnetInfo) })
		},
		"SubnetInfoRuntimeApi_get_subnets_info_v2": func(_ *Node, s *state, _ *reader, w *writer) {
			s.each(w, func(id uint16) { s.optional(w, id, s.subnetInfo2) })
		},
		"SubnetInfoRuntimeApi_get_dynamic_info": func(_ *Node, s *state, r *reader, w *writer) { s.optional(w, r.u16(), s.dynamicInfo) },
		"SubnetInfoRuntimeApi_get_all_dynamic_info": func(_ *Node, s *state, _ *reader, w *writer) {
			s.each(w, func(id uint16) { s.optional(w, id, s.dynamicInfo) })
		},
		"SubnetInfoRuntimeApi_get_coldkey_auto_stake_hotkey": func(_ *Node, _ *state, r *reader, w *writer) { r.account(); r.u16(); w.u8(0) },
		"SubnetInfoRuntimeApi_get_subnet_to_prune":           func(_ *Node, _ *state, _ *reader, w *writer) { w.u8(0) },

		"StakeInfoRuntimeApi_get_stake_info_for_coldkey": func(_ *Node, s *state, r *reader, w *writer) { s.stakeInfos(w, r.account()) },
		"StakeInfoRuntimeApi_get_stake_info_for_coldkeys": func(_ *Node, s *state, r *reader, w *writer) {
			n := r.count(32)
			w.compact(uint64(n))
			for range n {
				coldkey := r.account()
				w.account(coldkey)
				s.stakeInfos(w, coldkey)
			}
		},
		"StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid": func(_ *Node, s *state, r *reader, w *writer) {
			hotkey, coldkey, id := r.account(), r.account(), r.u16()
			w.u8(1)
			s.stakeInfo(w, hotkey, coldkey, id)
		},
		"DelegateInfoRuntimeApi_get_delegates":                       func(_ *Node, _ *state, _ *reader, w *writer) { w.compact(0) },
		"DelegateInfoRuntimeApi_get_delegated":                       func(_ *Node, _ *state, r *reader, w *writer) { r.account(); w.compact(0) },
		"DelegateInfoRuntimeApi_get_delegate":                        func(_ *Node, _ *state, r *reader, w *writer) { r.account(); w.u8(0) },
		"SubnetRegistrationRuntimeApi_get_network_registration_cost": func(_ *Node, _ *state, _ *reader, w *writer) { w.u64(1_000_000_000_000) },
		"SwapRuntimeApi_current_alpha_price":                         func(_ *Node, _ *state, r *reader, w *writer) { r.u16(); w.u64(1_000_000_000) },
		"SwapRuntimeApi_sim_swap_tao_for_alpha":                      simSwap,
		"SwapRuntimeApi_sim_swap_alpha_for_tao":                      simSwap,
	}
}

// simSwap is one for one: the node has no market.
func simSwap(_ *Node, _ *state, r *reader, w *writer) {
	r.u16()
	amount := r.u64()
	w.u64(amount)
	w.u64(amount)
	w.u64(0)
	w.u64(0)
}

func stateCall(n *Node, p params) (any, *rpcError) {
	var name string
	if e := p.into(0, &name); e != nil {
		return nil, e
	}
	args := []byte{}
	if !p.absent(1) {
		var e *rpcError
		if args, e = p.hex(1); e != nil {
			return nil, e
		}
	}
	s, _, e := n.stateAt(p, 2)
	if e != nil {
		return nil, e
	}
	f, ok := apis[name]
	if !ok {
		return nil, &rpcError{Code: codeClient, Message: fmt.Sprintf("Client error: Execution failed: Exported method %s is not found", name[:min(len(name), maxTextInEcho)])}
	}
	r, w := &reader{b: args}, &writer{}
	f(n, s, r, w)
	if r.err != nil {
		return nil, &rpcError{Code: codeClient, Message: "Client error: Execution failed: Execution aborted due to trap: Bad input data provided to " +
			name + ": " + r.err.Error()}
	}
	return hexText(w.b), nil
}

// apiExtrinsic reads an UncheckedExtrinsic and its length, and says what it costs.
func apiExtrinsic(s *state, r *reader) uint64 {
	from := r.at
	r.bytes()
	raw := r.b[from:r.at]
	r.u32()
	if r.err != nil {
		return 0
	}
	price, e := s.rt.quote(raw)
	if e != nil {
		r.fail(e)
	}
	return price
}

func apiQueryInfo(_ *Node, s *state, r *reader, w *writer) {
	price := apiExtrinsic(s, r)
	w.compact(callWeight)
	w.compact(callProof)
	w.u8(0)
	w.u64(price)
}

func apiQueryFees(_ *Node, s *state, r *reader, w *writer) {
	price := apiExtrinsic(s, r)
	w.u8(1)
	w.u64(0)
	w.u64(price)
	w.u64(0)
	w.u64(0)
}

// optional writes None for a network that does not exist, else Some of what f writes.
func (s *state) optional(w *writer, netuid uint16, f func(*writer, uint16)) {
	exists := s.bool(networksAdded.net(netuid), false)
	if w.bool(exists); exists {
		f(w, netuid)
	}
}

// each writes a sequence with one entry for every network, the root network first.
func (s *state) each(w *writer, f func(netuid uint16)) {
	ids := append([]uint16{0}, s.subnets()...)
	w.compact(uint64(len(ids)))
	for _, id := range ids {
		f(id)
	}
}

func (s *state) stakeInfos(w *writer, coldkey account) {
	type holding struct {
		hotkey account
		netuid uint16
	}
	var held []holding
	r := &reader{b: s.get(stakingHotkeys.of(coldkey))}
	if len(r.b) > 0 {
		for range r.count(32) {
			hotkey := r.account()
			for _, id := range append([]uint16{0}, s.subnets()...) {
				if s.fixed(alphaShares.at(blake128Concat(hotkey[:]), blake128Concat(coldkey[:]), le16(id))) > 0 {
					held = append(held, holding{hotkey, id})
				}
			}
		}
	}
	w.compact(uint64(len(held)))
	for _, h := range held {
		s.stakeInfo(w, h.hotkey, coldkey, h.netuid)
	}
}

func (s *state) stakeInfo(w *writer, hotkey, coldkey account, netuid uint16) {
	_, registered := s.uid(netuid, hotkey)
	w.account(hotkey)
	w.account(coldkey)
	w.compact(uint64(netuid))
	w.compact(s.fixed(alphaShares.at(blake128Concat(hotkey[:]), blake128Concat(coldkey[:]), le16(netuid))))
	for range 4 { // locked, emission, tao emission, drain
		w.compact(0)
	}
	w.bool(registered)
}
