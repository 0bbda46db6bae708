package logicvalidator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node"
	"github.com/nanteos/nanteos/internal/node/logicvalidator/proxy"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/logicnet/problems"
)

// TestWeights sets weights when it is time, and never what the chain refuses.
func TestWeights(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, cfg *Config)
		set    bool
		fault  string
	}{
		"due":            {func(*world, *Config) {}, true, ""},
		"too soon":       {func(w *world, _ *Config) { w.s.Members[0].LastUpdate = 1150 }, false, ""},
		"rate limit":     {func(w *world, _ *Config) { w.s.Limits.RateLimit = 100000 }, false, ""},
		"disabled":       {func(_ *world, cfg *Config) { cfg.DisableWeights = true }, false, ""},
		"newer version":  {func(w *world, _ *Config) { w.s.Limits.VersionKey = 2000 }, false, "version key"},
		"own version":    {func(w *world, cfg *Config) { w.s.Limits.VersionKey, cfg.VersionKey = 2000, 2001 }, true, ""},
		"refused":        {func(w *world, _ *Config) { w.fail = chain.ErrNoPermit }, false, "permit"},
		"rate limited":   {func(w *world, _ *Config) { w.fail = chain.ErrRateLimited }, false, "rate limited"},
		"more are asked": {func(w *world, _ *Config) { w.s.Limits.MinWeights = 2 }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join(1, netip.AddrPort{})
			cfg := w.config()
			c.change(w, &cfg)
			v, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			v.table.Sync([]logicnet.Hotkey{v.own, logicnet.Hotkey(keypair(t, 1).PublicKey())})
			if err := v.setWeights(t.Context()); len(w.set) != 0 || err != nil && c.fault == "" {
				t.Errorf("without scores: %d, %v", len(w.set), err)
			}
			if err := v.table.Restore([]logicnet.Miner{{UID: 0, Hotkey: v.own}, {UID: 1, Hotkey: logicnet.Hotkey(keypair(t, 1).PublicKey()), Category: "Logic", Scores: []float64{1}}}); err != nil {
				t.Fatal(err)
			}
			err = v.setWeights(t.Context())
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("error %v, want %q", err, c.fault)
			}
			if (len(w.set) == 1) != c.set {
				t.Errorf("weights %v", w.weights)
			}
		})
	}
}

func TestNotRegistered(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Hotkey = keypair(t, 5)
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Run(t.Context()); !errors.Is(err, node.ErrNotRegistered) {
		t.Errorf("%v", err)
	}
}

func TestConfig(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"no chain":     {func(c *Config) { c.Chain = nil }, ErrConfig},
		"no folder":    {func(c *Config) { c.Dir = "" }, ErrConfig},
		"no rules":     {func(c *Config) { c.Rules = logicnet.Rules{} }, logicnet.ErrRules},
		"proxy no key": {func(c *Config) { c.Proxy.Listener = &net.TCPListener{} }, proxy.ErrConfig},
	} {
		cfg := w.config()
		c.change(&cfg)
		if _, err := New(cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSnapshotOf(t *testing.T) {
	g := &bittensor.Metagraph{Block: 7, Neurons: []bittensor.Neuron{
		{Hotkey: [32]byte{1}, Stake: 2_500_000_000, ValidatorPermit: true, LastUpdate: 5},
		{UID: 1, Hotkey: [32]byte{2}, Axon: bittensor.Axon{Address: netip.MustParseAddrPort("1.2.3.4:8091"), Version: 1, Block: 3}},
	}}
	s := snapshotOf(g, &bittensor.Hyperparameters{MinWeights: 3, MaxWeight: 4, WeightsRateLimit: 5, WeightsVersionKey: 6})
	if s.Block != 7 || s.Limits != (Limits{3, 4, 5, 6}) || len(s.Members) != 2 {
		t.Errorf("%+v", s)
	}
	if m := s.Members[0]; m.Stake != 2.5 || !m.Permit || m.LastUpdate != 5 || m.Axon.IsValid() {
		t.Errorf("%+v", m)
	}
	if m := s.Members[1]; m.UID != 1 || m.Axon.Port() != 8091 {
		t.Errorf("%+v", m)
	}
}

func TestOwn(t *testing.T) {
	if _, err := NewOwn(nil, nil); !errors.Is(err, problems.ErrSecret) {
		t.Errorf("without a secret: %v", err)
	}
	secret := []byte("0123456789abcdef0123456789abcdef")
	one, err := NewOwn(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewOwn(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 50 {
		a, err := one.Next(t.Context())
		b, err2 := two.Next(t.Context())
		if err := errors.Join(err, err2); err != nil || a != b || a.Truth == "" || seen[a.Question] {
			t.Fatalf("%v, %v, %v", a, b, err)
		}
		seen[a.Question] = true
		c, err := one.Vary(t.Context(), a)
		if _, err2 := two.Vary(t.Context(), a); err != nil || err2 != nil || c.Kind != a.Kind || seen[c.Question] {
			t.Fatalf("varied %v, %v", c, err)
		}
		seen[c.Question] = true
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := one.Next(ctx); err == nil {
		t.Error("a problem after the end")
	}
}

func TestDuplicates(t *testing.T) {
	long := "First take the seven and put the eleven to it, which gives eighteen, then halve that and see that nine is what was asked for in the end, so the answer is nine."
	other := "We are looking for a number such that twice of it is the sum of both given ones; writing this as an equation and solving it for the unknown we find the value that was wanted."
	say := func(text string, seconds float64) reply { return reply{ok: true, reasoning: text, seconds: seconds} }
	same := []string{"q", "q", "q", "q"}
	for name, c := range map[string]struct {
		replies   []reply
		questions []string
		want      []bool
	}{
		"different":         {[]reply{say(long, 1), say(other, 2)}, same, []bool{false, false}},
		"copied":            {[]reply{say(long, 2), say(other, 2), say(long, 1)}, same, []bool{true, false, false}},
		"at the same time":  {[]reply{say(long, 1), say(long, 1)}, same, []bool{false, true}},
		"a word changed":    {[]reply{say(long, 1), say(strings.ToUpper(strings.Replace(long, "halve", "split", 1)), 3)}, same, []bool{false, true}},
		"short":             {[]reply{say("7 + 11 = 18", 1), say("7 + 11 = 18", 2)}, same, []bool{false, false}},
		"one failed":        {[]reply{say(long, 2), {reasoning: long, seconds: 1}}, same, []bool{false, false}},
		"one is malformed":  {[]reply{say(long, 2), {ok: true, malformed: true, reasoning: long, seconds: 1}}, same, []bool{false, false}},
		"another question":  {[]reply{say(long, 1), say(long, 2)}, []string{"p", "q"}, []bool{false, true}},
		"nobody":            {nil, nil, nil},
		"nothing was asked": {[]reply{{}, {}}, same, []bool{false, false}},
	} {
		got := newCanned().duplicates(c.replies, c.questions)
		if fmt.Sprint(got) != fmt.Sprint(append([]bool{}, c.want...)) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	c := newCanned()
	if c.duplicates([]reply{say(long, 1)}, []string{"p"})[0] || !c.duplicates([]reply{say(long, 1)}, []string{"q"})[0] || c.duplicates([]reply{say(other, 1)}, []string{"q"})[0] {
		t.Error("a reasoning for two questions was not seen")
	}
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		turns := newTurns(time.Second)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if err := turns.wait(t.Context(), logicnet.Hotkey{1}); err != nil {
					t.Error(err)
				}
			})
		}
		if err := turns.wait(t.Context(), logicnet.Hotkey{2}); err != nil || time.Since(began) != 0 {
			t.Errorf("another miner waited %s", time.Since(began))
		}
		wait.Wait()
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("four turns took %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if turns.wait(ctx, logicnet.Hotkey{1}) == nil {
			t.Error("a turn after the end")
		}
	})
}

func TestEach(t *testing.T) {
	var now, most, done atomic.Int64
	each(t.Context(), 3, 20, func(context.Context, int) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		done.Add(1)
	})
	if done.Load() != 20 || most.Load() > 3 {
		t.Errorf("%d done, %d at a time", done.Load(), most.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	each(ctx, 3, 20, func(context.Context, int) { t.Error("begun after the end") })
	each(t.Context(), 3, 0, func(context.Context, int) { t.Error("there is nothing to do") })
}

// TestBudget asks a miner no more than it takes.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	m := honest("ann")
	m.volume = 5
	w.serve(1, m)
	cfg := w.config()
	cfg.Rules.MaxQuota = 80
	run(t, cfg)
	if got := m.asked.Load(); got < 2 || got > 5 {
		t.Errorf("asked %d times, it takes 5", got)
	}
	for _, e := range w.told(status.Graded) {
		if e.Reward == nil || *e.Reward < 0.5 {
			t.Errorf("graded %+v", e)
		}
	}
}

// TestAsk puts questions of users to miners: what most of them say is the answer.
func TestAsk(t *testing.T) {
	w := newWorld(t)
	w.serve(1, honest("ann"))
	w.serve(2, honest("ben"))
	w.serve(3, wrong())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.config()
	cfg.Rules.RoundSeconds, cfg.Rounds = 600, 0
	cfg.Proxy.Listener, cfg.Proxy.Keys = l, map[string]proxy.Key{"u": "0123456789abcdef"}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Ask(t.Context(), proxy.Question{Text: "?", Miners: 1, Timeout: time.Second}); !errors.Is(err, proxy.ErrNobody) {
		t.Errorf("before it runs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Run(ctx) }()
	ask := func(question string) (status int, text string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String()+"/v1/answer", strings.NewReader(fmt.Sprintf(`{"question": %q, "timeout": 2}`, question)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer 0123456789abcdef")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	var got proxy.Answer
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		code, text := ask("What is 20 + 22?")
		if code == http.StatusOK {
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d %s", code, text)
		}
	}
	if got.Answer != "42" || got.Agreed != 2 || got.Asked != 3 || got.Miner != 1 && got.Miner != 2 || got.Hotkey != w.s.Members[got.Miner].Hotkey.String() {
		t.Errorf("%+v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestThousand asks a thousand miners at once, each of which answers with as much as it may only when all have been asked.
func TestThousand(t *testing.T) {
	const n = 1000
	var arrived atomic.Int64
	all := make(chan struct{})
	body := []byte(`{"logic_answer": "42", "logic_reasoning": "` + strings.Repeat("x", maxReply-200) + `"}`)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if arrived.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("bt_header_axon_status_code", "200")
		_, _ = w.Write(body)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	w := newWorld(t)
	cfg := w.config()
	cfg.Dendrite = dendrite.Config{AllowPrivate: true, DialTimeout: 20 * time.Second}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer v.client.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	runtime.GC()
	var before, peak runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var now runtime.MemStats
				if runtime.ReadMemStats(&now); now.HeapInuse+now.StackInuse > peak.HeapInuse+peak.StackInuse {
					peak = now
				}
			}
		}
	}()
	var good atomic.Int64
	began := time.Now()
	each(t.Context(), n, n, func(ctx context.Context, i int) {
		m := Member{UID: i, Hotkey: logicnet.Hotkey{byte(i), byte(i >> 8), 1}, Axon: at}
		if r := v.query(ctx, m, "What is 6 * 7?", "0", 50*time.Second); r.ok && r.answer == "42" && len(r.reasoning) == longestReasoning {
			good.Add(1)
		} else if i%100 == 0 {
			t.Errorf("miner %d: %s", i, r.why)
		}
	})
	close(stop)
	<-watched
	grown := (int64(peak.HeapInuse+peak.StackInuse) - int64(before.HeapInuse+before.StackInuse)) >> 20
	t.Logf("%d of %d answered in %s, %d MiB more in use at most (both ends)", good.Load(), n, time.Since(began).Round(time.Millisecond), grown)
	if good.Load() != n {
		t.Errorf("%d of %d answered", good.Load(), n)
	}
	if grown > 768 {
		t.Errorf("%d MiB in use", grown)
	}
}

// TestSimilar compares reasonings with that of their own problem, and lets one that cannot be embedded concern nobody else.
func TestSimilar(t *testing.T) {
	one, two := Problem{Question: "one"}, Problem{Question: "two"}
	posed := []posed{{problem: one}, {problem: two}, {problem: one}, {problem: one}, {problem: two}}
	replies := []reply{{ok: true, reasoning: "x"}, {ok: true, reasoning: "y"}, {ok: true, reasoning: "bad"}, {}, {ok: true, reasoning: "x"}}
	own := map[Problem]string{one: "x", two: "y"}
	vectors := encoder(func(texts []string) (out [][]float32, err error) {
		for _, s := range texts {
			switch s {
			case "x":
				out = append(out, []float32{1, 0})
			case "y":
				out = append(out, []float32{0, 1})
			default:
				return nil, errors.New("bad")
			}
		}
		return out, nil
	})
	for name, c := range map[string]struct {
		encoder Encoder
		own     map[Problem]string
		want    []float64
	}{
		"all":           {vectors, own, []float64{1, 1, 0, 0, 0}},
		"one is silent": {vectors, map[Problem]string{two: "y"}, []float64{0.5, 1, 0.5, 0, 0}},
		"own is bad":    {vectors, map[Problem]string{one: "x", two: "bad"}, []float64{1, 0.5, 0, 0, 0.5}},
		"no encoder":    {nil, own, []float64{0.5, 0.5, 0.5, 0, 0.5}},
		"too few": {encoder(func(texts []string) ([][]float32, error) { return make([][]float32, 0), nil }), own,
			[]float64{0.5, 0.5, 0.5, 0, 0.5}},
	} {
		v := &Validator{cfg: Config{Rules: quick(), Encoder: c.encoder, Status: status.Discard}}
		if got := v.similarities(t.Context(), []int{0, 1, 2, 3, 4}, posed, replies, c.own); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aé", 2, "a"}, {"é", 1, ""}, {"", 0, ""}, {"\x80\x80\x80", 2, ""}} {
		if got := cut(c.text, c.n); got != c.want {
			t.Errorf("%q to %d: %q", c.text, c.n, got)
		}
	}
}
