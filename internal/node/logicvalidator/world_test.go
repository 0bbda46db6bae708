package logicvalidator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
)

// keypair is a key for tests.
func keypair(t testing.TB, n int) sr25519.Keypair {
	t.Helper()
	return sr25519.NewKeypair(sha256.Sum256(fmt.Appendf(nil, "logicvalidator %d", n)))
}

// world is a subnet on this machine: member 0 is the validator, the others are miners.
type world struct {
	t testing.TB

	mu      sync.Mutex
	s       Snapshot
	set     []Limits // one for each setting of weights
	weights map[uint16]uint16
	fail    error
	events  []status.Event
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.s.Block = 1000
	w.s.Limits = Limits{MaxWeight: 65535, RateLimit: 10}
	w.join(0, netip.AddrPort{})
	return w
}

// join registers a member.
func (w *world) join(key int, at netip.AddrPort) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	uid := len(w.s.Members)
	w.s.Members = append(w.s.Members[:uid:uid], Member{UID: uid, Hotkey: logicnet.Hotkey(keypair(w.t, key).PublicKey()), Stake: 20000, Axon: at, Permit: true})
	return uid
}

func (w *world) Snapshot(ctx context.Context) (Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.s.Block += 60
	return w.s, ctx.Err()
}

func (w *world) SetWeights(_ context.Context, uids, values []uint16, _ uint64) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return 0, w.fail
	}
	w.weights = map[uint16]uint16{}
	for i, uid := range uids {
		w.weights[uid] = values[i]
	}
	w.set = append(w.set, w.s.Limits)
	members := append([]Member(nil), w.s.Members...)
	members[0].LastUpdate = w.s.Block
	w.s.Members = members
	return w.s.Block, nil
}

func (w *world) Emit(e status.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// told are the events of a kind.
func (w *world) told(kind status.Kind) []status.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []status.Event
	for _, e := range w.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// miner is how a miner of a test behaves.
type miner struct {
	volume int64
	info   func(i *logicnet.Information) error
	answer func(ctx context.Context, s *logicnet.LogicSynapse) error
	asked  atomic.Int64
}

// serve starts a miner and registers it.
func (w *world) serve(key int, m *miner) int {
	w.t.Helper()
	s, err := axon.New(axon.Config{Hotkey: keypair(w.t, key), Workers: 64})
	if err == nil {
		err = axon.Handle(s, axon.Route[logicnet.Information]{Forward: func(_ context.Context, _ *axon.Call, i *logicnet.Information) error {
			if m.info != nil {
				return m.info(i)
			}
			i.Response = logicnet.InformationReply(m.volume)
			return nil
		}})
	}
	if err == nil {
		err = axon.Handle(s, axon.Route[logicnet.LogicSynapse]{Forward: func(ctx context.Context, _ *axon.Call, q *logicnet.LogicSynapse) error {
			m.asked.Add(1)
			if q.RawQuestion != "" || !q.Truth.IsNull() {
				w.t.Error("a miner was told a secret")
			}
			return m.answer(ctx, q)
		}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, l)
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	return w.join(key, l.Addr().(*net.TCPAddr).AddrPort())
}

// sums is a source of additions.
type sums struct{ n atomic.Int64 }

func (s *sums) Next(context.Context) (Problem, error) {
	n := s.n.Add(1)
	return Problem{Question: fmt.Sprintf("What is %d + %d?", n*7, n*11), Truth: fmt.Sprint(n * 18), Kind: "sum"}, nil
}

func (s *sums) Vary(ctx context.Context, _ Problem) (Problem, error) { return s.Next(ctx) }

// add answers the questions of sums.
func add(s *logicnet.LogicSynapse) (a, b, sum int) {
	if i := strings.Index(s.Question, "What is "); i >= 0 {
		_, _ = fmt.Sscanf(s.Question[i:], "What is %d + %d?", &a, &b)
	}
	return a, b, a + b
}

// honest answers right.
func honest(name string) *miner {
	return &miner{volume: 512, answer: func(_ context.Context, s *logicnet.LogicSynapse) error {
		a, b, sum := add(s)
		s.SetAnswer(fmt.Sprint(sum), fmt.Sprintf("%s takes %d and puts %d to it, and so there are %d in the end, as anybody may check by counting on from the one to the other in steps of one", name, a, b, sum))
		return nil
	}}
}

// wrong answers wrong.
func wrong() *miner {
	return &miner{volume: 512, answer: func(_ context.Context, s *logicnet.LogicSynapse) error {
		s.SetAnswer("-1", "no idea")
		return nil
	}}
}

// odd answers with something that is no text.
func odd(t testing.TB) *miner {
	v, err := synapse.ValueOf([]any{1, map[string]any{"x": nil}})
	if err != nil {
		t.Fatal(err)
	}
	return &miner{volume: 512, answer: func(_ context.Context, s *logicnet.LogicSynapse) error {
		s.Answer = v
		return nil
	}}
}

// quick are rules for a round of a moment.
func quick() logicnet.Rules {
	r := logicnet.Hardened()
	r.RoundSeconds, r.BatchGapSeconds, r.Batches, r.TimeoutSeconds, r.InfoTimeoutSeconds = 1, 0.01, 3, 2, 2
	r.ScoreChance, r.MaxQuota = 1, 100000
	return r
}

// config is that of a validator in the world.
func (w *world) config() Config {
	return Config{
		Rules: quick(), Hotkey: keypair(w.t, 0), Chain: w, Dir: w.t.TempDir(), Source: &sums{}, Status: w, Rounds: 1,
		Dendrite: dendrite.Config{AllowPrivate: true}, Spacing: 20 * time.Millisecond,
	}
}

// run makes a validator and runs it to its end.
func run(t testing.TB, cfg Config) *Validator {
	t.Helper()
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := v.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return v
}
