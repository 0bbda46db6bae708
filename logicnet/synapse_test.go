package logicnet

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func value(t testing.TB, x any) synapse.Value {
	t.Helper()
	v, err := synapse.ValueOf(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectorsWire reads what the reference sent and makes the same bytes of what a validator here would send.
func TestVectorsWire(t *testing.T) {
	const file = "logicnet/wire_requests.json"
	var f struct {
		About, SDK    string
		ValidatorSeed string `json:"validator_seed"`
		MinerHotkey   string `json:"miner_hotkey"`
		ExternalIP    string `json:"external_ip"`
		Cases         []struct {
			Kind, Head, Body string
			Question         string `json:"logic_question"`
			TaskUID          string `json:"task_uid"`
			Timeout          int64
		}
	}
	vectortest.Decode(t, file, &f)
	logic, info := synapse.MustTypeOf[LogicSynapse](), synapse.MustTypeOf[Information]()
	for i, c := range f.Cases {
		class := logic
		var read, sent any = &LogicSynapse{}, &LogicSynapse{}
		switch c.Kind {
		case logic.Name():
			s := NewQuestion(c.Question, c.TaskUID, c.Timeout)
			sent = &s
		case info.Name():
			class, read, sent = info, &Information{}, &Information{}
		default:
			t.Fatalf("case %d: kind %q", i, c.Kind)
		}
		envelope, _, err := class.ParseJSON([]byte(c.Body), read)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if got := class.TimeoutText(&envelope); !strings.Contains(c.Head, "\r\ntimeout: "+got+"\r\n") {
			t.Errorf("case %d: timeout %s, head %q", i, got, c.Head)
		}
		body, err := class.AppendJSON(nil, &envelope, sent, synapse.Spaced)
		if err != nil || string(body) != c.Body {
			t.Errorf("case %d: body %s (%v), want %s", i, body, err, c.Body)
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestOutgoingKeepsSecrets(t *testing.T) {
	s := LogicSynapse{
		Timeout: 64, Question: "as a pirate: two and two?", RawQuestion: "SECRET 2+2", Truth: value(t, "SECRET 4"), TaskUID: "00c0ffee",
		Answer: value(t, "SECRET"), Reasoning: "SECRET",
	}
	out := s.Outgoing()
	e := synapse.NewEnvelope()
	body, err := synapse.MustTypeOf[LogicSynapse]().AppendJSON(nil, &e, &out, synapse.Spaced)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), "SECRET") {
		t.Errorf("body tells a secret: %s", body)
	}
	if text, _ := s.Truth.Text(); text != "SECRET 4" || s.RawQuestion == "" {
		t.Error("the validator's own copy lost its truth")
	}
	if !strings.Contains(string(body), `"category": "Logic"`) || !strings.Contains(string(body), `"logic_answer": ""`) {
		t.Errorf("body %s", body)
	}
}

// A miner may answer with any JSON value. Only a text is an answer, and a reply touches nothing but answer and reasoning.
func TestAnswer(t *testing.T) {
	class := synapse.MustTypeOf[LogicSynapse]()
	for body, want := range map[string]string{
		`{"logic_answer": "4", "logic_reasoning": "2+2"}`: "4",
		`{"logic_answer": "", "logic_reasoning": "2+2"}`:  "",
		`{"logic_answer": 4}`:                             "!",
		`{"logic_answer": null}`:                          "!",
		`{"logic_answer": ["4"]}`:                         "!",
		`{"logic_answer": {"a": NaN}}`:                    "!",
		`{"logic_answer": "4", "ground_truth_answer": "4", "logic_question": "?", "category": "C"}`:      "4",
		`{"logic_answer": "x", "timeout": 1, "task_uid": "other", "raw_logic_question": "what is 2+2?"}`: "x",
	} {
		var reply LogicSynapse
		_, present, err := class.ParseJSON([]byte(body), &reply)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		s := NewQuestion("q", "00000001", 64)
		if _, err := class.CopyAnswers(&s, &reply, present); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		text, err := s.AnswerText()
		if want == "!" {
			if !errors.Is(err, ErrAnswer) {
				t.Errorf("%s: answer %q, error %v", body, text, err)
			}
		} else if err != nil || text != want {
			t.Errorf("%s: answer %q, error %v", body, text, err)
		}
		if s.Question != "q" || s.Category != Category || s.TaskUID != "00000001" || s.Timeout != 64 || s.RawQuestion != "" || !s.Truth.IsNull() {
			t.Errorf("%s: the reply changed the question: %+v", body, s)
		}
	}
}

func TestInformationReply(t *testing.T) {
	for _, r := range []Rules{Reference(), Hardened()} {
		info, err := r.ParseInfo(InformationReply(50))
		if err != nil || info != (Info{Category: Category, EpochVolume: 50}) {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

func TestTaskUID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}$`)
	rng, same := NewRand([32]byte{1}), NewRand([32]byte{1})
	seen := map[string]bool{}
	for range 100 {
		id := TaskUID(rng)
		if !form.MatchString(id) || seen[id] || id != TaskUID(same) {
			t.Fatalf("task uid %q", id)
		}
		seen[id] = true
	}
}

func TestHotkeyText(t *testing.T) {
	const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	var h Hotkey
	if err := json.Unmarshal([]byte(`"`+alice+`"`), &h); err != nil || h.String() != alice {
		t.Fatalf("%s, %v", h, err)
	}
	text, err := json.Marshal(map[Hotkey]int{h: 1})
	if err != nil || string(text) != `{"`+alice+`":1}` {
		t.Errorf("%s, %v", text, err)
	}
	before := h
	for _, bad := range []string{"", "x", alice[:47], strings.Repeat("1", 1000), alice[:40] + "11111111"} {
		if err := h.UnmarshalText([]byte(bad)); err == nil || h != before || len(err.Error()) > 300 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestShorten(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, strings.Repeat("é", 64): 128, strings.Repeat("é", 65): 128 + len("…"), strings.Repeat("\xff", 70): 64 + len("…")} {
		if got := shorten(s); len(got) != want {
			t.Errorf("%d bytes become %d, want %d", len(s), len(got), want)
		}
	}
}
