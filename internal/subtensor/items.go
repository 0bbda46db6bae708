package subtensor

// The storage items that the node serves, by pallet (specification of the chain, section 4).
var (
	sysAccount     = itemOf("System", "Account")
	sysBlockHash   = itemOf("System", "BlockHash")
	sysNumber      = itemOf("System", "Number")
	sysParentHash  = itemOf("System", "ParentHash")
	sysDigest      = itemOf("System", "Digest")
	sysEvents      = itemOf("System", "Events")
	sysEventCount  = itemOf("System", "EventCount")
	sysLastUpgrade = itemOf("System", "LastRuntimeUpgrade")
	timestampNow   = itemOf("Timestamp", "Now")
	totalIssuance  = itemOf("Balances", "TotalIssuance")
)

func sub(name string) item { return itemOf("SubtensorModule", name) }

var (
	networksAdded      = sub("NetworksAdded")
	totalNetworks      = sub("TotalNetworks")
	networkRegistered  = sub("NetworkRegisteredAt")
	registrationOpen   = sub("NetworkRegistrationAllowed")
	powOpen            = sub("NetworkPowRegistrationAllowed")
	subtokenEnabled    = sub("SubtokenEnabled")
	firstEmission      = sub("FirstEmissionBlockNumber")
	tokenSymbol        = sub("TokenSymbol")
	subnetIdentity     = sub("SubnetIdentitiesV3")
	subnetOwner        = sub("SubnetOwner")
	subnetOwnerHotkey  = sub("SubnetOwnerHotkey")
	subnetMechanism    = sub("SubnetMechanism")
	subnetworkN        = sub("SubnetworkN")
	tempo              = sub("Tempo")
	maxUids            = sub("MaxAllowedUids")
	maxValidators      = sub("MaxAllowedValidators")
	minAllowedWeights  = sub("MinAllowedWeights")
	maxWeightsLimit    = sub("MaxWeightsLimit")
	immunityPeriod     = sub("ImmunityPeriod")
	activityCutoff     = sub("ActivityCutoff")
	weightsRateLimit   = sub("WeightsSetRateLimit")
	weightsVersionKey  = sub("WeightsVersionKey")
	servingRateLimit   = sub("ServingRateLimit")
	rho                = sub("Rho")
	kappa              = sub("Kappa")
	burn               = sub("Burn")
	minBurn            = sub("MinBurn")
	maxBurn            = sub("MaxBurn")
	difficulty         = sub("Difficulty")
	minDifficulty      = sub("MinDifficulty")
	maxDifficulty      = sub("MaxDifficulty")
	adjustmentAlpha    = sub("AdjustmentAlpha")
	adjustmentInterval = sub("AdjustmentInterval")
	lastAdjustment     = sub("LastAdjustmentBlock")
	targetRegs         = sub("TargetRegistrationsPerInterval")
	regsThisInterval   = sub("RegistrationsThisInterval")
	burnRegsInterval   = sub("BurnRegistrationsThisInterval")
	regsThisBlock      = sub("RegistrationsThisBlock")
	maxRegsPerBlock    = sub("MaxRegistrationsPerBlock")
	recycled           = sub("RAORecycledForRegistration")
	commitReveal       = sub("CommitRevealWeightsEnabled")
	commitRevealForm   = sub("CommitRevealWeightsVersion")
	revealPeriod       = sub("RevealPeriodEpochs")
	mechanismCount     = sub("MechanismCountCurrent")
	liquidAlpha        = sub("LiquidAlphaOn")
	alphaValues        = sub("AlphaValues")
	alphaSteepness     = sub("AlphaSigmoidSteepness")
	yuma3              = sub("Yuma3On")
	bondsAverage       = sub("BondsMovingAverage")
	bondsReset         = sub("BondsResetOn")
	transferToggle     = sub("TransferToggle")
	scalingLaw         = sub("ScalingLawPower")
	stakeThreshold     = sub("StakeThreshold")
	taoWeight          = sub("TaoWeight")
	totalStake         = sub("TotalStake")
	subIssuance        = sub("TotalIssuance")
	blockEmission      = sub("BlockEmission")
	sinceLastStep      = sub("BlocksSinceLastStep")
	lastStep           = sub("LastMechansimStepBlock") // so spelt on the chain

	lastEpoch    = sub("LastEpochBlock")
	pendingEpoch = sub("PendingEpochAt")
	epochNumber  = sub("SubnetEpochIndex")

	uids           = sub("Uids")
	keys           = sub("Keys")
	isMember       = sub("IsNetworkMember")
	owner          = sub("Owner")
	ownedHotkeys   = sub("OwnedHotkeys")
	stakingHotkeys = sub("StakingHotkeys")
	hotkeyAlpha    = sub("TotalHotkeyAlpha")
	hotkeyShares   = sub("TotalHotkeyShares")
	alphaShares    = sub("Alpha")
	registeredAt   = sub("BlockAtRegistration")
	axons          = sub("Axons")
	certificates   = sub("NeuronCertificates")
	prometheus     = sub("Prometheus")
	identities     = sub("IdentitiesV2")

	active          = sub("Active")
	rank            = sub("Rank")
	trust           = sub("Trust")
	consensus       = sub("Consensus")
	incentive       = sub("Incentive")
	dividends       = sub("Dividends")
	emission        = sub("Emission")
	lastUpdate      = sub("LastUpdate")
	validatorTrust  = sub("ValidatorTrust")
	pruningScores   = sub("PruningScores")
	validatorPermit = sub("ValidatorPermit")
	weights         = sub("Weights")
	bonds           = sub("Bonds")
	alphaDividends  = sub("AlphaDividendsPerSubnet")

	subnetTAO      = sub("SubnetTAO")
	subnetAlphaIn  = sub("SubnetAlphaIn")
	subnetAlphaOut = sub("SubnetAlphaOut")

	subnetAlphaOutEmission = sub("SubnetAlphaOutEmission")
	sqrtPrice              = itemOf("Swap", "AlphaSqrtPrice")

	weightCommits   = sub("WeightCommits")
	timelockCommits = sub("TimelockedWeightCommits")

	commitmentOf    = itemOf("Commitments", "CommitmentOf")
	lastCommitment  = itemOf("Commitments", "LastCommitment")
	lastBondsReset  = itemOf("Commitments", "LastBondsReset")
	revealedOf      = itemOf("Commitments", "RevealedCommitments")
	usedSpaceOf     = itemOf("Commitments", "UsedSpaceOf")
	maxSpace        = itemOf("Commitments", "MaxSpace")
	timelockedIndex = itemOf("Commitments", "TimelockedIndex")

	pulses       = itemOf("Drand", "Pulses")
	lastRound    = itemOf("Drand", "LastStoredRound")
	oldestRound  = itemOf("Drand", "OldestStoredRound")
	beaconConfig = itemOf("Drand", "BeaconConfig")
)

// netUID is the key of the maps by netuid and uid, both Identity.
func (i item) netUID(netuid, uid uint16) string { return i.at(le16(netuid), le16(uid)) }

// netKey is the key of the maps by netuid (Identity) and account (Blake2_128Concat).
func (i item) netKey(netuid uint16, a account) string {
	return i.at(le16(netuid), blake128Concat(a[:]))
}

// keyNet is the key of the maps by account (Blake2_128Concat) and netuid (Identity).
func (i item) keyNet(a account, netuid uint16) string {
	return i.at(blake128Concat(a[:]), le16(netuid))
}

// of is the key of the maps by account (Blake2_128Concat).
func (i item) of(a account) string { return i.at(blake128Concat(a[:])) }

// note is the key of the maps of Commitments: netuid (Identity) and account (Twox64Concat).
func (i item) note(netuid uint16, a account) string { return i.at(le16(netuid), twox64Concat(a[:])) }

// twox is the key of the maps by netuid that hash it with Twox64Concat.
func (i item) twox(netuid uint16) string { return i.at(twox64Concat(le16(netuid))) }

// storageIndex is the chain's "NetUidStorageIndex": the mechanisms of a subnet share its neurons and have weights of their own.
func storageIndex(netuid uint16, mechanism uint8) uint16 { return uint16(mechanism)*4096 + netuid }
