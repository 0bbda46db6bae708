package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestBodiesOfTheReference reads every body that the Python implementation was recorded to send to SGLang and vLLM (environments
// specification, 16.2 and 16.3), and holds what was understood against what it asked for.
func TestBodiesOfTheReference(t *testing.T) {
	const file = "environments/generation.json"
	var all struct {
		SGLang []struct {
			Posts []struct {
				Path string
				JSON json.RawMessage
			}
		}
		VLLM []struct{ Bodies []json.RawMessage } `json:"vllm"`
	}
	if err := json.Unmarshal(vectortest.Open(t, file), &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, c := range all.SGLang {
		for k, post := range c.Posts {
			if post.Path != "/generate" {
				continue
			}
			g, p := readSGLang(post.JSON)
			if p != nil {
				t.Errorf("SGLang %d, %d: %v in %s", i, k, p, post.JSON)
				continue
			}
			var want struct {
				IDs      []int32 `json:"input_ids"`
				Sampling struct {
					Max               int `json:"max_new_tokens"`
					Temperature       float64
					TopP              float64  `json:"top_p"`
					TopK              int      `json:"top_k"`
					RepetitionPenalty *float64 `json:"repetition_penalty"`
					Seed              *uint64  `json:"sampling_seed"`
				} `json:"sampling_params"`
				Return bool `json:"return_token_ids"`
			}
			decode(t, post.JSON, &want)
			s := want.Sampling
			compare(t, fmt.Sprintf("SGLang %d, %d", i, k), g, want.IDs, s.Max, s.Temperature, s.TopP, s.TopK, s.RepetitionPenalty, s.Seed)
			n++
		}
	}
	for i, c := range all.VLLM {
		for k, body := range c.Bodies {
			g, p := readCompletion(body)
			if p != nil {
				t.Errorf("vLLM %d, %d: %v in %s", i, k, p, body)
				continue
			}
			var want struct {
				Model             string
				Prompt            json.RawMessage
				Max               int `json:"max_tokens"`
				Temperature       float64
				TopP              float64 `json:"top_p"`
				N                 int
				TopK              int      `json:"top_k"`
				RepetitionPenalty *float64 `json:"repetition_penalty"`
				Seed              *uint64
				LogProbs          *int  `json:"logprobs"`
				Return            bool  `json:"return_token_ids"`
				Skip              *bool `json:"skip_special_tokens"`
				Spaces            *bool `json:"spaces_between_special_tokens"`
				Include           bool  `json:"include_stop_str_in_output"`
			}
			decode(t, body, &want)
			var ids []int32
			if want.Prompt[0] == '[' {
				decode(t, want.Prompt, &ids)
			}
			name := fmt.Sprintf("vLLM %d, %d", i, k)
			compare(t, name, g, ids, want.Max, want.Temperature, want.TopP, want.TopK, want.RepetitionPenalty, want.Seed)
			if g.model != want.Model || g.n != want.N || g.returnIDs != want.Return || g.logProbs != (want.LogProbs != nil) || g.keepStop != want.Include || g.keepSpecial != (want.Skip != nil && !*want.Skip) {
				t.Errorf("%s: understood %+v of %s", name, g, body)
			}
			n++
		}
	}
	vectortest.Count(t, file, n)
}

func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func compare(t *testing.T, name string, g *generation, ids []int32, most int, temperature, topP float64, topK int, penalty *float64, seed *uint64) {
	t.Helper()
	wantPenalty := 1.0
	if penalty != nil {
		wantPenalty = *penalty
	}
	s := g.sampling
	if fmt.Sprint(g.prompts[0].ids) != fmt.Sprint(ids) || g.maxTokens != most || s.Temperature != temperature || s.TopP != topP || s.TopK != topK || s.RepetitionPenalty != wantPenalty {
		t.Errorf("%s: understood %+v", name, g)
	}
	if (seed == nil) != (g.seed == nil) || seed != nil && *seed != *g.seed {
		t.Errorf("%s: seed %v, want %v", name, g.seed, seed)
	}
}

// TestHarmless holds that fields which ask for nothing, and nulls, are accepted.
func TestHarmless(t *testing.T) {
	const nothing = `"frequency_penalty":0,"presence_penalty":0.0,"logit_bias":{},"stop":null,"seed":null,"user":"u","min_p":0,"n":null,"metadata":{"a":"b"},"store":false,
		"stream_options":null,"response_format":{ "type" : "text" },"top_k":-1,"temperature":null`
	if _, p := readCompletion([]byte(`{"prompt":"x","echo":false,"suffix":null,"best_of":1,"logprobs":null,` + nothing + `}`)); p != nil {
		t.Error(p)
	}
	if _, p := readChat([]byte(`{"messages":[{"role":"assistant","content":null,"tool_calls":null},{"role":"developer","content":""}],"tools":[],"tool_choice":"none",
		"parallel_tool_calls":true,"logprobs":false,"chat_template_kwargs":{"enable_thinking":false},"modalities":["text"],` + nothing + `}`)); p != nil {
		t.Error(p)
	}
	for _, seed := range []string{"0", "-1", "18446744073709551615", "-9223372036854775808"} {
		if g, p := readCompletion([]byte(`{"prompt":"x","seed":` + seed + `}`)); p != nil || g.seed == nil {
			t.Errorf("seed %s: %v", seed, p)
		}
	}
}

// FuzzRead holds what is read within its bounds, whatever comes.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"prompt":"x","n":2,"stop":["a"],"logprobs":1}`, `{"prompt":[[1,2],[3]]}`, `{"prompt":["x"]}`, `{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`,
		`{"input_ids":[1],"sampling_params":{"temperature":0,"top_p":0,"top_k":-1,"sampling_seed":-1}}`, `{"text":["x"],"stream":true}`, `{"input":["x"]}`, `[]`, `{"prompt":[`, `{"prompt":[ ]}`,
	} {
		f.Add([]byte(s))
	}
	readers := map[string]func([]byte) (*generation, *problem){"completion": readCompletion, "chat": readChat, "sglang": readSGLang}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, read := range readers {
			g, p := read(body)
			if (g == nil) == (p == nil) {
				t.Fatalf("%s: %v and %v", name, g, p)
			}
			if p != nil {
				if p.status != 400 || p.message == "" || !json.Valid(p.body()) {
					t.Fatalf("%s: %+v", name, p)
				}
				continue
			}
			s := g.sampling
			if len(g.prompts) == 0 || g.n < 1 || g.n > maxChoices || g.maxTokens == 0 || g.top < 0 || g.top > maxTop || len(g.stops) > maxStops || s.TopK < 0 ||
				s.Temperature == 0 != s.Greedy || !(s.TopP > 0 && s.TopP <= 1) || !(s.RepetitionPenalty > 0) {
				t.Fatalf("%s: %s gave %+v", name, body, g)
			}
		}
		if _, texts, _, p := readEmbedding(body); p == nil && len(texts) == 0 {
			t.Fatal("nothing to embed")
		}
	})
}
