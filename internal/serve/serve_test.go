package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/base"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// loaded is the embedded model, once for all tests.
var loaded = sync.OnceValues(func() (*model.Model, *tokenizer.Tokenizer) {
	m, t, err := base.Load(model.Options{Threads: 2})
	if err != nil {
		panic(err)
	}
	return m, t
})

// start serves the embedded model for a test.
func start(t testing.TB, change func(*Config)) (*Server, *httptest.Server) {
	t.Helper()
	m, tokens := loaded()
	cfg := Config{Name: "base", Model: m, Tokenizer: tokens}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() { web.Close(); s.Close() })
	return s, web
}

// post sends a body and returns status, headers and answer.
func post(t testing.TB, url, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

func get(t testing.TB, url string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
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

// reply is what tests read of any answer, whole or streamed.
type reply struct {
	ID, Object, Model string
	Choices           []choice
	Usage             *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	PromptIDs []int32 `json:"prompt_token_ids"`
	Error     *struct{ Message, Type, Param, Code string }
}

type choice struct {
	Index     int
	Text      string
	Message   struct{ Role, Content string }
	Delta     struct{ Role, Content string }
	Finish    string  `json:"finish_reason"`
	Stop      any     `json:"stop_reason"`
	IDs       []int32 `json:"token_ids"`
	PromptIDs []int32 `json:"prompt_token_ids"`
	LogProbs  *struct {
		Tokens  []string
		Logs    []float64            `json:"token_logprobs"`
		Top     []map[string]float64 `json:"top_logprobs"`
		Offsets []int                `json:"text_offset"`
		Content []struct {
			Token   string
			LogProb float64
			Bytes   []byte
			Top     []struct {
				Token   string
				LogProb float64
			} `json:"top_logprobs"`
		}
	}
}

func parse(t testing.TB, text string) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return r
}

// ask posts a body that must succeed.
func ask(t testing.TB, url, body string) reply {
	t.Helper()
	status, _, text := post(t, url, body)
	if status != 200 {
		t.Fatalf("%s: status %d: %s", body, status, text)
	}
	return parse(t, text)
}

// stream posts a body and puts the events of its answer together.
func stream(t testing.TB, url, body string) (whole reply, events int) {
	t.Helper()
	status, h, text := post(t, url, body)
	if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s: status %d, %v: %s", body, status, h, text)
	}
	choices := map[int]*choice{}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<24)
	done := false
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok || done {
			t.Fatalf("line %q", lines.Text())
		}
		if data == "[DONE]" {
			done = true
			continue
		}
		events++
		r := parse(t, data)
		whole.ID, whole.Object = r.ID, r.Object
		if r.Usage != nil {
			whole.Usage = r.Usage
		}
		if r.PromptIDs != nil {
			whole.PromptIDs = r.PromptIDs
		}
		for _, c := range r.Choices {
			o := choices[c.Index]
			if o == nil {
				o = &choice{Index: c.Index}
				choices[c.Index] = o
			}
			if o.Finish != "" {
				t.Fatalf("choice %d goes on after its end", c.Index)
			}
			if c.PromptIDs != nil {
				o.PromptIDs = c.PromptIDs
			}
			o.Text += c.Text
			o.Message.Content += c.Delta.Content
			o.Message.Role += c.Delta.Role
			o.IDs = append(o.IDs, c.IDs...)
			o.Finish, o.Stop = c.Finish, c.Stop
			if c.LogProbs != nil {
				if o.LogProbs == nil {
					o.LogProbs = c.LogProbs
				} else {
					o.LogProbs.Tokens = append(o.LogProbs.Tokens, c.LogProbs.Tokens...)
					o.LogProbs.Logs = append(o.LogProbs.Logs, c.LogProbs.Logs...)
					o.LogProbs.Offsets = append(o.LogProbs.Offsets, c.LogProbs.Offsets...)
					o.LogProbs.Content = append(o.LogProbs.Content, c.LogProbs.Content...)
				}
			}
		}
	}
	if !done {
		t.Fatalf("the stream has no end: %s", text)
	}
	for i := range len(choices) {
		whole.Choices = append(whole.Choices, *choices[i])
	}
	return whole, events
}

const question = "12+30=?"

// alone is what the model says to a prompt without any server.
func alone(t testing.TB, prompt []int32, seed uint64, p model.Sampling) []int32 {
	t.Helper()
	m, tokens := loaded()
	if p.Stop == nil {
		eos, _ := tokens.EOS()
		p.Stop = []int32{eos}
	}
	out, err := m.Generate(context.Background(), []model.Request{{Prompt: prompt, Seed: seed}}, p)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Tokens
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCompletions(t *testing.T) {
	_, web := start(t, nil)
	url := web.URL + "/v1/completions"
	_, tokens := loaded()
	ids := tokens.Encode(question, true)
	want := alone(t, ids, 7, model.Sampling{MaxTokens: 24, Temperature: 1})
	common := `"model":"base","max_tokens":24,"seed":7,"return_token_ids":true,`
	for _, prompt := range []string{jsonOf(t, question), jsonOf(t, ids), jsonOf(t, [][]int32{ids}), jsonOf(t, []string{question})} {
		r := ask(t, url, `{`+common+`"prompt":`+prompt+`}`)
		if len(r.Choices) != 1 || !slices.Equal(r.Choices[0].IDs, want) || !slices.Equal(r.Choices[0].PromptIDs, ids) || r.Object != "text_completion" || !strings.HasPrefix(r.ID, "cmpl-") {
			t.Fatalf("prompt %s: got %+v, want %v", prompt, r, want)
		}
		if r.Usage == nil || r.Usage.Prompt != len(ids) || r.Usage.Completion != len(want) || r.Usage.Total != len(ids)+len(want) {
			t.Errorf("usage %+v", r.Usage)
		}
	}
	t.Run("many", func(t *testing.T) {
		r := ask(t, url, `{`+common+`"n":3,"prompt":["1+1=?","2+2=?"]}`)
		if len(r.Choices) != 6 {
			t.Fatalf("%d choices", len(r.Choices))
		}
		for i, c := range r.Choices {
			prompt := tokens.Encode([]string{"1+1=?", "2+2=?"}[i/3], true)
			if want := alone(t, prompt, 7+uint64(i%3), model.Sampling{MaxTokens: 24, Temperature: 1}); c.Index != i || !slices.Equal(c.IDs, want) {
				t.Errorf("choice %d: got %v, want %v", c.Index, c.IDs, want)
			}
		}
	})
	t.Run("stream", func(t *testing.T) {
		for _, more := range []string{"", `"logprobs":2,`, `"n":4,`, `"skip_special_tokens":false,"include_stop_str_in_output":true,`, `"stop":["=","<"],`} {
			body := `{` + common + more + `"prompt":` + jsonOf(t, question)
			w := ask(t, url, body+`}`)
			s, events := stream(t, url, body+`,"stream":true,"stream_options":{"include_usage":true}}`)
			if len(s.Choices) != len(w.Choices) || s.Usage == nil || *s.Usage != *w.Usage || events < 2 {
				t.Fatalf("%d choices and usage %+v in %d events, whole %d and %+v", len(s.Choices), s.Usage, events, len(w.Choices), w.Usage)
			}
			for i, c := range s.Choices {
				d := w.Choices[i]
				if c.Text != d.Text || !slices.Equal(c.IDs, d.IDs) || c.Finish != d.Finish || c.Stop != d.Stop || !slices.Equal(c.PromptIDs, d.PromptIDs) {
					t.Errorf("%s: streamed %+v, whole %+v", more, c, d)
				}
				if d.LogProbs != nil && (!slices.Equal(c.LogProbs.Tokens, d.LogProbs.Tokens) || !slices.Equal(c.LogProbs.Logs, d.LogProbs.Logs) || !slices.Equal(c.LogProbs.Offsets, d.LogProbs.Offsets)) {
					t.Errorf("log-probabilities streamed %+v, whole %+v", c.LogProbs, d.LogProbs)
				}
			}
		}
	})
	t.Run("log-probabilities", func(t *testing.T) {
		r := ask(t, url, `{`+common+`"logprobs":3,"repetition_penalty":1.2,"temperature":0.7,"top_k":5,"top_p":0.9,"prompt":`+jsonOf(t, ids)+`}`)
		c := r.Choices[0]
		want := alone(t, ids, 7, model.Sampling{MaxTokens: 24, Temperature: 0.7, TopK: 5, TopP: 0.9, RepetitionPenalty: 1.2})
		m, _ := loaded()
		replay, err := m.Replay(context.Background(), []model.Sequence{{Tokens: append(slices.Clone(ids), want...), PromptLength: len(ids)}}, model.ReplayOptions{EOS: -1})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.IDs, want) || !slices.Equal(c.LogProbs.Logs, replay[0].LogProbs[len(ids):]) || len(c.LogProbs.Tokens) != len(want) || len(c.LogProbs.Top) != len(want) {
			t.Errorf("got %+v, want %v", c, want)
		}
	})
	t.Run("greedy", func(t *testing.T) {
		want := alone(t, ids, 0, model.Sampling{MaxTokens: 16, Greedy: true})
		for _, how := range []string{`"temperature":0`, `"top_k":1`, `"top_p":0`} {
			if r := ask(t, url, `{"return_token_ids":true,`+how+`,"prompt":`+jsonOf(t, ids)+`}`); !slices.Equal(r.Choices[0].IDs, want) {
				t.Errorf("%s: got %v, want %v", how, r.Choices[0].IDs, want)
			}
		}
	})
	t.Run("stops", func(t *testing.T) {
		whole := tokens.Decode(want, true)
		stop := whole[4:7]
		at := strings.Index(whole, stop)
		r := ask(t, url, `{`+common+`"prompt":`+jsonOf(t, ids)+`,"stop":`+jsonOf(t, stop)+`}`)
		if c := r.Choices[0]; c.Text != whole[:at] || c.Finish != "stop" || c.Stop != stop {
			t.Errorf("got %+v, want %q stopped by %q", c, whole[:at], stop)
		}
		r = ask(t, url, `{`+common+`"include_stop_str_in_output":true,"prompt":`+jsonOf(t, ids)+`,"stop":[`+jsonOf(t, stop)+`]}`)
		if c := r.Choices[0]; c.Text != whole[:at]+stop {
			t.Errorf("got %q, want the stop %q too", c.Text, stop)
		}
		r = ask(t, url, `{`+common+`"prompt":`+jsonOf(t, ids)+`,"stop_token_ids":[`+fmt.Sprint(want[2])+`]}`)
		if c := r.Choices[0]; c.Finish != "stop" || c.IDs[len(c.IDs)-1] != want[2] || c.Stop != float64(want[2]) {
			t.Errorf("got %+v, want the end at token %d", c, want[2])
		}
		r = ask(t, url, `{"max_tokens":300,"ignore_eos":true,"return_token_ids":true,"prompt":`+jsonOf(t, ids)+`}`)
		if c := r.Choices[0]; c.Finish != "length" || len(c.IDs) != 300 {
			t.Errorf("%s after %d tokens", c.Finish, len(c.IDs))
		}
	})
	t.Run("end", func(t *testing.T) {
		eos, _ := tokens.EOS()
		body := `{"model":"base","max_tokens":900,"temperature":0,"return_token_ids":true,"prompt":` + jsonOf(t, chatIDs(t, "2+2=?"))
		r := ask(t, url, body+`}`)
		c := r.Choices[0]
		if c.Finish != "stop" || c.Stop != nil || c.IDs[len(c.IDs)-1] != eos || strings.Contains(c.Text, tokens.Token(eos)) {
			t.Fatalf("got %+v", c)
		}
		r = ask(t, url, body+`,"skip_special_tokens":false,"include_stop_str_in_output":true,"spaces_between_special_tokens":false}`)
		if got := r.Choices[0].Text; got != tokens.Decode(c.IDs, false) {
			t.Errorf("got %q, want %q", got, tokens.Decode(c.IDs, false))
		}
	})
}

// chatIDs is the prompt of a conversation of one question.
func chatIDs(t testing.TB, text string) []int32 {
	t.Helper()
	g, p := readChat([]byte(`{"messages":[{"role":"user","content":` + jsonOf(t, text) + `}]}`))
	if p != nil {
		t.Fatal(p)
	}
	s, err := New(Config{Name: "base", Model: first(loaded()), Tokenizer: second(loaded())})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids, p := s.tokens(g, g.prompts[0])
	if p != nil {
		t.Fatal(p)
	}
	return ids
}

func first[A, B any](a A, _ B) A  { return a }
func second[A, B any](_ A, b B) B { return b }

func TestChat(t *testing.T) {
	_, web := start(t, nil)
	url := web.URL + "/v1/chat/completions"
	_, tokens := loaded()
	ids := chatIDs(t, question)
	want := alone(t, ids, 3, model.Sampling{MaxTokens: 40, Temperature: 1})
	for _, messages := range []string{
		`[{"role":"user","content":"12+30=?"}]`,
		`[{"role":"user","content":[{"type":"text","text":"12+"},{"type":"text","text":"30=?"}],"name":"x"}]`,
	} {
		body := `{"model":"base","seed":3,"max_completion_tokens":40,"logprobs":true,"top_logprobs":2,"return_token_ids":true,"messages":` + messages
		r := ask(t, url, body+`}`)
		c := r.Choices[0]
		if !slices.Equal(c.IDs, want) || c.Message.Role != "assistant" || c.Message.Content != tokens.Decode(want, true) || r.Object != "chat.completion" || !slices.Equal(r.PromptIDs, ids) {
			t.Fatalf("got %+v, want %v", r, want)
		}
		if n := len(c.LogProbs.Content); n != len(want) || len(c.LogProbs.Content[0].Top) != 2 || c.LogProbs.Content[0].LogProb > 0 {
			t.Errorf("log-probabilities %+v", c.LogProbs)
		}
		s, _ := stream(t, url, body+`,"stream":true,"stream_options":{"include_usage":true},"n":2}`)
		if d := s.Choices[0]; len(s.Choices) != 2 || d.Message != c.Message || !slices.Equal(d.IDs, want) || d.Finish != c.Finish || len(d.LogProbs.Content) != len(want) || s.Usage == nil {
			t.Errorf("streamed %+v, whole %+v", s, c)
		}
	}
	// Without a number of tokens there is room up to the context.
	if r := ask(t, url, `{"messages":[{"role":"user","content":"2+2=?"}],"temperature":0}`); r.Choices[0].Finish != "stop" || r.Choices[0].Message.Content == "" {
		t.Errorf("2+2: %+v", r.Choices)
	}
}

func TestSGLang(t *testing.T) {
	_, web := start(t, nil)
	url := web.URL + "/generate"
	_, tokens := loaded()
	ids := tokens.Encode(question, true)
	want := alone(t, ids, 5, model.Sampling{MaxTokens: 20, Temperature: 0.7, TopP: 0.9, TopK: 50})
	type answer struct {
		Text string
		IDs  []int32 `json:"output_ids"`
		Meta struct {
			ID     string
			Prompt int                    `json:"prompt_tokens"`
			Made   int                    `json:"completion_tokens"`
			Finish *struct{ Type string } `json:"finish_reason"`
			Logs   [][]any                `json:"output_token_logprobs"`
		} `json:"meta_info"`
	}
	sampling := `"sampling_params":{"max_new_tokens":20,"temperature":0.7,"top_p":0.9,"top_k":50,"repetition_penalty":1.0,"sampling_seed":5}`
	for _, prompt := range []string{`"input_ids":` + jsonOf(t, ids), `"text":` + jsonOf(t, question)} {
		status, _, text := post(t, url, `{`+prompt+`,`+sampling+`,"return_token_ids":true,"return_logprob":true}`)
		var a answer
		if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 {
			t.Fatalf("status %d: %s", status, text)
		}
		if !slices.Equal(a.IDs, want) || a.Meta.Prompt != len(ids) || a.Meta.Made != len(want) || a.Meta.Finish == nil || len(a.Meta.Logs) != len(want) || a.Text != tokens.Decode(want, true) {
			t.Errorf("got %s, want %v", text, want)
		}
	}
	status, _, text := post(t, url, `{"input_ids":[`+jsonOf(t, ids)+`,[1,2]],`+sampling+`}`)
	var list []answer
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != 200 || len(list) != 2 || !slices.Equal(list[0].IDs, want) {
		t.Errorf("status %d: %s", status, text)
	}
	_, _, text = post(t, url, `{"input_ids":`+jsonOf(t, ids)+`,`+sampling+`,"stream":true}`)
	parts := strings.Split(strings.TrimSpace(text), "\n\n")
	var last answer
	if err := json.Unmarshal([]byte(strings.TrimPrefix(parts[len(parts)-2], "data: ")), &last); err != nil || !slices.Equal(last.IDs, want) || parts[len(parts)-1] != "data: [DONE]" {
		t.Errorf("streamed %s", text)
	}
}

// TestMany lets many clients come at any time, with too little memory for all: each gets
// what it would get alone.
func TestMany(t *testing.T) {
	s, web := start(t, func(c *Config) { c.Sequences, c.CacheBytes, c.Queue = 6, 1<<20, 256 })
	_, tokens := loaded()
	var wait sync.WaitGroup
	for i := range 24 {
		wait.Go(func() {
			time.Sleep(time.Duration(i*i%17) * time.Millisecond)
			ids := tokens.Encode(fmt.Sprintf("%s%d+%d=?", strings.Repeat("1+1=2. ", i%5*4), i, i*3), true)
			n := 20 + i*7%60
			want := alone(t, ids, uint64(i), model.Sampling{MaxTokens: n, Temperature: 1})
			r := ask(t, web.URL+"/v1/completions", fmt.Sprintf(`{"prompt":%s,"max_tokens":%d,"seed":%d,"return_token_ids":true}`, jsonOf(t, ids), n, i))
			if !slices.Equal(r.Choices[0].IDs, want) {
				t.Errorf("client %d: got %v, want %v", i, r.Choices[0].IDs, want)
			}
		})
	}
	wait.Wait()
	settled(t, s)
	l, _, _, _ := s.scheduler.state()
	t.Logf("%+v", l)
}

// settled waits until the server holds nothing any more.
func settled(t testing.TB, s *Server) {
	t.Helper()
	for range 2000 {
		l, open, _, _ := s.scheduler.state()
		if l.Running+l.Waiting+l.PagesHeld+open == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	l, open, _, _ := s.scheduler.state()
	t.Fatalf("the server still holds %+v, %d open", l, open)
}

// TestGone lets clients go away in the middle: their pages are free before long.
func TestGone(t *testing.T) {
	s, web := start(t, nil)
	for _, more := range []string{``, `,"stream":true`} {
		for range 4 {
			ctx, cancel := context.WithCancel(context.Background())
			r, err := http.NewRequestWithContext(ctx, "POST", web.URL+"/v1/completions", strings.NewReader(`{"prompt":"x","max_tokens":1000,"ignore_eos":true,"n":8`+more+`}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			var wait sync.WaitGroup
			wait.Go(func() {
				if res, err := http.DefaultClient.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
			for {
				if l, _, _, _ := s.scheduler.state(); l.PagesHeld > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			cancel()
			wait.Wait()
			settled(t, s)
		}
	}
	l, _, _, _ := s.scheduler.state()
	if l.Generated >= 8*8*1000 {
		t.Errorf("nobody left: %+v", l)
	}
}

func TestModelsHealthMetrics(t *testing.T) {
	_, web := start(t, nil)
	if status, text := get(t, web.URL+"/v1/models"); status != 200 || !strings.Contains(text, `"id":"base"`) || !strings.Contains(text, `"max_model_len":1024`) || !strings.Contains(text, `"object":"list"`) {
		t.Errorf("models: %d %s", status, text)
	}
	if status, text := get(t, web.URL+"/v1/models/base"); status != 200 || !strings.Contains(text, `"object":"model"`) {
		t.Errorf("model: %d %s", status, text)
	}
	if status, text := get(t, web.URL+"/v1/models/a/b"); status != 404 || !strings.Contains(text, "model_not_found") {
		t.Errorf("other model: %d %s", status, text)
	}
	if status, text := get(t, web.URL+"/health"); status != 200 || !strings.Contains(text, "ok") {
		t.Errorf("health: %d %s", status, text)
	}
	ask(t, web.URL+"/v1/completions", `{"prompt":"1","max_tokens":3,"ignore_eos":true}`)
	status, text := get(t, web.URL+"/metrics")
	for _, want := range []string{
		"nanteos_serve_generated_tokens_total 3\n", "nanteos_serve_pages ", `nanteos_serve_requests_total{route="POST /v1/completions",status="200"} 1`,
		"nanteos_serve_first_token_seconds_count 1", "nanteos_serve_step_seconds_count 3",
	} {
		if status != 200 || !strings.Contains(text, want) {
			t.Errorf("metrics lack %q: %s", want, text)
		}
	}
}
