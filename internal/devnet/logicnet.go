package devnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node/logicvalidator"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/internal/subtensor"
	"github.com/nanteos/nanteos/logicnet"
)

// LogicNetUID is the number of the LogicNet subnet, as on the public chain.
const LogicNetUID = 35

// Roles on LogicNet. They are told apart from those on Grail because their events mean something else: a "window" is a round there.
const (
	LogicValidator Role = "logicnet-validator"
	LogicMiner     Role = "logicnet-miner"
)

// LogicWeights is the event of weights on LogicNet. Its fields are those of status.Weights, which stands for Grail's.
const LogicWeights status.Kind = "logicnet_weights"

// The kinds of LogicNet's miners.
const (
	LogicModel    = "model"    // answers with the embedded base model, which adds and subtracts small numbers and no more
	LogicExact    = "exact"    // answers with the exact solver
	LogicReplayer = "replayer" // passes the validator's signed requests on to the exact miner, and gives its former answers
	LogicInjector = "injector" // addresses the judge instead of answering
	LogicSlow     = "slow"     // answers right, when the time is over
)

// LogicMembers lists LogicNet's members in the order of UIDs; nobody where the network has none.
func (s Settings) LogicMembers() []Member {
	if !s.LogicNet {
		return nil
	}
	members := []Member{{Name: "logic-validator", Role: LogicValidator, Stake: 20_000 * rao}}
	for i := range 3 {
		members = append(members, Member{Name: fmt.Sprintf("logic-model-%d", i+1), Role: LogicMiner, Kind: LogicModel})
	}
	for _, kind := range []string{LogicExact, LogicReplayer, LogicInjector, LogicSlow} {
		members = append(members, Member{Name: "logic-" + kind, Role: LogicMiner, Kind: kind})
	}
	for i := range members {
		members[i].UID = i
		s.identify(&members[i])
	}
	return members
}

// LogicRules are LogicNet's hardened rules with the times of a network that lives for minutes: rounds of a few seconds, weights after each.
func (s Settings) LogicRules() logicnet.Rules {
	r := logicnet.Hardened()
	r.RoundSeconds, r.Batches, r.BatchGapSeconds = 5, 1, 0
	r.TimeoutSeconds, r.InfoTimeoutSeconds, r.LimitSeconds = 2, 2, 60
	r.ScoreChance = 1
	r.WeightBlocks = max(1, int64(4*time.Second/s.BlockTime))
	return r
}

// logicSubnet is LogicNet in the chain's genesis.
func (s Settings) logicSubnet(like subtensor.Hyperparameters) subtensor.Subnet {
	params := like
	params.WeightsRateLimit = uint64(max(1, time.Second/s.BlockTime))
	params.ServingRateLimit = 0 // ports are others after each start
	subnet := subtensor.Subnet{NetUID: LogicNetUID, Name: "logicnet", Symbol: "l", Params: params}
	for _, m := range s.LogicMembers() {
		subnet.Neurons = append(subnet.Neurons, subtensor.Neuron{Hotkey: m.Address(), Coldkey: m.Address(), Stake: m.Stake, Permit: m.Role == LogicValidator})
	}
	return subnet
}

// elsewhere is an address of nobody's (RFC 5737) under which LogicNet's axons are announced: the chain takes no loopback address. It is given to
// the validator's client as its own, and that reaches axons at its own address over loopback.
var elsewhere = netip.MustParseAddr("192.0.2.1")

// logicNet is LogicNet beside Grail.
type logicNet struct {
	n       *Network
	members []Member
	rules   logicnet.Rules
	tally   *Tally
	chain   *chain.Remote
}

// openLogic connects to the chain for LogicNet, where the network has it.
func (n *Network) openLogic(ctx context.Context) error {
	members := n.folder.made.LogicMembers()
	if len(members) == 0 {
		return nil
	}
	remote, err := chain.Dial(ctx, chain.RemoteConfig{Endpoints: []string{n.endpoint}, Genesis: n.node.GenesisHash(), NetUID: LogicNetUID})
	if err != nil {
		return err
	}
	n.logic = &logicNet{n: n, members: members, rules: n.folder.made.LogicRules(), tally: NewTally(members, n.began), chain: remote}
	return nil
}

// LogicMembers lists who takes part in LogicNet.
func (n *Network) LogicMembers() []Member { return n.folder.made.LogicMembers() }

func (l *logicNet) close() error {
	if l == nil {
		return nil
	}
	return l.chain.Close()
}

// sink is where a member reports to.
func (l *logicNet) sink(m Member) status.Sink {
	to := l.n.registry.Named(m.Name, string(m.Role), m.Address())
	return status.Func(func(e status.Event) {
		switch e.Kind {
		case status.Start:
			uid := m.UID
			e.UID, e.Text = &uid, m.Kind
		case status.Weights:
			e.Kind = LogicWeights
		case status.Fault:
			if l.n.ending.Load() {
				return // a call that was cut short because the network ends
			}
		}
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		e.Node = m.Name
		l.tally.Emit(e)
		to.Emit(e)
	})
}

// run runs LogicNet until ctx ends. What goes wrong in it is told, and Grail goes on.
func (l *logicNet) run(ctx context.Context) error {
	err := l.live(ctx)
	if err != nil && ctx.Err() == nil {
		l.tally.fail(err)
		l.sink(l.members[0]).Emit(status.Event{Kind: status.Fault, Reason: "LogicNet has ended: " + err.Error()})
	}
	<-ctx.Done()
	return ctx.Err()
}

// live starts model, miners and validator, and returns when all have ended: with ctx, or because one failed.
func (l *logicNet) live(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	failed := make(chan error, len(l.members)+1)
	run := func(name string, do func(context.Context) error) {
		group.Go(func() {
			if err := do(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
				cancel()
			}
		})
	}
	base, err := l.serveBase(run)
	if err != nil {
		return err
	}
	miners := l.members[1:]
	ports := map[string]uint16{}
	places := make([]net.Listener, len(miners))
	for i, m := range miners {
		if places[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("couldn't listen: %w", err)
		}
		defer places[i].Close()
		ports[m.Address()] = netip.MustParseAddrPort(places[i].Addr().String()).Port()
	}
	crew := crew{logicNet: l, base: base, ports: ports}
	for i, m := range miners {
		serve, err := crew.miner(m, places[i])
		if err != nil {
			return err
		}
		run(m.Name, serve)
	}
	if err := l.gather(ctx, ports); err != nil {
		return err
	}
	v, err := l.validator(l.members[0])
	if err != nil {
		return err
	}
	run(l.members[0].Name, v.Run)
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// announce tells the chain where a member's axon is.
func (l *logicNet) announce(ctx context.Context, m Member, port uint16) error {
	_, err := l.chain.Client().Serve(ctx, m.Hotkey, LogicNetUID, bittensor.Axon{
		Version: uint32(weights.Version(9, 0, 0)), Address: netip.AddrPortFrom(elsewhere, port), Protocol: 4,
	})
	return err
}

// gatherFor bounds how long the validator waits for miners to be on the chain. Who comes later is found with the next round.
const gatherFor = 20 * time.Second

// leased is how long miners that were killed refuse everybody when they run again: their lease of nonces (package nonce) and a little more.
const leased = 3500 * time.Millisecond

// gather waits until the chain knows all axons, and until they answer.
func (l *logicNet) gather(ctx context.Context, ports map[string]uint16) error {
	if !l.n.folder.fresh {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leased):
		}
	}
	subnet := logicvalidator.NewSubnet(l.chain, LogicNetUID, l.members[0].Signer())
	for end := time.Now().Add(gatherFor); time.Now().Before(end); {
		s, err := subnet.Snapshot(ctx)
		known := 0
		for _, m := range s.Members {
			if port := ports[m.Hotkey.String()]; port != 0 && m.Axon.Port() == port {
				known++
			}
		}
		if err == nil && known == len(ports) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// validator makes the validator. Its questions have numbers for answers, which need no judge.
func (l *logicNet) validator(m Member) (*logicvalidator.Validator, error) {
	secret := l.n.folder.made.derive(m.Name, "questions "+time.Now().String())
	source, err := newMixed(secret[:])
	if err != nil {
		return nil, err
	}
	dir, err := l.dir(m)
	if err != nil {
		return nil, err
	}
	return logicvalidator.New(logicvalidator.Config{
		Rules: l.rules, Hotkey: m.Hotkey, Chain: logicvalidator.NewSubnet(l.chain, LogicNetUID, m.Signer()),
		Dendrite: dendrite.Config{AllowPrivate: true, ExternalIP: elsewhere, Concurrency: 64}, Dir: dir,
		Network: fmt.Sprintf("%s %d", l.n.node.GenesisHash(), LogicNetUID), Source: source, Name: m.Name, Status: l.sink(m), Spacing: 50 * time.Millisecond,
	})
}

func (l *logicNet) dir(m Member) (string, error) {
	dir := l.n.dir(m)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make data folder: %w", err)
	}
	return dir, nil
}

// logicDone says that LogicNet, where there is one, has set weights after more than one round, or that it never will.
func (n *Network) logicDone() bool { return n.logic == nil || n.logic.tally.Done() }

// report is nil where there is no LogicNet.
func (l *logicNet) report() *LogicReport {
	if l == nil {
		return nil
	}
	r := l.tally.Report()
	return &r
}

// check says why LogicNet has failed.
func (r *LogicReport) check() error {
	if r == nil || r.Settings > 0 {
		return nil
	}
	reasons := []string{"nobody earned anything"}
	if r.Trouble != "" {
		reasons = []string{r.Trouble}
	}
	return WithHint(errors.Join(fmt.Errorf("couldn't set weights on LogicNet: %w: %s", ErrIdle, strings.Join(reasons, "; "))), "run with -vv to see what its nodes do, or with --logicnet=false to leave it out")
}
