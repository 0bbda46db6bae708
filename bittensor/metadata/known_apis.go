package metadata

import "fmt"

// axonInfo and selectiveMetagraph are parts of the signatures below.
const (
	axonInfo = "{block: u64, version: u32, ip: u128, port: u16, ip_type: u8, protocol: u8, placeholder1: u8, placeholder2: u8}"

	selectiveMetagraph = "Option<{netuid: Compact<u16>, name: Option<Vec<Compact<u8>>>, symbol: Option<Vec<Compact<u8>>>, " +
		"identity: Option<Option<{subnet_name: Vec<u8>, github_repo: Vec<u8>, subnet_contact: Vec<u8>, subnet_url: Vec<u8>, " +
		"discord: Vec<u8>, description: Vec<u8>, logo_url: Vec<u8>, additional: Vec<u8>}>>, " +
		"network_registered_at: Option<Compact<u64>>, owner_hotkey: Option<[u8; 32]>, owner_coldkey: Option<[u8; 32]>, " +
		"block: Option<Compact<u64>>, tempo: Option<Compact<u16>>, last_step: Option<Compact<u64>>, " +
		"blocks_since_last_step: Option<Compact<u64>>, subnet_emission: Option<Compact<u64>>, alpha_in: Option<Compact<u64>>, " +
		"alpha_out: Option<Compact<u64>>, tao_in: Option<Compact<u64>>, alpha_out_emission: Option<Compact<u64>>, " +
		"alpha_in_emission: Option<Compact<u64>>, tao_in_emission: Option<Compact<u64>>, " +
		"pending_alpha_emission: Option<Compact<u64>>, pending_root_emission: Option<Compact<u64>>, " +
		"subnet_volume: Option<Compact<u128>>, moving_price: Option<{bits: i128}>, rho: Option<Compact<u16>>, " +
		"kappa: Option<Compact<u16>>, min_allowed_weights: Option<Compact<u16>>, max_weights_limit: Option<Compact<u16>>, " +
		"weights_version: Option<Compact<u64>>, weights_rate_limit: Option<Compact<u64>>, activity_cutoff: Option<Compact<u16>>, " +
		"max_validators: Option<Compact<u16>>, num_uids: Option<Compact<u16>>, max_uids: Option<Compact<u16>>, " +
		"burn: Option<Compact<u64>>, difficulty: Option<Compact<u64>>, registration_allowed: Option<bool>, " +
		"pow_registration_allowed: Option<bool>, immunity_period: Option<Compact<u16>>, min_difficulty: Option<Compact<u64>>, " +
		"max_difficulty: Option<Compact<u64>>, min_burn: Option<Compact<u64>>, max_burn: Option<Compact<u64>>, " +
		"adjustment_alpha: Option<Compact<u64>>, adjustment_interval: Option<Compact<u16>>, " +
		"target_regs_per_interval: Option<Compact<u16>>, max_regs_per_block: Option<Compact<u16>>, " +
		"serving_rate_limit: Option<Compact<u64>>, commit_reveal_weights_enabled: Option<bool>, " +
		"commit_reveal_period: Option<Compact<u64>>, liquid_alpha_enabled: Option<bool>, alpha_high: Option<Compact<u16>>, " +
		"alpha_low: Option<Compact<u16>>, bonds_moving_avg: Option<Compact<u64>>, hotkeys: Option<Vec<[u8; 32]>>, " +
		"coldkeys: Option<Vec<[u8; 32]>>, identities: Option<Vec<Option<{name: Vec<u8>, url: Vec<u8>, github_repo: Vec<u8>, " +
		"image: Vec<u8>, discord: Vec<u8>, description: Vec<u8>, additional: Vec<u8>}>>>, axons: Option<Vec<" + axonInfo + ">>, " +
		"active: Option<Vec<bool>>, validator_permit: Option<Vec<bool>>, pruning_score: Option<Vec<Compact<u16>>>, " +
		"last_update: Option<Vec<Compact<u64>>>, emission: Option<Vec<Compact<u64>>>, dividends: Option<Vec<Compact<u16>>>, " +
		"incentives: Option<Vec<Compact<u16>>>, consensus: Option<Vec<Compact<u16>>>, trust: Option<Vec<Compact<u16>>>, " +
		"rank: Option<Vec<Compact<u16>>>, block_at_registration: Option<Vec<Compact<u64>>>, alpha_stake: Option<Vec<Compact<u64>>>, " +
		"tao_stake: Option<Vec<Compact<u64>>>, total_stake: Option<Vec<Compact<u64>>>, " +
		"tao_dividends_per_hotkey: Option<Vec<([u8; 32], Compact<u64>)>>, " +
		"alpha_dividends_per_hotkey: Option<Vec<([u8; 32], Compact<u64>)>>, validators: Option<Vec<Compact<u16>>>, " +
		"commitments: Option<Vec<([u8; 32], Vec<Compact<u8>>)>>}>"
)

// knownAPIs are the methods that a miner or validator needs, as of spec version 343.
var knownAPIs = []struct{ api, method, signature string }{
	{"Metadata", "metadata_at_version", "(version: u32) -> Option<Vec<u8>>"},
	{"Metadata", "metadata_versions", "() -> Vec<u32>"},
	{"AccountNonceApi", "account_nonce", "(account: [u8; 32]) -> u32"},
	{"TransactionPaymentApi", "query_info", "(uxt: Vec<u8>, len: u32) -> {weight: {ref_time: Compact<u64>, proof_size: Compact<u64>}, " +
		"class: enum{Normal, Operational, Mandatory}, partial_fee: u64}"},
	{"SubnetInfoRuntimeApi", "get_subnet_hyperparams", "(netuid: u16) -> Option<{rho: Compact<u16>, kappa: Compact<u16>, " +
		"immunity_period: Compact<u16>, min_allowed_weights: Compact<u16>, max_weights_limit: Compact<u16>, tempo: Compact<u16>, " +
		"min_difficulty: Compact<u64>, max_difficulty: Compact<u64>, weights_version: Compact<u64>, weights_rate_limit: Compact<u64>, " +
		"adjustment_interval: Compact<u16>, activity_cutoff: Compact<u16>, registration_allowed: bool, " +
		"target_regs_per_interval: Compact<u16>, min_burn: Compact<u64>, max_burn: Compact<u64>, bonds_moving_avg: Compact<u64>, " +
		"max_regs_per_block: Compact<u16>, serving_rate_limit: Compact<u64>, max_validators: Compact<u16>, " +
		"adjustment_alpha: Compact<u64>, difficulty: Compact<u64>, commit_reveal_period: Compact<u64>, " +
		"commit_reveal_weights_enabled: bool, alpha_high: Compact<u16>, alpha_low: Compact<u16>, liquid_alpha_enabled: bool}>"},
	{"SubnetInfoRuntimeApi", "get_selective_metagraph", "(netuid: u16, metagraph_indexes: Vec<u16>) -> " + selectiveMetagraph},
	{"SubnetInfoRuntimeApi", "get_selective_mechagraph",
		"(netuid: u16, subid: u8, metagraph_indexes: Vec<u16>) -> " + selectiveMetagraph},
	{"NeuronInfoRuntimeApi", "get_neurons_lite", "(netuid: u16) -> Vec<{hotkey: [u8; 32], coldkey: [u8; 32], uid: Compact<u16>, " +
		"netuid: Compact<u16>, active: bool, axon_info: " + axonInfo + ", prometheus_info: {block: u64, version: u32, ip: u128, " +
		"port: u16, ip_type: u8}, stake: Vec<([u8; 32], Compact<u64>)>, rank: Compact<u16>, emission: Compact<u64>, " +
		"incentive: Compact<u16>, consensus: Compact<u16>, trust: Compact<u16>, validator_trust: Compact<u16>, " +
		"dividends: Compact<u16>, last_update: Compact<u64>, validator_permit: bool, pruning_score: Compact<u16>}>"},
}

// DescribeKnownAPIs tells a Runtime of version 14 of the runtime APIs that a miner or validator needs, with the shapes that they had at spec version
// 343. Methods that it knows already stay as they are. Fields were appended to these structures over time: an answer of another
// runtime mostly ends too early or too late then, which is an error, but prefer version 15 wherever a node offers it. Like
// DescribeAPI, call it before others use the Runtime.
func (rt *Runtime) DescribeKnownAPIs() error {
	for _, k := range knownAPIs {
		if rt.HasAPI(k.api, k.method) {
			continue
		}
		if err := rt.DescribeAPI(k.api, k.method, k.signature); err != nil {
			return fmt.Errorf("couldn't describe %s.%s: %w", k.api, k.method, err)
		}
	}
	return nil
}
