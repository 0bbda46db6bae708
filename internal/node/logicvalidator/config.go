package logicvalidator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/internal/node/logicvalidator/proxy"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/challenge"
)

// ErrConfig says that a validator cannot be made of this configuration.
var ErrConfig = errors.New("validator is not configured right")

// Member is a member of the subnet.
type Member struct {
	UID    int
	Hotkey logicnet.Hotkey
	Stake  float64 // total, in TAO
	// Axon is where it serves; the zero AddrPort when it doesn't.
	Axon netip.AddrPort
	// Permit says that it may set weights, LastUpdate is the block in which it last did.
	Permit     bool
	LastUpdate uint64
}

// Limits are the subnet's settings by which the chain takes or refuses weights.
type Limits struct {
	MinWeights, MaxWeight uint16 // least number; largest share in 1/65535
	RateLimit             uint64 // blocks between two settings
	VersionKey            uint64 // least version key
}

// Snapshot is the subnet as of a block.
type Snapshot struct {
	Block   uint64
	Members []Member // by UID
	Limits  Limits
}

// Chain is what a validator needs of the chain. NewSubnet makes one.
type Chain interface {
	// Snapshot reads members and limits as of the newest block.
	Snapshot(ctx context.Context) (Snapshot, error)
	// SetWeights replaces the validator's weights and returns the block that includes them.
	SetWeights(ctx context.Context, uids, values []uint16, versionKey uint64) (block uint64, err error)
}

// Models answers chats. *llm.Client does.
type Models interface {
	Complete(ctx context.Context, r llm.Request) (llm.Answer, error)
}

// Encoder turns texts into vectors, one for each. *bert.Encoder does, and *Embeddings.
type Encoder interface {
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// Rephraser puts a question into a persona's words. The numbers have to survive; an error lets the question be asked as it is.
type Rephraser interface {
	Rephrase(ctx context.Context, question string, rng logicnet.Rand) (string, error)
}

// Config is what a validator consists of.
type Config struct {
	// Rules say how long rounds are, how batches are drawn and what answers earn.
	Rules  logicnet.Rules
	Hotkey sr25519.Keypair
	Chain  Chain
	// Dendrite says how miners are called: DialTimeout, AllowPrivate for networks on one machine, and so on. The hotkey is filled in; zero fields
	// get what suits a validator.
	Dendrite dendrite.Config
	// Dir is the data folder. It has to exist.
	Dir string
	// Network binds the stored state to one subnet of one chain, such as its genesis hash and number; "" for any.
	Network string

	// Source poses problems; nil for the built-in one alone, which also steps in whenever Source fails.
	Source Source
	// Rephraser puts questions into other words; nil for none: then each miner gets other numbers.
	Rephraser Rephraser
	// Reasoner writes the validator's own reasoning, to which those of miners are compared; nil for none.
	Reasoner Models
	// Judges decide what arithmetic cannot: two vote together, one votes twice, and without any such answers stay unscored.
	Judges []Models
	// Encoder measures how similar reasonings are; nil for nobody being more similar than others.
	Encoder Encoder
	// CheatWords are words that no answer may contain, for the reference's rules; nil for none.
	CheatWords func(ctx context.Context) []string
	// KeepDuplicates lets a reasoning count that another miner gave before.
	KeepDuplicates bool

	// DisableWeights sets no weights.
	DisableWeights bool
	// VersionKey goes with the weights, logicnet.VersionKey when zero.
	VersionKey uint64
	// Rounds is after how many rounds Run ends, 0 for never.
	Rounds int

	// Proxy, where its Listener is not nil, serves questions of outside users. Ask and Status are filled in.
	Proxy ProxyConfig

	// Name is the validator's name in events, Status gets them, nil for nobody.
	Name   string
	Status status.Sink

	// Spacing is the least time between two questions to one miner, 250 ms when zero: miners refuse what overtakes an earlier question on the way.
	Spacing time.Duration
	// JudgePatience bounds the grading of one batch, 2 minutes when zero; RephrasePatience the rewriting, 1 minute when zero.
	JudgePatience, RephrasePatience time.Duration
}

// ProxyConfig is where and to whom the proxy is open.
type ProxyConfig struct {
	Listener net.Listener
	proxy.Config
}

// maxReply bounds what a miner may send, in bytes. An answer has at most some kilobytes, and what it was asked comes back with it.
const maxReply = 128 << 10

// New makes a validator. Errors wrap ErrConfig or logicnet.ErrRules.
func New(cfg Config) (*Validator, error) {
	if cfg.Chain == nil || cfg.Dir == "" {
		return nil, fmt.Errorf("couldn't make LogicNet validator: %w: it needs a chain and a data folder", ErrConfig)
	}
	if err := cfg.Rules.Validate(); err != nil {
		return nil, fmt.Errorf("couldn't make LogicNet validator: %w", err)
	}
	if cfg.Status == nil {
		cfg.Status = status.Discard
	}
	if cfg.VersionKey == 0 {
		cfg.VersionKey = logicnet.VersionKey
	}
	orDuration(&cfg.Spacing, 250*time.Millisecond)
	orDuration(&cfg.JudgePatience, 2*time.Minute)
	orDuration(&cfg.RephrasePatience, time.Minute)
	cfg.Dendrite.Hotkey = cfg.Hotkey
	if cfg.Dendrite.Concurrency <= 0 {
		cfg.Dendrite.Concurrency = 1024
	}
	if cfg.Dendrite.MaxBodyBytes <= 0 {
		cfg.Dendrite.MaxBodyBytes = maxReply
	}
	client, err := dendrite.New(cfg.Dendrite)
	if err != nil {
		return nil, fmt.Errorf("couldn't make LogicNet validator: %w: %w", ErrConfig, err)
	}
	v := &Validator{
		cfg: cfg, own: logicnet.Hotkey(cfg.Hotkey.PublicKey()), client: client,
		table: logicnet.NewTable(cfg.Rules), turns: newTurns(cfg.Spacing), canned: newCanned(),
		spent: logicnet.NewLimiter[logicnet.Hotkey](seconds(cfg.Rules.LimitSeconds) + windowSlack),
	}
	if cfg.Reasoner != nil {
		if v.reasoner, err = challenge.NewRewriter(challenge.Options{Model: completer(cfg.Reasoner), Reference: cfg.Rules.Grading == logicnet.GradeReference}); err != nil {
			client.Close()
			return nil, fmt.Errorf("couldn't make LogicNet validator: %w: %w", ErrConfig, err)
		}
	}
	if cfg.Proxy.Listener != nil {
		if v.proxy, err = proxy.New(cfg.Proxy.Config, v.Ask); err != nil {
			client.Close()
			return nil, fmt.Errorf("couldn't make LogicNet validator: %w: %w", ErrConfig, err)
		}
	}
	return v, nil
}

func orDuration(d *time.Duration, other time.Duration) {
	if *d <= 0 {
		*d = other
	}
}
