package logicminer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// Config is what a miner consists of.
type Config struct {
	Rules  logicnet.Rules
	Hotkey sr25519.Keypair
	// Register says who may ask, and with which stake. It is read every Refresh, five minutes when zero.
	Register node.Metagraph
	Refresh  time.Duration
	// Announce tells the chain where the axon is reached, once it listens; nil for nobody. It is tried until it succeeds.
	Announce func(ctx context.Context) error
	// Listener is where the axon listens. Run closes it.
	Listener net.Listener
	// Dir is the data folder: nonces. It has to exist.
	Dir string
	// Volume is how many requests the miner takes in an epoch, as it tells validators.
	Volume int64
	// Models answers; nil for a miner that has its solver only. Solver is asked first; nil for none.
	Models Models
	Solver Solver
	// Concurrent bounds the questions that are answered at the same time, 16 when zero. The measured time of answers lowers it.
	Concurrent int
	// Margin is kept free before the validator stops waiting: a tenth of its timeout, at most 3 s, when zero.
	Margin time.Duration
	// Name is the miner's name in events, Status gets them, nil for nobody.
	Name   string
	Status status.Sink
	// Before, where not nil, is called with every question and its answer before that goes back: for those who test validators.
	Before func(ctx context.Context, s *logicnet.LogicSynapse)
}

// Miner serves questions.
type Miner struct {
	cfg     Config
	address string
	gate    *logicnet.Gate
	pace    *pace
	members atomic.Pointer[map[[32]byte]float64] // stake in TAO by hotkey
}

// New makes a miner. Errors wrap logicnet.ErrRules where the rules are to blame.
func New(cfg Config) (*Miner, error) {
	if cfg.Register == nil || cfg.Listener == nil || cfg.Dir == "" || cfg.Models == nil && cfg.Solver == nil {
		return nil, errors.New("couldn't make LogicNet miner: it needs a chain, a listener, a data folder, and a model or a solver")
	}
	if cfg.Concurrent <= 0 {
		cfg.Concurrent = 16
	}
	if cfg.Refresh <= 0 {
		cfg.Refresh = 5 * time.Minute
	}
	if cfg.Status == nil {
		cfg.Status = status.Discard
	}
	if cfg.Volume < 0 {
		return nil, fmt.Errorf("couldn't make LogicNet miner: a volume of %d requests is negative", cfg.Volume)
	}
	gate, err := logicnet.NewGate(cfg.Rules, float64(cfg.Volume))
	if err != nil {
		return nil, err
	}
	return &Miner{cfg: cfg, address: ss58.EncodeBittensor(cfg.Hotkey.PublicKey()), gate: gate, pace: newPace(cfg.Concurrent)}, nil
}

// Run serves until ctx ends. The error wraps node.ErrNotRegistered where the hotkey is not registered.
func (m *Miner) Run(ctx context.Context) error {
	defer m.cfg.Listener.Close()
	uid, err := node.UID(ctx, m.cfg.Register, m.address, m.fault)
	if err != nil {
		return err
	}
	if err := m.refresh(ctx); err != nil {
		return err
	}
	nonces, err := nonce.Open(filepath.Join(m.cfg.Dir, "nonces"), nonce.Options{})
	if err != nil {
		return err
	}
	server, err := m.server(nonces)
	if err != nil {
		return errors.Join(err, nonces.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go m.keepFresh(ctx)
	if m.cfg.Announce != nil {
		go m.announce(ctx)
	}
	m.cfg.Status.Emit(status.Event{Kind: status.Start, UID: &uid})
	err = server.Serve(ctx, m.cfg.Listener)
	err = errors.Join(err, nonces.Close())
	stop := status.Event{Kind: status.Stop}
	if err != nil {
		stop.Reason = err.Error()
	}
	m.cfg.Status.Emit(stop)
	return err
}

// server makes the axon with its two routes.
func (m *Miner) server(nonces *nonce.Store) (*axon.Server, error) {
	s, err := axon.New(axon.Config{
		Hotkey: m.cfg.Hotkey, Nonces: nonces, Members: func(hotkey [32]byte) bool { _, ok := (*m.members.Load())[hotkey]; return ok },
		Workers: m.cfg.Concurrent + 16, Queue: 1024,
	})
	if err != nil {
		return nil, err
	}
	stake := func(c *axon.Call) float64 { return (*m.members.Load())[c.Hotkey] }
	err = errors.Join(
		axon.Handle(s, axon.Route[logicnet.LogicSynapse]{
			Forward: m.forward, Priority: stake,
			Blacklist: func(c *axon.Call) (bool, string) {
				v := m.gate.Admit(c.Hotkey, true, time.Now())
				if v.Refused {
					m.tell(c, status.Event{Check: "refused", Reason: v.Reason})
				}
				return v.Refused, v.Reason
			},
		}),
		axon.Handle(s, axon.Route[logicnet.Information]{
			Priority: stake,
			Forward: func(_ context.Context, _ *axon.Call, i *logicnet.Information) error {
				i.Response = logicnet.InformationReply(m.cfg.Volume)
				return nil
			},
		}),
	)
	return s, err
}

// busy is the answer to a question that could not be answered in time.
var busy = &axon.StatusError{Status: 503, Message: "Busy"}

// forward answers a question.
func (m *Miner) forward(ctx context.Context, call *axon.Call, s *logicnet.LogicSynapse) error {
	began := time.Now()
	budget := call.Timeout - time.Since(call.Received)
	margin := m.cfg.Margin
	if margin <= 0 {
		margin = min(call.Timeout/10, 3*time.Second)
	}
	budget -= margin
	e := status.Event{Text: s.TaskUID}
	if !m.pace.enter(budget) {
		e.Check, e.Reason = "busy", fmt.Sprintf("%d are being answered", m.pace.slots())
		m.tell(call, e)
		return busy
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	a, err := answer(ctx, m.cfg.Models, m.cfg.Solver, s.Question)
	took := time.Since(began)
	m.pace.leave(took, budget, err == nil)
	e.Seconds = took.Seconds()
	if err != nil {
		if e.Check, e.Reason = "failed", err.Error(); ctx.Err() != nil {
			e.Check = "late"
		}
		m.tell(call, e)
		return fmt.Errorf("couldn't answer: %w", err)
	}
	s.SetAnswer(a.answer, a.reasoning)
	if m.cfg.Before != nil {
		m.cfg.Before(ctx, s)
	}
	yes := true
	e.Accepted, e.Check = &yes, a.how
	m.tell(call, e)
	return nil
}

// tell reports what became of a question. The question itself is nobody's business.
func (m *Miner) tell(c *axon.Call, e status.Event) {
	e.Kind, e.Hotkey = status.Answered, c.Address
	if e.Accepted == nil {
		no := false
		e.Accepted = &no
	}
	m.cfg.Status.Emit(e)
}

// refresh reads who may ask.
func (m *Miner) refresh(ctx context.Context) error {
	g, err := m.cfg.Register.Metagraph(ctx)
	if err != nil {
		return fmt.Errorf("couldn't read metagraph: %w", err)
	}
	members := make(map[[32]byte]float64, len(g.Neurons))
	neurons := make([]logicnet.Neuron, 0, len(g.Neurons))
	for _, n := range g.Neurons {
		account, err := ss58.DecodeBittensor(n.Hotkey)
		if err != nil {
			return fmt.Errorf("couldn't read metagraph: %w", err)
		}
		stake := float64(n.Stake) / 1e9
		members[account] = stake
		neurons = append(neurons, logicnet.Neuron{Hotkey: account, Stake: stake})
	}
	m.gate.Update(neurons, time.Now())
	m.members.Store(&members)
	return nil
}

// keepFresh reads the metagraph again and again, a little jittered so that miners don't all ask at once. What was known stays where it can't be read.
func (m *Miner) keepFresh(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(float64(m.cfg.Refresh) * (0.9 + rand.Float64()/5))):
		}
		limit, cancel := context.WithTimeout(ctx, time.Minute)
		if err := m.refresh(limit); err != nil && ctx.Err() == nil {
			m.fault(err)
		}
		cancel()
	}
}

// announce tells the chain where the axon is, until that is done.
func (m *Miner) announce(ctx context.Context) {
	for pause := 5 * time.Second; ; pause = min(2*pause, 5*time.Minute) {
		limit, cancel := context.WithTimeout(ctx, 2*time.Minute)
		err := m.cfg.Announce(limit)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		m.fault(fmt.Errorf("couldn't announce axon: %w", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (m *Miner) fault(err error) {
	m.cfg.Status.Emit(status.Event{Kind: status.Fault, Reason: err.Error(), Hint: "it is tried again"})
}
