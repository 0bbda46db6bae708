package logicminer

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/internal/vectortest"
	"github.com/nanteos/nanteos/logicnet"
)

// register is a metagraph of keys with stakes in TAO.
type register struct {
	keys   []sr25519.Keypair
	stakes []uint64
}

func (r register) Metagraph(context.Context) (chain.Metagraph, error) {
	var g chain.Metagraph
	for i, k := range r.keys {
		g.Neurons = append(g.Neurons, chain.Neuron{UID: uint16(i), Hotkey: ss58.EncodeBittensor(k.PublicKey()), Stake: r.stakes[i] * 1_000_000_000})
	}
	return g, nil
}

// models answers by a function.
type models func(ctx context.Context, r llm.Request) (string, error)

func (f models) Complete(ctx context.Context, r llm.Request) (llm.Answer, error) {
	text, err := f(ctx, r)
	return llm.Answer{Text: text}, err
}

// turns answers the first and the second turn.
func turns(first, second string) models {
	return func(_ context.Context, r llm.Request) (string, error) {
		text := first
		if len(r.Messages) == 3 {
			text = second
		}
		if text == "" {
			return "", errors.New("the model is down")
		}
		return text, nil
	}
}

// solver is sure of one question.
type solver map[string]string

func (s solver) Solve(q string) (answer, steps string, ok bool) {
	a, ok := s[q]
	return a, "it is " + a, ok
}

// world is a miner that serves, with a validator that has stake, one that has none, and a stranger.
type world struct {
	validator, poor, stranger *dendrite.Dendrite
	axon                      dendrite.Axon
	dir                       string
	miner                     sr25519.Keypair

	mu     sync.Mutex
	events []status.Event
}

func serve(t *testing.T, w *world, change func(*Config)) *world {
	t.Helper()
	client := func(k sr25519.Keypair) *dendrite.Dendrite {
		d, err := dendrite.New(dendrite.Config{Hotkey: k, AllowPrivate: true})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if w == nil {
		w = &world{dir: t.TempDir(), miner: sr25519.Generate()}
	}
	keys := []sr25519.Keypair{w.miner, sr25519.Generate(), sr25519.Generate()}
	w.validator, w.poor, w.stranger = client(keys[1]), client(keys[2]), client(sr25519.Generate())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Rules: logicnet.Hardened(), Hotkey: w.miner, Register: register{keys, []uint64{0, 20000, 5}}, Listener: l, Dir: w.dir, Volume: 50,
		Models: turns("six times seven is 42", "$42$"), Name: "m",
		Status: status.Func(func(e status.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}),
	}
	if change != nil {
		change(&cfg)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the miner ended badly: %v", err)
		}
	})
	w.axon = dendrite.Axon{Address: netip.MustParseAddrPort(l.Addr().String()), Hotkey: ss58.EncodeBittensor(w.miner.PublicKey())}
	return w
}

// ask puts a question; timeout is in whole seconds.
func (w *world) ask(t *testing.T, d *dendrite.Dendrite, question string, timeout int64) dendrite.Reply[logicnet.LogicSynapse] {
	t.Helper()
	return dendrite.Query(t.Context(), d, w.axon, logicnet.NewQuestion(question, "task0001", timeout), time.Duration(timeout)*time.Second)
}

func (w *world) last() status.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.events) - 1; i >= 0; i-- {
		if w.events[i].Kind == status.Answered {
			return w.events[i]
		}
	}
	return status.Event{}
}

func statusOf(r dendrite.Reply[logicnet.LogicSynapse]) int64 {
	text, _ := json.Marshal(r.Dendrite.StatusCode)
	n, _ := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	return n
}

// TestAnswers crosses what the model does with what the solver knows.
func TestAnswers(t *testing.T) {
	const question = "What is 6 times 7?"
	slow := models(func(ctx context.Context, r llm.Request) (string, error) {
		if len(r.Messages) == 1 {
			return "So the answer is 42.", nil
		}
		<-ctx.Done()
		return "", ctx.Err()
	})
	down := turns("", "")
	for _, c := range []struct {
		name              string
		models            Models
		solver            Solver
		answer, reasoning string
		how               string
	}{
		{"both turns", turns("six times seven is 42", "$42$"), nil, "$42$", "six times seven is 42", HowModel},
		{"second turn fails", turns(`It is \boxed{\frac{84}{2}} = 42`, ""), nil, `\frac{84}{2}`, `It is \boxed{\frac{84}{2}} = 42`, HowDerived},
		{"second turn is silent", slow, nil, "42", "So the answer is 42.", HowDerived},
		{"second turn never ends", turns("easy", strings.Repeat("well ", 500)+"the answer is 42."), nil, "42", "easy", HowDerived},
		{"the solver is sure", turns("I think it is 41", "41"), solver{question: "42"}, "42", "I think it is 41", HowExact},
		{"the solver is sure and the model down", down, solver{question: "42"}, "42", "it is 42", HowExact},
		{"the solver alone", nil, solver{question: "42"}, "42", "it is 42", HowExact},
		{"the solver doesn't know", turns("six times seven is 42", "42"), solver{"other": "1"}, "42", "six times seven is 42", HowModel},
		{"neither", down, solver{}, "", "", ""},
		{"no statement", turns("I can't do this", ""), nil, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := serve(t, nil, func(cfg *Config) {
				cfg.Solver = c.solver
				if cfg.Models = c.models; c.models == nil {
					cfg.Models = nil
				}
			})
			r := w.ask(t, w.validator, question, 4)
			if c.how == "" {
				if r.Success() || statusOf(r) != 500 {
					t.Errorf("got %d %v", statusOf(r), r.Err)
				}
				if e := w.last(); e.Check != "failed" || e.Accepted == nil || *e.Accepted {
					t.Errorf("told %+v", e)
				}
				return
			}
			text, err := r.Synapse.AnswerText()
			if !r.Success() || err != nil || text != c.answer || r.Synapse.Reasoning != c.reasoning {
				t.Errorf("%d: answer %q, reasoning %q, %v %v", statusOf(r), text, r.Synapse.Reasoning, err, r.Err)
			}
			if e := w.last(); e.Check != c.how || e.Accepted == nil || !*e.Accepted || e.Text != "task0001" {
				t.Errorf("told %+v", e)
			}
		})
	}
}

// TestGate counts verified requests only, and lets nobody in who has no stake or no UID.
func TestGate(t *testing.T) {
	w := serve(t, nil, nil)
	if r := w.ask(t, w.stranger, "q", 5); statusOf(r) != 403 {
		t.Errorf("a stranger got %d", statusOf(r))
	}
	if r := w.ask(t, w.poor, "q", 5); statusOf(r) != 403 {
		t.Errorf("a validator without stake got %d", statusOf(r))
	}
	allowed := 0
	for range 55 {
		if r := w.ask(t, w.validator, "q", 5); r.Success() {
			allowed++
		} else if statusOf(r) != 403 {
			t.Fatalf("got %d", statusOf(r))
		}
	}
	if allowed != 49 && allowed != 50 {
		t.Errorf("%d requests were answered of a volume of 50", allowed)
	}
	if e := w.last(); e.Check != "refused" || e.Reason != logicnet.ReasonLimit {
		t.Errorf("told %+v", e)
	}
}

func TestInformation(t *testing.T) {
	w := serve(t, nil, nil)
	for _, d := range []*dendrite.Dendrite{w.validator, w.poor} {
		r := dendrite.Query(t.Context(), d, w.axon, logicnet.Information{}, 5*time.Second)
		info, err := logicnet.Reference().ParseInfo(r.Synapse.Response)
		if !r.Success() || err != nil || info.EpochVolume != 50 || info.Category != logicnet.Category {
			t.Errorf("information %+v, %v, %v", info, err, r.Err)
		}
	}
	if r := dendrite.Query(t.Context(), w.stranger, w.axon, logicnet.Information{}, 5*time.Second); r.Success() {
		t.Error("a stranger got information")
	}
}

// TestBusy refuses at once what could not be answered in time, and goes on with the others.
func TestBusy(t *testing.T) {
	open := make(chan struct{})
	w := serve(t, nil, func(c *Config) {
		c.Concurrent = 2
		c.Models = models(func(ctx context.Context, r llm.Request) (string, error) {
			select {
			case <-open:
			case <-ctx.Done():
				return "", ctx.Err()
			}
			return "the answer is 1", nil
		})
	})
	other := func() *dendrite.Dendrite { return w.validator }
	var wg sync.WaitGroup
	results := make(chan bool, 2)
	for range 2 {
		wg.Go(func() { r := w.ask(t, other(), "q", 20); results <- r.Success() })
		time.Sleep(150 * time.Millisecond) // the second must not overtake the first: nonces have to grow
	}
	began := time.Now()
	r := w.ask(t, w.validator, "q", 20)
	if statusOf(r) != 503 || time.Since(began) > 2*time.Second {
		t.Errorf("the third got %d after %s", statusOf(r), time.Since(began))
	}
	if e := w.last(); e.Check != "busy" {
		t.Errorf("told %+v", e)
	}
	close(open)
	wg.Wait()
	if a, b := <-results, <-results; !a || !b {
		t.Error("the first two were not answered")
	}
}

// TestLate ends before the validator stops waiting.
func TestLate(t *testing.T) {
	w := serve(t, nil, func(c *Config) {
		c.Models = models(func(ctx context.Context, _ llm.Request) (string, error) { <-ctx.Done(); return "", ctx.Err() })
	})
	began := time.Now()
	r := w.ask(t, w.validator, "q", 2)
	if statusOf(r) != 500 || time.Since(began) > 1950*time.Millisecond {
		t.Errorf("got %d after %s of 2 s", statusOf(r), time.Since(began))
	}
}

// TestNothingLeaks: neither question, answer nor what went wrong inside is in an error that a caller sees, and questions are in no event.
func TestNothingLeaks(t *testing.T) {
	w := serve(t, nil, func(c *Config) {
		c.Models = models(func(context.Context, llm.Request) (string, error) {
			return "", errors.New("key sk-hunter2 was refused")
		})
	})
	r := w.ask(t, w.validator, "the secret question", 5)
	text, _ := json.Marshal(r.Dendrite)
	if statusOf(r) != 500 || strings.Contains(string(text), "hunter2") {
		t.Errorf("the caller sees %s", text)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all, _ := json.Marshal(w.events)
	if strings.Contains(string(all), "secret question") {
		t.Errorf("the question is told: %s", all)
	}
}

func TestNewAndRunRefuse(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no chain":        func(c *Config) { c.Register = nil },
		"no model":        func(c *Config) { c.Models = nil },
		"negative volume": func(c *Config) { c.Volume = -1 },
		"no folder":       func(c *Config) { c.Dir = "" },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{Rules: logicnet.Hardened(), Hotkey: sr25519.Generate(), Register: register{}, Listener: l, Dir: t.TempDir(), Models: turns("a", "b")}
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: a miner was made", name)
		}
		l.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Rules: logicnet.Hardened(), Hotkey: sr25519.Generate(), Register: register{}, Listener: l, Dir: t.TempDir(), Models: turns("a", "b")})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Run(t.Context()); !errors.Is(err, node.ErrNotRegistered) {
		t.Errorf("error is %v", err)
	}
}

func TestDerive(t *testing.T) {
	for text, want := range map[string]string{
		"":                                        "",
		"no result":                               "",
		`\boxed{1} then \boxed{\frac{1}{2}}`:      `\frac{1}{2}`,
		`\boxed{1} then \boxed{2`:                 "1",
		`\boxed{}`:                                "",
		"The answer is 5. Check: 2+3.":            "5",
		"Answer: x = 7\nThus the result is $8$.":  "$8$",
		"we get 1, then 2, then 3,500 apples":     "3,500",
		"so it is -3/4":                           "-3/4",
		"**Final answer is:** 12":                 "12",
		strings.Repeat(`\boxed{`, 2000):           "",
		"therefore = " + strings.Repeat("9", 500): strings.Repeat("9", 200),
	} {
		if got := derive(text); got != want {
			t.Errorf("%.60q: got %.80q, want %.80q", text, got, want)
		}
	}
}

func FuzzDerive(f *testing.F) {
	f.Add(`\boxed{1} the answer is 2`)
	f.Fuzz(func(t *testing.T, text string) {
		if got := derive(text); len(got) > 1000 && !strings.Contains(text, got) {
			t.Fatal(got)
		}
	})
}

// TestPace lowers how many are admitted when answers are slow, and raises it when they are quick.
func TestPace(t *testing.T) {
	p := newPace(8)
	const budget = 10 * time.Second
	for range 20 {
		if p.enter(budget) {
			p.leave(9*time.Second, budget, true)
		}
	}
	if p.slots() != 1 {
		t.Errorf("%d slots after slow answers", p.slots())
	}
	if !p.enter(budget) || p.enter(budget) {
		t.Error("one may enter, and a second not")
	}
	p.leave(time.Second, budget, false) // a failure says nothing
	if p.slots() != 1 {
		t.Errorf("%d slots after a quick failure", p.slots())
	}
	for range 200 {
		if p.enter(budget) {
			p.leave(time.Second, budget, true)
		}
	}
	if p.slots() != 8 {
		t.Errorf("%d slots after quick answers", p.slots())
	}
	if p.enter(0) || p.enter(-time.Second) {
		t.Error("a question without time was admitted")
	}
}

// TestTexts holds the second turn to the reference's words.
func TestTexts(t *testing.T) {
	var v struct {
		Miner struct {
			Turn1 struct {
				MaxTokens   int `json:"max_tokens"`
				Temperature float64
			} `json:"turn1"`
			Second string `json:"turn2_user"`
			Turn2  struct {
				MaxTokens   int `json:"max_tokens"`
				Temperature float64
			} `json:"turn2"`
		} `json:"miner"`
	}
	if err := json.Unmarshal(vectortest.Open(t, "logicnet/prompts.json"), &v); err != nil {
		t.Fatal(err)
	}
	m := v.Miner
	if m.Second != secondTurn || m.Turn1.MaxTokens != firstTokens || m.Turn2.MaxTokens != secondTokens || m.Turn1.Temperature != firstTemperature || m.Turn2.Temperature != secondTemperature {
		t.Errorf("the reference has %+v", m)
	}
	vectortest.Count(t, "logicnet/prompts.json", 1)
}
