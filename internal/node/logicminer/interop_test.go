package logicminer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/logicnet"
)

// eachSDK runs a test against the SDKs that the environment offers.
func eachSDK(t *testing.T, run func(t *testing.T, interpreter string)) {
	for _, name := range []string{"NANTEOS_BITTENSOR9", "NANTEOS_BITTENSOR10"} {
		t.Run(name, func(t *testing.T) {
			interpreter := os.Getenv(name)
			if interpreter == "" {
				t.Skipf("%s names no Python with the bittensor SDK", name)
			}
			run(t, interpreter)
		})
	}
}

// startSDK starts testdata/sdk.py and returns its standard input and the JSON lines of its standard output.
func startSDK(t *testing.T, interpreter string, arguments ...string) (io.Writer, func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, interpreter, append([]string{"testdata/sdk.py"}, arguments...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "BT_LOGGING_DEBUG=0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var noise strings.Builder
	cmd.Stderr = &noise
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		cancel()
		if t.Failed() {
			t.Logf("python: %s", noise.String())
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return in, func() string {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "{") { // the SDK logs to standard output too
				return lines.Text()
			}
		}
		t.Fatalf("python ended: %v", lines.Err())
		return ""
	}
}

// party is the key that testdata/sdk.py makes of a seed of equal bytes.
func party(b byte) (seed string, key sr25519.Keypair) {
	mini := [32]byte{}
	for i := range mini {
		mini[i] = b
	}
	return fmt.Sprintf("0x%x", mini), sr25519.NewKeypair(mini)
}

// parties is a metagraph of a miner, two validators with stake, and one that has none.
type parties struct{}

func (parties) Metagraph(context.Context) (chain.Metagraph, error) {
	var g chain.Metagraph
	for uid, stake := range []uint64{4: 0, 1: 20_000e9, 5: 1e9, 6: 20_000e9} {
		if _, key := party(byte(uid)); uid == 1 || uid > 3 {
			g.Neurons = append(g.Neurons, chain.Neuron{UID: uint16(len(g.Neurons)), Hotkey: ss58.EncodeBittensor(key.Public()), Stake: stake})
		}
	}
	return g, nil
}

// parrot is a model that answers at once, or does what a question says.
type parrot struct{}

func (parrot) Complete(ctx context.Context, r llm.Request) (llm.Answer, error) {
	first := r.Messages[0].Content
	switch {
	case strings.HasPrefix(first, "fail"):
		return llm.Answer{}, errors.New("secret")
	case strings.HasPrefix(first, "slow"):
		<-ctx.Done()
		return llm.Answer{}, ctx.Err()
	case len(r.Messages) == 1:
		return llm.Answer{Text: "R:" + first}, nil
	}
	return llm.Answer{Text: "$4$"}, nil
}

// serveSDK runs a miner with quotas of 3 requests and returns where it listens.
func serveSDK(t *testing.T, key sr25519.Keypair) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Rules: logicnet.Hardened(), Hotkey: key, Register: parties{}, Listener: l, Dir: t.TempDir(), Volume: 18, Models: parrot{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("miner: %v", err)
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// TestSDKAsks has the SDK's dendrite ask our miner, as the reference's validator does.
func TestSDKAsks(t *testing.T) {
	eachSDK(t, func(t *testing.T, interpreter string) {
		_, key := party(4)
		address := serveSDK(t, key)
		in, line := startSDK(t, interpreter, "dendrite", strconv.Itoa(int(address.Port())), ss58.EncodeBittensor(key.Public()))
		type request struct {
			Synapse string         `json:"synapse"`
			Fields  map[string]any `json:"fields"`
			Timeout float64        `json:"timeout"`
			Seed    string         `json:"seed"`
			Hotkey  string         `json:"hotkey"`
			Repeat  int            `json:"repeat"`
		}
		type reply struct {
			Success bool
			State   map[string]any
		}
		caller, _ := party(1)
		ask := func(r request) (reply, string) {
			t.Helper()
			if r.Seed == "" {
				r.Seed = caller
			}
			if err := json.NewEncoder(in).Encode(r); err != nil {
				t.Fatal(err)
			}
			var got reply
			if err := json.Unmarshal([]byte(line()), &got); err != nil {
				t.Fatal(err)
			}
			d, _ := got.State["dendrite"].(map[string]any)
			return got, fmt.Sprintf("%v %v", d["status_code"], d["status_message"])
		}
		question := func(text string) map[string]any {
			return map[string]any{"logic_question": text, "category": "Logic", "task_uid": "0123abcd", "raw_logic_question": "", "ground_truth_answer": nil}
		}
		const odd = "é😀 \"'\\\n 2+2?"
		r, status := ask(request{Synapse: "LogicSynapse", Fields: question(odd), Timeout: 64})
		if !r.Success || status != "200 Success" || r.State["logic_answer"] != "$4$" || r.State["logic_reasoning"] != "R:"+odd {
			t.Errorf("question: %s, %+v", status, r)
		}
		if r.State["task_uid"] != "0123abcd" || r.State["logic_question"] != odd || r.State["ground_truth_answer"] != nil {
			t.Errorf("the question came back as another: %+v", r.State)
		}
		r, status = ask(request{Synapse: "Information", Timeout: 60})
		if d, _ := r.State["response_dict"].(map[string]any); !r.Success || d["epoch_volume"] != 18.0 || d["category"] != "Logic" {
			t.Errorf("information: %s, %+v", status, r)
		}
		strangerSeed, stranger := party(9)
		poor, _ := party(5)
		greedy, _ := party(6)
		for _, c := range []struct {
			what    string
			request request
			want    string
		}{
			{"a stranger", request{Synapse: "LogicSynapse", Fields: question("q"), Timeout: 20, Seed: strangerSeed}, "403 Forbidden. Key is blacklisted: Unrecognized hotkey."},
			{"a stranger's information", request{Synapse: "Information", Timeout: 20, Seed: strangerSeed}, "403 Forbidden. Key is blacklisted: Unrecognized hotkey."},
			{"no stake", request{Synapse: "LogicSynapse", Fields: question("q"), Timeout: 20, Seed: poor}, "403 Forbidden. Key is blacklisted: Not enough stake."},
			{"signed for another", request{Synapse: "LogicSynapse", Fields: question("q"), Timeout: 20, Hotkey: ss58.EncodeBittensor(stranger.Public())}, "401 Not Verified with error: Signature mismatch"},
			{"the model fails", request{Synapse: "LogicSynapse", Fields: question("fail"), Timeout: 20}, "500 Internal Server Error #"},
			{"over the limit", request{Synapse: "LogicSynapse", Fields: question(strings.Repeat("x", 70000)), Timeout: 20}, "413 "},
			// Of the volume of 18 each of the two validators with stake has half.
			{"quota", request{Synapse: "LogicSynapse", Fields: question("q"), Timeout: 20, Seed: greedy, Repeat: 9}, "200 Success"},
			{"over the quota", request{Synapse: "LogicSynapse", Fields: question("q"), Timeout: 20, Seed: greedy}, "403 Forbidden. Key is blacklisted: Limit exceeded."},
		} {
			if r, status := ask(c.request); !strings.HasPrefix(status, c.want) || r.Success != strings.HasPrefix(c.want, "200") {
				t.Errorf("%s: %s, want %s", c.what, status, c.want)
			}
		}
		began := time.Now()
		if _, status := ask(request{Synapse: "LogicSynapse", Fields: map[string]any{"logic_question": "slow", "timeout": 3}, Timeout: 3}); !strings.HasPrefix(status, "500") {
			t.Errorf("a slow model: %s", status)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the miner took %s of 3 s for saying that it has no answer", took)
		}
	})
}

// TestSDKAnswers has our dendrite ask the SDK's axon, as the reference's miner answers.
func TestSDKAnswers(t *testing.T) {
	eachSDK(t, func(t *testing.T, interpreter string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := netip.MustParseAddrPort(l.Addr().String())
		_ = l.Close()
		_, line := startSDK(t, interpreter, "axon", strconv.Itoa(int(address.Port())), t.TempDir())
		var up struct{ Hotkey string }
		if err := json.Unmarshal([]byte(line()), &up); err != nil {
			t.Fatal(err)
		}
		target := dendrite.Axon{Address: address, Hotkey: up.Hotkey}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if c, err := net.Dial("tcp", address.String()); err == nil {
				_ = c.Close()
				break
			}
		}
		client := func(b byte) *dendrite.Dendrite {
			_, key := party(b)
			d, err := dendrite.New(dendrite.Config{Hotkey: key, AllowPrivate: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(d.Close)
			return d
		}
		ctx, d := context.Background(), client(1)
		ask := func(question string, timeout time.Duration) dendrite.Reply[logicnet.LogicSynapse] {
			return dendrite.Query(ctx, d, target, logicnet.NewQuestion(question, "0123abcd", int64(timeout.Seconds())), timeout)
		}
		const odd = "é😀 \"'\\\n 2+2?"
		r := ask(odd, 20*time.Second)
		if answer, err := r.Synapse.AnswerText(); !r.Success() || err != nil || answer != "4" || r.Synapse.Reasoning != "R:"+odd {
			t.Errorf("question: %v %v, answer %q, %v", r.Dendrite.StatusCode, r.Err, answer, err)
		}
		if r = ask("overwrite", 20*time.Second); !r.Success() || r.Synapse.TaskUID != "0123abcd" || r.Synapse.Category != logicnet.Category || !r.Synapse.Truth.IsNull() {
			t.Errorf("the miner has rewritten the question: %+v", r.Synapse)
		}
		for _, question := range []string{"number", "list"} {
			if r := ask(question, 20*time.Second); !r.Success() {
				t.Errorf("%s: %v %v", question, r.Dendrite.StatusCode, r.Err)
			} else if _, err := r.Synapse.AnswerText(); !errors.Is(err, logicnet.ErrAnswer) {
				t.Errorf("an answer that is a %s: %v", question, err)
			}
		}
		info := dendrite.Query(ctx, d, target, logicnet.Information{}, 20*time.Second)
		if volume := info.Synapse.Response["epoch_volume"].String(); !info.Success() || volume != "512" {
			t.Errorf("information: %v %v, volume %s", info.Dendrite.StatusCode, info.Err, volume)
		}
		code := func(what string, r dendrite.Reply[logicnet.LogicSynapse], want int64) {
			t.Helper()
			if !r.Dendrite.StatusCode.Is(want) || r.Success() {
				t.Errorf("%s: status %v %q, want %d", what, r.Dendrite.StatusCode, r.Dendrite.StatusMessage.Or(""), want)
			}
		}
		code("the handler fails", ask("raise", 20*time.Second), 500)
		code("the handler answers nothing", ask("nothing", 20*time.Second), 500)
		code("too slow", ask("slow", time.Second), 408)
		code("refused", dendrite.Query(ctx, client(5), target, logicnet.NewQuestion("q", "t", 20), 20*time.Second), 403)
		other := target
		other.Hotkey = d.Address()
		code("signed for another", dendrite.Query(ctx, d, other, logicnet.NewQuestion("q", "t", 20), 20*time.Second), 401)
	})
}
