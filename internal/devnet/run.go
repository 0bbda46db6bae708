package devnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/oklog/run"

	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/miner"
	"github.com/nanteos/nanteos/internal/node/validator"
	"github.com/nanteos/nanteos/internal/status"
)

// How a network ends: roles are asked to, then told to, then left behind.
const (
	askedFor = 1500 * time.Millisecond
	toldFor  = 2 * time.Second
)

// errDone ends a network that has judged its windows.
var errDone = errors.New("all windows were judged")

// Run runs the roles until ctx ends or the wanted windows were judged, and reports what came of it. The error is nil on a clean end. It may
// be called once.
func (n *Network) Run(ctx context.Context) (Report, error) {
	n.ledger.Begin(n.began, int64(n.node.Head().Number))
	var g run.Group
	var alive roll
	ending, once := make(chan struct{}), sync.Once{}
	add := func(name string, do func(context.Context) error, ask func()) {
		ctx, cancel := context.WithCancel(context.Background())
		g.Add(func() error {
			alive.in(name)
			defer alive.out(name)
			return do(ctx)
		}, func(error) {
			once.Do(func() {
				n.ending.Store(true)
				close(ending)
			})
			if ask == nil {
				cancel()
				return
			}
			ask()
			time.AfterFunc(askedFor, cancel)
		})
	}
	events := n.registry.Subscribe(1 << 14)
	defer events.Close()
	add("ledger", func(ctx context.Context) error { return n.book(ctx, events) }, nil)
	add("clock", n.tick, nil)
	add("store", n.watchStore, nil)
	add("user", func(own context.Context) error {
		select {
		case <-ctx.Done():
			return errDone
		case <-own.Done():
			return nil
		}
	}, nil)
	if n.cfg.Metrics != "" {
		serve, err := n.serve()
		if err != nil {
			return Report{}, err
		}
		add("metrics", serve, nil)
	}
	for _, m := range n.members {
		if m.Kind == Guest {
			continue // somebody else runs it
		}
		switch m.Role {
		case Trainer:
			if !n.folder.made.Trainer {
				n.sink(m).Emit(status.Event{Kind: status.Start})
				continue
			}
			t, err := n.trainer(m)
			if err != nil {
				return Report{}, err
			}
			add(m.Name, t, nil)
		case Validator:
			v, err := n.validator(m)
			if err != nil {
				return Report{}, err
			}
			add(m.Name, v, nil)
		case Miner:
			r, err := n.miner(m)
			if err != nil {
				return Report{}, err
			}
			add(m.Name, func(ctx context.Context) error { return n.mine(ctx, m, r) }, r.Stop)
		}
	}
	if n.logic != nil {
		add("logicnet", n.logic.run, nil)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run() }()
	err := n.wait(ended, ending, &alive)
	// What was told while the roles ended is still in the queue.
	n.drain(events)
	err = errors.Join(err, n.keepCurve())
	report := n.report()
	if err == nil && n.cfg.Windows > 0 && ctx.Err() == nil {
		err = errors.Join(report.check(), report.LogicNet.check())
	}
	return report, errors.Join(err, n.keepEvidence(&report))
}

// wait waits for the group, and from the moment on when it has to end only for so long.
func (n *Network) wait(ended chan error, ending chan struct{}, alive *roll) error {
	var err error
	select {
	case err = <-ended:
	case <-ending:
		select {
		case err = <-ended:
		case <-time.After(askedFor + toldFor):
			return fmt.Errorf("%w: %s", ErrSlowEnd, alive.text())
		}
	}
	if errors.Is(err, errDone) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// roll says which parts are running.
type roll struct {
	mu    sync.Mutex
	names map[string]bool
}

func (r *roll) in(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]bool{}
	}
	r.names[name] = true
}

func (r *roll) out(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.names, name)
}

func (r *roll) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.names {
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// book keeps the ledger and ends the network when its windows are judged.
func (n *Network) book(ctx context.Context, events *status.Subscription) error {
	for {
		all, _, ok := events.Next(ctx)
		if !ok {
			return ctx.Err()
		}
		for _, e := range all {
			n.ledger.Emit(e)
		}
		if err := n.keepCurve(); err != nil {
			return err
		}
		if n.cfg.Windows == 0 {
			continue
		}
		if n.ledger.Done(n.cfg.Windows) && n.logicDone() {
			return errDone
		}
		if err := n.stuck(); err != nil {
			return err
		}
	}
}

// patience is how many windows more than wanted may go by.
const patience = 10

// stuck says that the wanted windows will hardly be judged any more: nobody shall wait for ever.
func (n *Network) stuck() error {
	p := n.ledger.Picture(time.Now())
	if p.Head-n.ledger.Started() < int64(n.cfg.Windows+patience)*n.rules.WindowLength {
		return nil
	}
	reason, hint := fmt.Sprintf("%d of %d windows were judged in the time of %d", p.Totals.Windows, n.cfg.Windows, n.cfg.Windows+patience), "run with -v to see what the nodes do; a slow machine needs a longer --block-time"
	for _, m := range p.Members {
		if m.Trouble != "" {
			reason += "; " + m.Name + ": " + m.Trouble
			break
		}
	}
	return WithHint(fmt.Errorf("couldn't go on: %w: %s", ErrIdle, reason), hint)
}

// drain books what is left.
func (n *Network) drain(events *status.Subscription) {
	events.Close()
	for {
		all, _, ok := events.Next(context.Background())
		if !ok {
			return
		}
		for _, e := range all {
			n.ledger.Emit(e)
		}
	}
}

// tick tells of new blocks.
func (n *Network) tick(ctx context.Context) error {
	heads, err := n.chain.SubscribeHeads(ctx)
	if err != nil {
		return err
	}
	for b := range heads {
		block := int64(b.Number)
		n.registry.Emit(status.Event{Kind: status.Block, Node: "chain", Block: block, Window: n.rules.WindowStart(block)})
	}
	return ctx.Err()
}

func (n *Network) watchStore(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-n.store.Done():
		return errors.New("the store has ended by itself")
	}
}

// serve serves metrics and health.
func (n *Network) serve() (func(context.Context) error, error) {
	l, err := net.Listen("tcp", n.cfg.Metrics)
	if err != nil {
		return nil, WithHint(fmt.Errorf("couldn't serve metrics: %w", err), "name a free address, such as 127.0.0.1:9100")
	}
	s := &http.Server{Handler: n.registry.Handler(), ReadHeaderTimeout: 5 * time.Second}
	return func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer stop()
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("couldn't serve metrics: %w", err)
		}
		return ctx.Err()
	}, nil
}

// sink is where a member reports to: its events carry name, role, hotkey, and when it starts its number and kind.
func (n *Network) sink(m Member) status.Sink {
	to := n.registry.Named(m.Name, string(m.Role), m.Address())
	return status.Func(func(e status.Event) {
		if e.Kind == status.Start {
			uid := m.UID
			e.UID, e.Text = &uid, m.Kind
		}
		if e.Kind == status.Fault && n.ending.Load() && strings.Contains(e.Reason, context.Canceled.Error()) {
			return // a call that was cut short because the network ends
		}
		to.Emit(e)
	})
}

// join looks the member up on the chain and commits its keys there, as every node does when it starts.
func (n *Network) join(ctx context.Context, m Member) error {
	report := func(err error) { n.sink(m).Emit(status.Event{Kind: status.Fault, Reason: err.Error()}) }
	if _, err := node.UID(ctx, n.chain, m.Address(), report); err != nil {
		return err
	}
	return n.commit(ctx, m)
}

// miner makes a miner, honest or not.
func (n *Network) miner(m Member) (*miner.Miner, error) {
	own, err := n.own(m)
	if err != nil {
		return nil, err
	}
	peers := node.NewPeers(n.chain, n.peer(m))
	return miner.New(miner.Config{
		Rules: n.rules, Hotkey: m.Hotkey, Plan: miner.Plan{Name: m.Name, MaxGroups: m.Groups}, Dir: n.dir(m),
		Heads: n.chain, Beacon: n.beacon, Checkpoints: n.checkpointsOf(peers), Bucket: own,
		Worker: n.worker(m), SkipPreflight: m.Kind != Honest, Secret: m.Secret, Status: n.sink(m),
	})
}

func (n *Network) mine(ctx context.Context, m Member, r *miner.Miner) error {
	if err := n.join(ctx, m); err != nil {
		return err
	}
	if err := r.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", m.Name, err)
	}
	return nil
}

// validator makes a validator and returns what runs it.
func (n *Network) validator(m Member) (func(context.Context) error, error) {
	own, err := n.own(m)
	if err != nil {
		return nil, err
	}
	open := n.peer(m)
	sink := n.sink(m)
	models := n.checkpointsOf(node.NewPeers(n.chain, open))
	models.Urgent = true // everybody waits for its verdicts: miners for weights, the trainer for the list of whom to learn from
	v, err := validator.New(validator.Config{
		Plan: validator.Plan{Name: m.Name}, Rules: n.rules, Dir: n.dir(m), Chain: n.chain, Signer: m.Signer(), Beacon: n.beacon,
		Checkpoints: models, OpenBucket: open, Own: own, Sink: sink, Grace: askedFor,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := n.join(ctx, m); err != nil {
			return err
		}
		if err := v.Run(ctx); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		return nil
	}, nil
}
