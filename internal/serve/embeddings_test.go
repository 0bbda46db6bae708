package serve

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// lengths embeds a text as its length and a third; it fails for "bad" and waits for "slow".
type lengths struct{}

func (lengths) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	var out [][]float32
	for _, t := range texts {
		switch t {
		case "bad":
			return nil, errors.New("couldn't embed text: it is bad")
		case "slow":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		out = append(out, []float32{float32(len(t)), 1.0 / 3})
	}
	return out, nil
}

func (lengths) Tokens(text string) []int32 { return make([]int32, len(text)) }

func TestEmbeddings(t *testing.T) {
	s, err := New(Config{Name: "mini", Embedder: lengths{}, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	url := web.URL + "/v1/embeddings"
	var got struct {
		Object, Model string
		Data          []struct {
			Object    string
			Index     int
			Embedding json.RawMessage
		}
		Usage map[string]int
	}
	_, _, text := post(t, url, `{"model":"mini","input":["a","bcd"]}`)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got.Object != "list" || len(got.Data) != 2 || got.Data[1].Index != 1 || string(got.Data[1].Embedding) != "[3,0.33333334]" || got.Usage["prompt_tokens"] != 4 {
		t.Errorf("got %s", text)
	}
	_, _, text = post(t, url, `{"input":"abcd","encoding_format":"base64"}`)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var coded string
	if err := json.Unmarshal(got.Data[0].Embedding, &coded); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(raw) != 8 || math.Float32frombits(binary.LittleEndian.Uint32(raw)) != 4 {
		t.Errorf("got %s", text)
	}
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"input":"bad"}`, 400, "it is bad"},
		{`{"input":"slow"}`, 504, "timeout"},
		{`{"input":[]}`, 400, "no input"},
		{`{"input":[1,2]}`, 400, "input"},
		{`{"input":"x","dimensions":3}`, 400, "dimensions"},
		{`{"input":"x","encoding_format":"hex"}`, 400, "encoding_format"},
		{`{"input":"x","model":"other"}`, 404, "model_not_found"},
		{`{"input":["x"` + strings.Repeat(`,"x"`, maxInputs) + `]}`, 400, "2049 texts"},
	} {
		if status, _, text := post(t, url, c.body); status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%.50s: got %d %s, want %d with %q", c.body, status, text, c.status, c.want)
		}
	}
	if status, _, text := post(t, web.URL+"/v1/completions", `{"prompt":"x"}`); status != 400 || !strings.Contains(text, "embeddings") {
		t.Errorf("a completion: %d %s", status, text)
	}
	if status, _ := get(t, web.URL+"/health"); status != 200 {
		t.Errorf("health: %d", status)
	}
}
