package logicnet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/node/logicminer"
	"github.com/nanteos/nanteos/logicnet"
)

// roleEnv makes this program serve instead of testing.
const roleEnv = "NANTEOS_BENCH_LOGICNET"

const (
	roleMiner = "miner" // one miner with an instant solver
	roleCrowd = "crowd" // many axons that answer when all were asked
)

// callers are the keys that may ask.
const callers = 64

// crowd is the number of axons, of each of which one question is asked.
const crowd = 1000

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case roleMiner:
		err = serveMiner()
	case roleCrowd:
		err = serveCrowd()
	default:
		err = fmt.Errorf("there is no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// up is what a server says when it listens.
type up struct {
	Address string `json:"address"`
	Hotkey  string `json:"hotkey"`
	Version string `json:"version"`
}

// untilEnd is a context that ends with the standard input.
func untilEnd() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

func say(v any) { _ = json.NewEncoder(os.Stdout).Encode(v) }

func key(group byte, i int) sr25519.Keypair {
	return sr25519.NewKeypair([32]byte{group, byte(i >> 8), byte(i), 1})
}

// register is a metagraph of the callers and the miner.
type register struct{}

func (register) Metagraph(context.Context) (chain.Metagraph, error) {
	var g chain.Metagraph
	add := func(k sr25519.Keypair, stake uint64) {
		g.Neurons = append(g.Neurons, chain.Neuron{UID: uint16(len(g.Neurons)), Hotkey: ss58.EncodeBittensor(k.Public()), Stake: stake})
	}
	add(key('m', 0), 0)
	for i := range callers {
		add(key('c', i), 20_000e9)
	}
	return g, nil
}

type instant struct{}

func (instant) Solve(string) (answer, steps string, ok bool) { return "4", "2 + 2 = 4", true }

// serveMiner serves a miner whose callers have no quota to speak of.
func serveMiner() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nanteos-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rules := logicnet.Hardened()
	rules.MaxQuota = 1e6
	m, err := logicminer.New(logicminer.Config{Rules: rules, Hotkey: key('m', 0), Register: register{}, Listener: l, Dir: dir,
		Volume: callers * 1e6, Solver: instant{}, Concurrent: 256})
	if err != nil {
		return err
	}
	say(up{l.Addr().String(), ss58.EncodeBittensor(key('m', 0).Public()), "nanteos"})
	return m.Run(untilEnd())
}

// longQuestion asks for an answer that is longer than anybody may send.
const longQuestion = "long"

// serveCrowd serves many axons at one address. They wait for each other.
func serveCrowd() error {
	var asked atomic.Int64
	var mu sync.Mutex
	all := make(chan struct{}) // guarded by mu; closed when all were asked
	wait := func(ctx context.Context) error {
		mu.Lock()
		gate := all
		if asked.Add(1)%crowd == 0 {
			close(all)
			all = make(chan struct{})
		}
		mu.Unlock()
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	usual, long := strings.Repeat("Then we add the numbers. ", 80), strings.Repeat("x", 2*answerBytes)
	servers := map[string]*axon.Server{}
	for i := range crowd {
		s, err := axon.New(axon.Config{Hotkey: key('m', i), WriteTimeout: 30 * time.Second})
		if err != nil {
			return err
		}
		err = axon.Handle(s, axon.Route[logicnet.LogicSynapse]{Forward: func(ctx context.Context, _ *axon.Call, q *logicnet.LogicSynapse) error {
			if err := wait(ctx); err != nil {
				return err
			}
			if q.Question == longQuestion {
				q.SetAnswer("4", long)
			} else {
				q.SetAnswer("4", usual)
			}
			return nil
		}})
		if err != nil {
			return err
		}
		servers[s.Address()] = s
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if s := servers[values[0]]; s != nil && strings.EqualFold(name, "bt_header_axon_hotkey") {
				s.ServeHTTP(w, r)
				return
			}
		}
		http.NotFound(w, r)
	})}
	defer context.AfterFunc(untilEnd(), func() { _ = h.Close() })()
	say(up{l.Addr().String(), "", "nanteos"})
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// side is a server in a process of its own.
type side struct {
	up
	target dendrite.Axon
	key    sr25519.Keypair // of a Python side
}

// ours starts this program in a role.
func ours(tb testing.TB, role string) *side {
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return start(tb, exec.CommandContext(tb.Context(), self), roleEnv+"="+role)
}

// sdk starts the axon of the Python SDK that the variable names; nil where there is none.
func sdk(tb testing.TB, variable string) *side {
	python := os.Getenv(variable)
	if python == "" {
		tb.Logf("no comparison: %s names no Python with the Bittensor SDK", variable)
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	port := netip.MustParseAddrPort(l.Addr().String()).Port()
	_ = l.Close()
	folder := tb.TempDir()
	seed := sha256.Sum256([]byte(variable))
	s := start(tb, exec.CommandContext(tb.Context(), python, "testdata/axon.py", strconv.Itoa(int(port)), folder, fmt.Sprintf("0x%x", seed)), "HOME="+folder, "BT_LOGGING_DEBUG=0")
	s.key = sr25519.NewKeypair(seed)
	return s
}

func start(tb testing.TB, cmd *exec.Cmd, env ...string) *side {
	tb.Helper()
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	var noise bytes.Buffer
	cmd.Stderr = &noise
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("couldn't start %s: %v", cmd.Path, err)
	}
	s := &side{}
	lines := bufio.NewScanner(out)
	for s.Address == "" && lines.Scan() {
		_ = json.Unmarshal(lines.Bytes(), &s.up) // other lines are logs
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	tb.Cleanup(func() {
		_ = in.Close() // the program ends with its input
		<-drained
		if err := cmd.Wait(); err != nil && tb.Context().Err() == nil {
			tb.Logf("%s ended with %v: %s", cmd.Path, err, noise.String())
		}
	})
	if s.Address == "" {
		tb.Fatalf("%s doesn't serve: %s", cmd.Path, noise.String())
	}
	s.target = dendrite.Axon{Address: netip.MustParseAddrPort(s.Address), Hotkey: s.Hotkey}
	for range 200 {
		if c, err := net.Dial("tcp", s.Address); err == nil {
			_ = c.Close()
			return s
		}
		time.Sleep(50 * time.Millisecond)
	}
	tb.Fatalf("nobody listens on %s", s.Address)
	return nil
}
