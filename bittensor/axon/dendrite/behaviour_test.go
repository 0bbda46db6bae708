package dendrite

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// logicFields are what LogicNet's class has; the two classes below differ in what a reply may change.
type loose struct {
	Timeout     int64         `synapse:"timeout" default:"64"`
	Question    string        `synapse:"logic_question"`
	Answer      synapse.Value `synapse:"logic_answer" default:"\"\""`
	Reasoning   string        `synapse:"logic_reasoning"`
	RawQuestion string        `synapse:"raw_logic_question"`
	GroundTruth synapse.Value `synapse:"ground_truth_answer" default:"\"\""`
	Category    string        `synapse:"category"`
	TaskUID     string        `synapse:"task_uid"`
}

func (loose) SynapseName() string { return "LogicSynapse" }

type strict struct {
	Timeout     int64         `synapse:"timeout" default:"64"`
	Question    string        `synapse:"logic_question"`
	Answer      string        `synapse:"logic_answer,answer"`
	Reasoning   string        `synapse:"logic_reasoning,answer"`
	RawQuestion string        `synapse:"raw_logic_question"`
	GroundTruth synapse.Value `synapse:"ground_truth_answer" default:"\"\""`
	Category    string        `synapse:"category"`
	TaskUID     string        `synapse:"task_uid"`
}

func (strict) SynapseName() string { return "LogicSynapse" }

type canned struct {
	Label       string
	Status      int
	Headers     [][2]string
	ContentType *string `json:"content_type"`
	Body        string
	Delay       float64 `json:"delay_s"`
	Close       bool
	Refused     bool
	Timeout     *int64
	Class       string
	Expect      struct {
		Raised         bool
		Error          string
		Success        bool    `json:"is_success"`
		StatusCode     *int64  `json:"dendrite_status_code"`
		StatusMessage  *string `json:"dendrite_status_message"`
		DendriteIsNull bool    `json:"dendrite_is_null"`
		ProcessTimeSet bool    `json:"process_time_set"`
		Answer         any     `json:"logic_answer"`
		Reasoning      any     `json:"logic_reasoning"`
		Question       string  `json:"logic_question"`
		TaskUID        string  `json:"task_uid"`
		Category       string
		Timeout        int64
	}
}

// answers serves one canned response to each connection.
func answers(t *testing.T, c canned) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddrPort(listener.Addr().String())
	if c.Refused {
		_ = listener.Close()
		return address
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				readRequest(conn)
				if c.Close {
					return
				}
				time.Sleep(time.Duration(c.Delay * float64(time.Second)))
				var b bytes.Buffer
				fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %d\r\n", c.Status, http.StatusText(c.Status), len(c.Body))
				if c.ContentType != nil {
					fmt.Fprintf(&b, "Content-Type: %s\r\n", *c.ContentType)
				}
				for _, h := range c.Headers {
					fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
				}
				b.WriteString("\r\n" + c.Body)
				_, _ = conn.Write(b.Bytes())
			}()
		}
	}()
	return address
}

// readRequest reads one request off a connection.
func readRequest(conn net.Conn) string {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var got []byte
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		got = append(got, buffer[:n]...)
		head, body, ok := strings.Cut(string(got), "\r\n\r\n")
		if ok {
			for _, line := range strings.Split(head, "\r\n") {
				if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
					if want, _ := strconv.Atoi(v); len(body) >= want {
						return string(got)
					}
				}
			}
		}
		if err != nil {
			return string(got)
		}
	}
}

func client(t testing.TB, config Config) *Dendrite {
	t.Helper()
	if config.Hotkey == nil {
		config.Hotkey = sr25519.NewKeypair([32]byte{1})
	}
	config.AllowPrivate = true
	d, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

var miner = ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{2}).Public())

// state is what the vectors compare.
type state struct {
	Success        bool
	Code, Message  string
	TimeSet        bool
	Answer         string
	Reasoning      string
	Question, Task string
	Category       string
	Timeout        int64
}

func stateOf[T any](r Reply[T], answer, reasoning, question, task, category string, timeout int64) state {
	_, timed := r.Dendrite.ProcessTime.Get()
	message := "None"
	if m, ok := r.Dendrite.StatusMessage.Get(); ok {
		message = m
	}
	return state{r.Success(), r.Dendrite.StatusCode.String(), message, timed, answer, reasoning, question, task, category, timeout}
}

func (c canned) want(t *testing.T) state {
	t.Helper()
	text := func(v any) string {
		x, err := synapse.ValueOf(v)
		if err != nil {
			t.Fatal(err)
		}
		return x.String()
	}
	e := c.Expect
	w := state{e.Success, "None", "None", e.ProcessTimeSet, text(e.Answer), text(e.Reasoning), e.Question, e.TaskUID, e.Category, e.Timeout}
	if e.StatusCode != nil {
		w.Code = strconv.FormatInt(*e.StatusCode, 10)
	}
	if e.StatusMessage != nil {
		w.Message = *e.StatusMessage
	}
	return w
}

// normal keeps of messages what is normative.
func (s state) normal(port uint16) state {
	if head, _, ok := strings.Cut(s.Message, "Failed to parse response:"); ok {
		s.Message = head + "Failed to parse response"
	}
	s.Message = strings.ReplaceAll(s.Message, "<port>", strconv.Itoa(int(port)))
	return s
}

func TestBehaviourVectors(t *testing.T) {
	for _, file := range []string{"logicnet/dendrite_behaviour.json", "logicnet/dendrite_behaviour_sdk10.json"} {
		t.Run(file, func(t *testing.T) {
			var v struct {
				About, SDK string
				Cases      []canned
			}
			vectortest.Decode(t, file, &v)
			d := client(t, Config{})
			t.Run("cases", func(t *testing.T) {
				for _, c := range v.Cases {
					t.Run(c.Label, func(t *testing.T) {
						t.Parallel()
						c.run(t, d)
					})
				}
			})
			vectortest.Count(t, file, len(v.Cases))
		})
	}
}

func (c canned) run(t *testing.T, d *Dendrite) {
	target := Axon{Address: answers(t, c), Hotkey: miner}
	timeout := 64 * time.Second
	if c.Timeout != nil {
		timeout = time.Duration(*c.Timeout) * time.Second
	}
	port := target.Address.Port()
	want := c.want(t).normal(port)
	quote := func(s string) string { return strconv.Quote(s) }

	// A class without answers takes the whole reply, as the SDK does.
	// What the vectors send is "Logic", which they compare also where nothing was taken.
	sent := loose{Question: "Q", TaskUID: "T", Category: "Logic"}
	sent.Answer, _ = synapse.ValueOf("")
	r := Query(context.Background(), d, target, sent, timeout)
	got := stateOf(r, r.Synapse.Answer.String(), quote(r.Synapse.Reasoning), r.Synapse.Question, r.Synapse.TaskUID, r.Synapse.Category, r.Synapse.Timeout).normal(port)
	if want.Timeout != 64 && !want.Success {
		got.Timeout = want.Timeout
	}
	// The timeout is the caller's, whatever the reply says.
	want.Timeout = got.Timeout
	if c.Class == "must" && got != want {
		t.Errorf("as the SDK:\n got %+v\nwant %+v", got, want)
	}

	// A class with answers takes those only.
	s := Query(context.Background(), d, target, strict{Question: "Q", TaskUID: "T", Category: "Logic"}, timeout)
	hardened := stateOf(s, quote(s.Synapse.Answer), quote(s.Synapse.Reasoning), s.Synapse.Question, s.Synapse.TaskUID, s.Synapse.Category, s.Synapse.Timeout).normal(port)
	if s.Synapse.Question != "Q" || s.Synapse.TaskUID != "T" || s.Synapse.Category != "Logic" || s.Axon.Hotkey.Or("") != miner || s.Dendrite.Hotkey.Or("") != d.Address() {
		t.Errorf("the reply changed what is not its to change: %+v", s)
	}
	hardened.Question, hardened.Task, hardened.Category = want.Question, want.Task, want.Category
	switch {
	case c.Class == "must" && hardened != want:
		t.Errorf("with answers:\n got %+v\nwant %+v", hardened, want)
	case c.Class == "should_differ":
		// It differs in the verdict, in the code, or in that the fields above were left alone.
		spoofed := c.Expect.Question != "Q" || c.Expect.Timeout != 64
		if hardened == want && !spoofed {
			t.Errorf("as the reference: %+v", hardened)
		}
	case c.Class != "must" && c.Class != "may_differ":
		t.Fatalf("unknown class %q", c.Class)
	}
	if hardened.Success != (s.Err == nil && s.Dendrite.StatusCode.Is(200)) {
		t.Errorf("success %v with error %v", hardened.Success, s.Err)
	}
}
