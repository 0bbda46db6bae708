package axon_test

import (
	"bufio"
	"context"
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
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon"
	"github.com/nanteos/nanteos/bittensor/axon/btauth"
	"github.com/nanteos/nanteos/bittensor/axon/dendrite"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
)

// The classes of testdata/sdk.py.
type (
	LogicSynapse struct {
		Timeout     int64         `synapse:"timeout" default:"64"`
		Question    string        `synapse:"logic_question"`
		Answer      synapse.Value `synapse:"logic_answer,answer" default:"\"\""`
		Reasoning   string        `synapse:"logic_reasoning,answer"`
		RawQuestion string        `synapse:"raw_logic_question"`
		GroundTruth synapse.Value `synapse:"ground_truth_answer" default:"\"\""`
		Category    string        `synapse:"category"`
		TaskUID     string        `synapse:"task_uid"`
	}
	Summed struct {
		Terms   []int64       `synapse:"terms,required"`
		Scale   float64       `synapse:"scale,required"`
		Label   string        `synapse:"label,required"`
		Options synapse.Value `synapse:"options" default:"{}"`
		Result  float64       `synapse:"result,answer"`
	}
	Slow struct {
		Seconds float64 `synapse:"seconds"`
	}
	Counted struct {
		Upto int64  `synapse:"upto"`
		Text string `synapse:"text,answer"`
	}
	Absent struct{}
	Ping   struct{}
)

func (Summed) HashFields() []string { return []string{"label", "terms", "scale", "options"} }
func (Ping) SynapseName() string    { return "Synapse" }

// sdks are the SDKs that the environment offers.
func sdks(t *testing.T, run func(t *testing.T, python string)) {
	for _, name := range []string{"NANTEOS_BITTENSOR9", "NANTEOS_BITTENSOR10"} {
		t.Run(name, func(t *testing.T) {
			python := os.Getenv(name)
			if python == "" {
				t.Skipf("%s names no Python with the bittensor SDK", name)
			}
			run(t, python)
		})
	}
}

// python starts a script and returns its standard input and the lines of its standard output.
func python(t *testing.T, interpreter string, arguments ...string) (io.Writer, func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, interpreter, arguments...)
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

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

func seed(b byte) (hex string, key sr25519.Keypair) {
	mini := [32]byte{}
	for i := range mini {
		mini[i] = b
	}
	return fmt.Sprintf("0x%x", mini), sr25519.NewKeypair(mini)
}

// TestSDKServes has our dendrite query the SDK's axon.
func TestSDKServes(t *testing.T) {
	sdks(t, func(t *testing.T, interpreter string) {
		port := freePort(t)
		_, line := python(t, interpreter, "testdata/sdk.py", "axon", strconv.Itoa(int(port)), t.TempDir())
		var up struct{ Hotkey string }
		if err := json.Unmarshal([]byte(line()), &up); err != nil {
			t.Fatal(err)
		}
		target := dendrite.Axon{Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Hotkey: up.Hotkey}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if c, err := net.Dial("tcp", target.Address.String()); err == nil {
				_ = c.Close()
				break
			}
		}
		ctx := context.Background()
		_, key := seed(1)
		d := newDendrite(t, key)
		wantCode := func(what string, r synapse.Terminal, code int64) {
			t.Helper()
			if !r.StatusCode.Is(code) {
				t.Errorf("%s: status %s %q, want %d", what, r.StatusCode, r.StatusMessage.Or(""), code)
			}
		}
		for range 3 { // nonces go up on one connection
			r := dendrite.Query(ctx, d, target, LogicSynapse{Question: "é😀 \"'\\\n", TaskUID: "t"}, 20*time.Second)
			wantCode("success", r.Dendrite, 200)
			if answer, _ := r.Synapse.Answer.Text(); answer != "4" || r.Synapse.Reasoning != "R:é😀 \"'\\\n" {
				t.Errorf("answer %s, reasoning %q", r.Synapse.Answer, r.Synapse.Reasoning)
			}
			if seconds, ok := r.Dendrite.ProcessTime.Get(); !ok || seconds <= 0 || seconds > 20 {
				t.Errorf("process time %v", r.Dendrite.ProcessTime)
			}
		}
		options, err := synapse.ParseValue([]byte(`{"z": [1.0, 2, null, true], "a'": "it's \"x\" \u00e9\u200b", "big": 123456789012345678901234567890, "f": 1e-7}`))
		if err != nil {
			t.Fatal(err)
		}
		sum := Summed{Terms: []int64{1, -2, 3 << 40}, Scale: 0.5, Label: "l'été", Options: options}
		r := dendrite.Query(ctx, d, target, sum, 20*time.Second)
		wantCode("hashed fields", r.Dendrite, 200)
		if want := float64(-1+(int64(3)<<40)) * 0.5; r.Synapse.Result != want {
			t.Errorf("result %g, want %g", r.Synapse.Result, want)
		}
		wantCode("ping", dendrite.Query(ctx, d, target, Ping{}, 20*time.Second).Dendrite, 200)
		wantCode("unknown route", dendrite.Query(ctx, d, target, Absent{}, 20*time.Second).Dendrite, 404)
		failed := dendrite.Query(ctx, d, target, LogicSynapse{Question: "raise"}, 20*time.Second)
		wantCode("handler fails", failed.Dendrite, 500)
		_, blocked := seed(5)
		refused := dendrite.Query(ctx, newDendrite(t, blocked), target, LogicSynapse{Question: "q"}, 20*time.Second)
		wantCode("blacklisted", refused.Dendrite, 403)
		if refused.Dendrite.StatusMessage.Or("") != "Forbidden. Key is blacklisted: blocked." {
			t.Errorf("message %q", refused.Dendrite.StatusMessage.Or(""))
		}
		other := target
		other.Hotkey = d.Address()
		wantCode("signed for another", dendrite.Query(ctx, d, other, LogicSynapse{Question: "q"}, 20*time.Second).Dendrite, 401)
		wantCode("timeout", dendrite.Query(ctx, d, target, Slow{Seconds: 5}, time.Second).Dendrite, 408)
		stream, err := dendrite.Stream(ctx, d, target, Counted{Upto: 5}, 20*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for piece, err := range stream.Pieces() {
			if err != nil {
				t.Error(err)
			}
			text.Write(piece)
		}
		streamed := stream.Reply()
		if text.String() != "0 1 2 3 4 " || !streamed.Success() {
			t.Errorf("streamed %q with status %s", text.String(), streamed.Dendrite.StatusCode)
		}
	})
}

func newDendrite(t testing.TB, key sr25519.Keypair) *dendrite.Dendrite {
	t.Helper()
	d, err := dendrite.New(dendrite.Config{Hotkey: key, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// goAxon serves the classes of testdata/sdk.py.
func goAxon(t testing.TB, key sr25519.Keypair, config axon.Config) netip.AddrPort {
	t.Helper()
	config.Hotkey = key
	config.MinTimeout = time.Millisecond
	s, err := axon.New(config)
	if err != nil {
		t.Fatal(err)
	}
	four, _ := synapse.ValueOf("4")
	_, blockedKey := seed(5)
	must(t, axon.Handle(s, axon.Route[LogicSynapse]{
		Blacklist: func(call *axon.Call) (bool, string) { return call.Hotkey == blockedKey.Public(), "blocked" },
		Forward: func(_ context.Context, _ *axon.Call, s *LogicSynapse) error {
			if s.Question == "raise" {
				return errors.New("secret")
			}
			s.Answer, s.Reasoning = four, "R:"+s.Question
			return nil
		}}))
	must(t, axon.Handle(s, axon.Route[Summed]{Forward: func(_ context.Context, _ *axon.Call, s *Summed) error {
		for _, n := range s.Terms {
			s.Result += float64(n)
		}
		s.Result *= s.Scale
		return nil
	}}))
	must(t, axon.Handle(s, axon.Route[Slow]{Forward: func(ctx context.Context, _ *axon.Call, s *Slow) error {
		select {
		case <-time.After(time.Duration(s.Seconds * float64(time.Second))):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}))
	must(t, axon.Handle(s, axon.Route[Counted]{Stream: func(_ context.Context, _ *axon.Call, s *Counted, w *axon.Stream) error {
		for i := range s.Upto {
			if _, err := fmt.Fprintf(w, "%d ", i); err != nil {
				return err
			}
		}
		return nil
	}}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-done)
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSDKCalls has the SDK's dendrite query our axon.
func TestSDKCalls(t *testing.T) {
	sdks(t, func(t *testing.T, interpreter string) {
		_, key := seed(4)
		_, stranger := seed(9)
		known := func(hotkey [32]byte) bool { return hotkey != stranger.Public() }
		address := goAxon(t, key, axon.Config{Members: known})
		me := ss58.EncodeBittensor(key.Public())
		in, line := python(t, interpreter, "testdata/sdk.py", "dendrite", strconv.Itoa(int(address.Port())), me)
		caller, _ := seed(1)
		blocked, _ := seed(5)
		unknown, _ := seed(9)
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
			Pieces  string
			State   map[string]any
		}
		ask := func(r request) reply {
			t.Helper()
			if r.Seed == "" {
				r.Seed = caller
			}
			if r.Repeat == 0 {
				r.Repeat = 1
			}
			must(t, json.NewEncoder(in).Encode(r))
			var got reply
			must(t, json.Unmarshal([]byte(line()), &got))
			return got
		}
		status := func(r reply) string {
			d, _ := r.State["dendrite"].(map[string]any)
			return fmt.Sprintf("%v %v", d["status_code"], d["status_message"])
		}
		logic := map[string]any{"logic_question": "é😀 \"'\\\n", "task_uid": "t"}
		r := ask(request{Synapse: "LogicSynapse", Fields: logic, Timeout: 20, Repeat: 3})
		if !r.Success || status(r) != "200 Success" || r.State["logic_answer"] != "4" || r.State["logic_reasoning"] != "R:é😀 \"'\\\n" {
			t.Errorf("success: %+v", r)
		}
		r = ask(request{Synapse: "Summed", Timeout: 20, Fields: map[string]any{"terms": []int{1, -2, 3}, "scale": 0.5, "label": "l'été",
			"options": map[string]any{"z": []any{1.5, 2, nil, true}, "a'": "it's \"x\" é\u200b"}}})
		if !r.Success || r.State["result"] != 1.0 {
			t.Errorf("hashed fields: %+v", r)
		}
		if r = ask(request{Synapse: "Synapse", Timeout: 20}); !r.Success {
			t.Errorf("ping: %+v", r)
		}
		for what, c := range map[string]struct {
			request request
			want    string
		}{
			"unknown route":      {request{Synapse: "Absent", Timeout: 20}, "404 Synapse name 'Absent' not found."},
			"blacklisted":        {request{Synapse: "LogicSynapse", Fields: logic, Timeout: 20, Seed: blocked}, "403 Forbidden. Key is blacklisted: blocked."},
			"unregistered":       {request{Synapse: "LogicSynapse", Fields: logic, Timeout: 20, Seed: unknown}, "403 Forbidden. Key is blacklisted: Unrecognized hotkey."},
			"signed for another": {request{Synapse: "LogicSynapse", Fields: logic, Timeout: 20, Hotkey: ss58.EncodeBittensor(stranger.Public())}, "401 Not Verified with error: Signature mismatch"},
			"handler fails":      {request{Synapse: "LogicSynapse", Fields: map[string]any{"logic_question": "raise"}, Timeout: 20}, "500 Internal Server Error #"},
			"timeout":            {request{Synapse: "Slow", Fields: map[string]any{"seconds": 5}, Timeout: 1}, "408 Request timeout"},
			"body over the limit": {request{Synapse: "LogicSynapse", Fields: map[string]any{"logic_question": strings.Repeat("x", 70000)}, Timeout: 20},
				"413 Request body is larger than 65536 bytes"},
		} {
			if r := ask(c.request); !strings.HasPrefix(status(r), c.want) || r.Success {
				t.Errorf("%s: %s, want %s", what, status(r), c.want)
			}
		}
		r = ask(request{Synapse: "Counted", Fields: map[string]any{"upto": 5}, Timeout: 20})
		if r.Pieces != "0 1 2 3 4 " || !strings.HasPrefix(status(r), "200") {
			t.Errorf("streamed: %+v", r)
		}
	})
}

// TestSDK11Auth crosses btauth/1 with SDK 11.
func TestSDK11Auth(t *testing.T) {
	interpreter := os.Getenv("NANTEOS_BITTENSOR11")
	if interpreter == "" {
		t.Skip("NANTEOS_BITTENSOR11 names no Python with SDK 11")
	}
	in, line := python(t, interpreter, "testdata/btauth.py")
	ask := func(v map[string]any) (out struct {
		Headers       map[string]string
		Hotkey, Error string
	}) {
		t.Helper()
		must(t, json.NewEncoder(in).Encode(v))
		must(t, json.Unmarshal([]byte(line()), &out))
		return out
	}
	_, server := seed(4)
	callerSeed, caller := seed(1)
	me := ss58.EncodeBittensor(server.Public())
	address := goAxon(t, server, axon.Config{})
	post := func(headers map[string]string, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, "http://"+address.String()+"/LogicSynapse?a=1", strings.NewReader(body))
		must(t, err)
		for k, v := range headers {
			request.Header.Set(k, v)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultTransport.RoundTrip(request)
		must(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(text)
	}
	const body = `{"logic_question": "é"}`
	signed := ask(map[string]any{"do": "sign", "seed": callerSeed, "method": "POST", "path": "/LogicSynapse?a=1", "body": body, "receiver": me})
	if status, text := post(signed.Headers, body); status != 200 || !strings.Contains(text, `"logic_reasoning":"R:\u00e9"`) {
		t.Errorf("signed by SDK 11: %d %s", status, text)
	}
	if status, text := post(signed.Headers, body); status != 401 {
		t.Errorf("replayed: %d %s", status, text)
	}
	again := ask(map[string]any{"do": "sign", "seed": callerSeed, "method": "POST", "path": "/LogicSynapse?a=1", "body": body, "receiver": me})
	if status, text := post(again.Headers, body+" "); status != 401 {
		t.Errorf("other body: %d %s", status, text)
	}
	h := make(http.Header)
	must(t, btauth.Sign(h, caller, time.Now(), "post", "/x?y=é", []byte(body), me))
	flat := make(map[string]string)
	for k := range h {
		flat[k] = h.Get(k)
	}
	verify := map[string]any{"do": "verify", "headers": flat, "method": "POST", "path": "/x?y=é", "body": body, "receiver": me}
	if got := ask(verify); got.Hotkey != ss58.EncodeBittensor(caller.Public()) {
		t.Errorf("SDK 11 on our signature: %+v", got)
	}
	if got := ask(verify); got.Error != "ReplayedRequest" {
		t.Errorf("SDK 11 on our signature again: %+v", got)
	}
}
