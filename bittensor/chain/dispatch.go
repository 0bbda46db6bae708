package chain

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
)

// DispatchError is the runtime's refusal of a call that was included in a block: the pallet's name for it, with its docs. It matches the sentinel
// that its name stands for.
type DispatchError struct{ metadata.DispatchError }

func (e *DispatchError) Error() string {
	return "the chain refused the call: " + e.DispatchError.Error()
}

// Is matches the package's sentinels.
func (e *DispatchError) Is(target error) bool {
	s := sentinels[e.Name]
	return s != nil && s == target
}

// sentinels by the runtime's names, which are the same in all runtimes; the numbers aren't.
var sentinels = map[string]error{
	"SettingWeightsTooFast": ErrRateLimited, "CommittingWeightsTooFast": ErrRateLimited, "ServingRateLimitExceeded": ErrRateLimited,
	"NetworkTxRateLimitExceeded": ErrRateLimited, "TxRateLimitExceeded": ErrRateLimited, "HotKeySetTxRateLimitExceeded": ErrRateLimited,
	"TooManyRegistrationsThisBlock": ErrRateLimited, "TooManyRegistrationsThisInterval": ErrRateLimited, "TooManyUnrevealedCommits": ErrRateLimited,
	"CommitmentSetRateLimitExceeded": ErrRateLimited, "StakingRateLimitExceeded": ErrRateLimited,

	"HotKeyNotRegisteredInSubNet": ErrNotRegistered, "HotKeyNotRegisteredInNetwork": ErrNotRegistered, "HotKeyAccountNotExists": ErrNotRegistered,
	"AccountNotAllowedCommit": ErrNotRegistered,

	"NeuronNoValidatorPermit": ErrNoPermit, "NotEnoughStakeToSetWeights": ErrStakeTooLow, "NotEnoughStake": ErrStakeTooLow,
	"CommitRevealEnabled": ErrCommitRevealEnabled, "CommitRevealDisabled": ErrCommitRevealDisabled,
	"NoWeightsCommitFound": ErrReveal, "InvalidRevealCommitHashNotMatch": ErrReveal, "ExpiredWeightCommit": ErrReveal, "RevealTooEarly": ErrReveal,
	"InvalidRevealRound": ErrReveal, "IncorrectCommitRevealVersion": ErrReveal,
	"IncorrectWeightVersionKey": ErrVersionKey,
	"WeightVecNotEqualSize":     ErrWeights, "DuplicateUids": ErrWeights, "UidVecContainInvalidOne": ErrWeights, "WeightVecLengthIsLow": ErrWeights,
	"MaxWeightExceeded": ErrWeights, "UidsLengthExceedUidsInSubNet": ErrWeights, "InputLengthsUnequal": ErrWeights,

	"NotEnoughBalanceToStake": ErrBalance, "InsufficientBalance": ErrBalance, "BalanceWithdrawalError": ErrBalance, "ZeroBalanceAfterWithdrawn": ErrBalance,
	"Token.FundsUnavailable": ErrBalance, "Token.NotExpendable": ErrBalance, "Token.BelowMinimum": ErrBalance,
	"RegistrationPriceLimitExceeded": ErrPrice, "HotKeyAlreadyRegisteredInSubNet": ErrAlreadyRegistered,
	"SubNetRegistrationDisabled": ErrRegistrationClosed, "NoNeuronIdAvailable": ErrRegistrationClosed,
	"InvalidIpType": ErrAddress, "InvalidIpAddress": ErrAddress, "InvalidPort": ErrAddress,
	"SpaceLimitExceeded": ErrSpaceLimit, "TooManyFieldsInCommitmentInfo": ErrTooLong,
	"NonAssociatedColdKey": ErrColdkey, "ColdKeyAlreadyAssociated": ErrColdkey, "ColdkeySwapAnnounced": ErrColdkey, "ColdkeySwapDisputed": ErrColdkey,
	"SubnetNotExists": ErrNoSubnet, "RootNetworkDoesNotExist": ErrNoSubnet, "MechanismDoesNotExist": ErrNoSubnet, "InvalidSubnetNumber": ErrNoSubnet,
}

// PoolError is a refusal before inclusion, by the transaction pool or by validation.
type PoolError struct {
	// Code is the node's: 1010 invalid, 1012 banned, 1014 priority too low, 1016 dropped; 0 from a dry run.
	Code int
	// Kind is Stale, Future, BadProof, AncientBirthBlock, Payment, ExhaustsResources, Custom, Banned, Imported, Priority, Dropped, Unknown or Call.
	Kind string
	// Custom is the number of a Custom refusal (section 2), -1 otherwise.
	Custom int
	Text   string
}

func (e *PoolError) Error() string {
	if e.Kind == "Custom" {
		text := customs[e.Custom].text
		if text == "" {
			text = "unknown reason"
		}
		return fmt.Sprintf("the pool refused the transaction: custom error %d: %s", e.Custom, text)
	}
	return fmt.Sprintf("the pool refused the transaction: %s (%.200s)", e.Kind, e.Text)
}

// Is matches the package's sentinels.
func (e *PoolError) Is(target error) bool {
	switch e.Kind {
	case "Custom":
		s := customs[e.Custom].sentinel
		return s != nil && s == target
	case "Payment":
		return target == ErrBalance
	case "BadProof":
		return target == ErrSignature
	case "AncientBirthBlock":
		return target == ErrOutdated
	case "Stale", "Future", "Priority":
		return target == ErrNonce
	case "Banned", "Dropped":
		return target == ErrLost
	}
	return false
}

// customs are subtensor's own refusals by number.
var customs = map[int]struct {
	text     string
	sentinel error
}{
	0: {"coldkey is being swapped", ErrColdkey}, 1: {"stake too low", ErrStakeTooLow}, 2: {"balance too low", ErrBalance},
	3: {"subnet does not exist", ErrNoSubnet}, 4: {"hotkey account does not exist", ErrNotRegistered}, 5: {"not enough stake to withdraw", ErrStakeTooLow},
	6: {"rate limit exceeded", ErrRateLimited}, 7: {"insufficient liquidity", nil}, 8: {"slippage too high", nil}, 9: {"transfer disallowed", nil},
	10: {"hotkey not registered in the network", ErrNotRegistered}, 11: {"invalid ip address", ErrAddress}, 12: {"serving rate limit exceeded", ErrRateLimited},
	13: {"invalid port", ErrAddress}, 14: {"zero max amount", nil}, 15: {"invalid reveal round", ErrReveal}, 16: {"commit not found", ErrReveal},
	17: {"commit not in reveal range", ErrReveal}, 18: {"input lengths unequal", ErrWeights}, 19: {"uid not found", ErrNotRegistered},
	20: {"EVM key rate limit exceeded", ErrRateLimited}, 21: {"coldkey swap disputed", ErrColdkey}, 22: {"invalid real account", nil},
	23: {"shielded transaction refused", nil}, 24: {"shielded transaction refused", nil}, 25: {"coldkey not associated with the hotkey", ErrColdkey},
	26: {"delegate take too low", nil}, 27: {"delegate take too high", nil}, 255: {"bad request", nil},
}

var customNumber = regexp.MustCompile(`custom(?: error)?"?:\s*(\d{1,3})`)

// kinds of invalid transactions, by what nodes call them.
var kinds = []struct{ word, kind string }{
	{"outdated", "Stale"}, {"stale", "Stale"}, {"bad signature", "BadProof"}, {"badproof", "BadProof"}, {"bad proof", "BadProof"},
	{"ancient birth block", "AncientBirthBlock"}, {"ancientbirthblock", "AncientBirthBlock"},
	{"inability to pay", "Payment"}, {"payment", "Payment"}, {"exhaust", "ExhaustsResources"}, {"future", "Future"}, {"call is not expected", "Call"},
}

// poolError reads a node's error as the pool's. ok is false if it is something else. Codes and numbers count, words only where the node gives
// nothing else (section 2).
func poolError(err error) (*PoolError, bool) {
	var own *rpc.Error
	if !errors.As(err, &own) {
		return nil, false
	}
	text := own.Message + " " + own.DataText()
	e := &PoolError{Code: own.Code, Custom: -1, Text: strings.TrimSpace(text), Kind: "Unknown"}
	switch own.Code {
	case 1012:
		e.Kind = "Banned"
	case 1013:
		e.Kind = "Imported"
	case 1014:
		e.Kind = "Priority"
	case 1015, 1016:
		e.Kind = "Dropped"
	case 1011:
	case 1010:
		low := strings.ToLower(text)
		if m := customNumber.FindStringSubmatch(low); m != nil {
			e.Kind = "Custom"
			e.Custom, _ = strconv.Atoi(m[1])
			return e, true
		}
		for _, k := range kinds {
			if strings.Contains(low, k.word) {
				e.Kind = k.kind
				return e, true
			}
		}
	default:
		return nil, false
	}
	return e, true
}
