package axon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// LogicSynapse and Information are LogicNet's classes, which the vectors were recorded with.
type LogicSynapse struct {
	Timeout     int64         `synapse:"timeout" default:"64"`
	Question    string        `synapse:"logic_question"`
	Answer      synapse.Value `synapse:"logic_answer" default:"\"\""`
	Reasoning   string        `synapse:"logic_reasoning"`
	RawQuestion string        `synapse:"raw_logic_question"`
	GroundTruth synapse.Value `synapse:"ground_truth_answer" default:"\"\""`
	Category    string        `synapse:"category"`
	TaskUID     string        `synapse:"task_uid"`
}

type Information struct {
	Request  synapse.Value `synapse:"request_dict" default:"{}"`
	Response synapse.Value `synapse:"response_dict" default:"{}"`
}

// behaviour is a file of request recipes.
type behaviour struct {
	About           string
	Classes         string
	SDK             string
	MinerSeed       string `json:"miner_seed"`
	MinerHotkey     string `json:"miner_hotkey"`
	ValidatorSeed   string `json:"validator_seed"`
	ValidatorHotkey string `json:"validator_hotkey"`
	Cases           []recipe
}

type recipe struct {
	Label, Method, Path, Name string
	Timeout                   string
	NonceOffset               int64 `json:"nonce_offset_ns"`
	Nonce                     any
	UUID                      string
	SignerSeed                string `json:"signer_seed"`
	Hotkey, Version           string
	BodyHashHeader            string `json:"body_hash_header"`
	Signature                 *string
	AxonHotkeyHeader          string      `json:"axon_hotkey_header"`
	SignedAxonHotkey          string      `json:"signed_axon_hotkey"`
	DropHeaders               []string    `json:"drop_headers"`
	ExtraHeaders              [][2]string `json:"extra_headers"`
	ContentType               string      `json:"content_type"`
	Body                      string
	ReplayOf                  string `json:"replay_of"`
	Class                     string
	Expect                    expectation
}

type expectation struct {
	Status           int
	ContentType      string        `json:"content_type"`
	HasAxonSignature bool          `json:"has_axon_signature"`
	BTHeaders        []string      `json:"bt_headers"`
	Name             string        `json:"name"`
	Timeout          string        `json:"timeout"`
	StatusCode       string        `json:"bt_header_axon_status_code"`
	StatusMessage    string        `json:"bt_header_axon_status_message"`
	AxonVersion      string        `json:"bt_header_axon_version"`
	JSONKeys         []string      `json:"json_keys"`
	JSON             synapse.Value `json:"json"`
	JSONAxon         synapse.Value `json:"json_axon"`
	JSONDendrite     synapse.Value `json:"json_dendrite"`
	Message          string
	Detail           any
	ConnectionError  string `json:"connection_error"`
}

func keypair(t testing.TB, seed string) sr25519.Keypair {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(seed, "0x"))
	if err != nil || len(b) != 32 {
		t.Fatalf("seed %q: %v", seed, err)
	}
	return sr25519.NewKeypair([32]byte(b))
}

// request writes the bytes of a recipe.
func (r recipe) request(t testing.TB, now time.Time) []byte {
	t.Helper()
	nonceText := fmt.Sprint(now.UnixNano() + r.NonceOffset)
	switch n := r.Nonce.(type) {
	case nil:
	case string:
		nonceText = n
	case float64:
		nonceText = fmt.Sprintf("%.0f", n)
	default:
		t.Fatalf("nonce %T", n)
	}
	signature := ""
	if r.Signature != nil {
		signature = *r.Signature
	}
	if signature == "auto" {
		message := strings.Join([]string{nonceText, r.Hotkey, r.SignedAxonHotkey, r.UUID, r.BodyHashHeader}, ".")
		sig, err := keypair(t, r.SignerSeed).Sign([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		signature = synapse.FormatSignature(sig)
	}
	headers := [][2]string{
		{"name", r.Name}, {"timeout", r.Timeout},
		{"bt_header_axon_ip", "127.0.0.1"}, {"bt_header_axon_port", "8091"}, {"bt_header_axon_hotkey", r.AxonHotkeyHeader},
		{"bt_header_dendrite_ip", "203.0.113.7"}, {"bt_header_dendrite_version", r.Version}, {"bt_header_dendrite_nonce", nonceText},
		{"bt_header_dendrite_uuid", r.UUID}, {"bt_header_dendrite_hotkey", r.Hotkey}, {"bt_header_dendrite_signature", signature},
		{"header_size", "464"}, {"total_size", "3706"}, {"computed_body_hash", r.BodyHashHeader},
	}
	headers = append(headers, r.ExtraHeaders...)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n", r.Method, r.Path, len(r.Body))
	if r.ContentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", r.ContentType)
	}
	for _, h := range headers {
		if slices.Contains(r.DropHeaders, h[0]) || h[0] == "bt_header_dendrite_signature" && r.Signature == nil {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n" + r.Body)
	return b.Bytes()
}

// exchangeRaw sends bytes and returns the response with its headers under the names that came over the wire.
func exchangeRaw(t testing.TB, address string, request []byte) (status int, headers map[string]string, body []byte) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(c)
	if err != nil && len(raw) == 0 {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	headers = make(map[string]string)
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ": ")
		headers[name] = value
	}
	return response.StatusCode, headers, body
}

// serve runs a server on loopback until the test ends.
func serve(t testing.TB, s *Server) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// logicServer serves as the miner of the vectors did.
func logicServer(t testing.TB, v behaviour, config Config, open bool) string {
	t.Helper()
	config.Hotkey = keypair(t, v.MinerSeed)
	version, err := synapse.Version(v.SDK)
	if err != nil {
		t.Fatal(err)
	}
	config.Version = version
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if s.Address() != v.MinerHotkey {
		t.Fatalf("hotkey %s, want %s", s.Address(), v.MinerHotkey)
	}
	four, _ := synapse.ValueOf("4")
	info, _ := synapse.ParseValue([]byte(`{"epoch_volume": 50, "category": "Logic"}`))
	logic := Route[LogicSynapse]{
		Open: open,
		Blacklist: func(call *Call) (bool, string) {
			return call.Address != v.ValidatorHotkey, "Unrecognized hotkey"
		},
		Forward: func(_ context.Context, _ *Call, s *LogicSynapse) error {
			switch s.Question {
			case "none":
				return errors.New("no answer")
			case "raise":
				panic("raised")
			}
			s.Answer, s.Reasoning = four, "R:"+s.Question
			return nil
		},
	}
	if err := Handle(s, logic); err != nil {
		t.Fatal(err)
	}
	if err := Handle(s, Route[Information]{Open: open, Forward: func(_ context.Context, _ *Call, s *Information) error {
		s.Response = info
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	return serve(t, s)
}

var (
	uuidText   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	secondsOld = regexp.MustCompile(`request was -?[0-9.]+ seconds old`)
)

// normalMessage brings messages to what is normative: the text behind "Not Verified with error" comes from the reference's key library
// where it is not about nonces, the signed message and the list of classes are not for strangers.
func normalMessage(m string) string {
	m = uuidText.ReplaceAllString(m, "<uuid>")
	m = secondsOld.ReplaceAllString(m, "request was <n> seconds old")
	m, _, _ = strings.Cut(m, " Available synapses")
	if rest, ok := strings.CutPrefix(m, "Not Verified with error: "); ok && !strings.HasPrefix(rest, "Nonce is") && rest != "Missing Nonce" {
		return "Not Verified with error"
	}
	return m
}

func isSynapseHeader(name string) bool {
	return strings.HasPrefix(name, "bt_header_") || slices.Contains([]string{"name", "timeout", "header_size", "total_size", "computed_body_hash"}, name)
}

// withoutNull drops what varies or is None from a terminal.
func withoutNull(t *testing.T, v synapse.Value) string {
	t.Helper()
	if v.IsNull() {
		return "null"
	}
	var m map[string]any
	if err := v.Decode(&m); err != nil {
		t.Fatal(err)
	}
	for k, x := range m {
		if x == nil || k == "process_time" {
			delete(m, k)
		}
	}
	return fmt.Sprint(m)
}

// differences compares a response with what the reference gave.
func (e expectation) differences(t *testing.T, status int, headers map[string]string, body []byte) (found []string) {
	t.Helper()
	differ := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			found = append(found, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	differ("status", status, e.Status)
	differ("content type", headers["Content-Type"], e.ContentType)
	differ("signed", headers["bt_header_axon_signature"] != "", e.HasAxonSignature)
	var names []string
	for name := range headers {
		if isSynapseHeader(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	want := slices.Clone(e.BTHeaders)
	slices.Sort(want)
	differ("headers", names, want)
	differ("name", headers["name"], e.Name)
	differ("timeout", headers["timeout"], e.Timeout)
	differ("status header", headers["bt_header_axon_status_code"], e.StatusCode)
	differ("message header", normalMessage(headers["bt_header_axon_status_message"]), normalMessage(e.StatusMessage))
	if e.AxonVersion != "" {
		differ("version", headers["bt_header_axon_version"], e.AxonVersion)
	}
	v, err := synapse.ParseValue(body)
	if err != nil {
		return append(found, err.Error())
	}
	message, _ := v.Get("message")
	text, _ := message.Text()
	differ("message", normalMessage(text), normalMessage(e.Message))
	if e.JSON.IsNull() {
		return found
	}
	var keys map[string]synapse.Value
	if err := v.Decode(&keys); err != nil {
		t.Fatal(err)
	}
	differ("number of keys", len(keys), len(e.JSONKeys))
	order := -1
	for _, k := range e.JSONKeys {
		at := bytes.Index(body, []byte(`"`+k+`":`))
		if at < order {
			found = append(found, "key "+k+" is out of order")
		}
		order = at
	}
	var wanted map[string]synapse.Value
	if err := e.JSON.Decode(&wanted); err != nil {
		t.Fatal(err)
	}
	for k, w := range wanted {
		differ(k, keys[k], w)
	}
	differ("axon", withoutNull(t, keys["axon"]), withoutNull(t, e.JSONAxon))
	differ("dendrite", withoutNull(t, keys["dendrite"]), withoutNull(t, e.JSONDendrite))
	return found
}

func TestBehaviourVectors(t *testing.T) {
	for _, file := range []string{"logicnet/axon_behaviour.json", "logicnet/axon_behaviour_sdk10.json"} {
		t.Run(file, func(t *testing.T) {
			var v behaviour
			vectortest.Decode(t, file, &v)
			validator := keypair(t, v.ValidatorSeed).Public()
			hardened := logicServer(t, v, Config{Members: func(key [32]byte) bool { return key == validator }}, false)
			reference := logicServer(t, v, Config{Rules: &Rules{}, Nonces: nonce.Memory(nonce.Options{})}, true)
			sent := make(map[string][]byte)
			asReference := 0
			for _, c := range v.Cases {
				request := sent[c.ReplayOf]
				if request == nil {
					request = c.request(t, time.Now())
				}
				sent[c.Label] = request
				status, headers, body := exchangeRaw(t, hardened, request)
				found := c.Expect.differences(t, status, headers, body)
				switch c.Class {
				case "must":
					for _, d := range found {
						t.Errorf("%s: %s", c.Label, d)
					}
				case "should_differ":
					if status == c.Expect.Status {
						t.Errorf("%s: status %d as the reference", c.Label, status)
					}
				case "may_differ":
				default:
					t.Fatalf("unknown class %q", c.Class)
				}
				for _, secret := range []string{"panic", "goroutine", ".go:", "raised", "couldn't"} {
					if strings.Contains(string(body)+fmt.Sprint(headers), secret) {
						t.Errorf("%s: the response leaks %q: %s", c.Label, secret, body)
					}
				}
				// The reference's own rules refuse nothing that is required.
				status, _, body = exchangeRaw(t, reference, request)
				if c.Class == "must" && c.Expect.Status == http.StatusOK && status != http.StatusOK {
					t.Errorf("%s: the rules of the reference give %d %s", c.Label, status, body)
				}
				if c.Class == "should_differ" && status == c.Expect.Status {
					asReference++
				}
			}
			if asReference == 0 {
				t.Error("no weakness of the reference shows under its rules: the test does not reach them")
			}
			vectortest.Count(t, file, len(v.Cases))
		})
	}
}
