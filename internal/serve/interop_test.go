package serve

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/model"
)

// interopEnv names a folder with the official clients.
const interopEnv = "NANTEOS_OPENAI"

const interopHow = `set ` + interopEnv + ` to an absolute folder prepared with:
  python3 -m venv venv && venv/bin/pip install openai && npm install openai`

// TestOfficialClients lets OpenAI's own clients use the server, and holds what they saw against the model alone.
func TestOfficialClients(t *testing.T) {
	root := os.Getenv(interopEnv)
	if root == "" {
		t.Skip(interopHow)
	}
	const key = "a key"
	_, web := start(t, func(c *Config) { c.Key = key })
	mini, err := New(Config{Name: "mini", Embedder: lengths{}})
	if err != nil {
		t.Fatal(err)
	}
	defer mini.Close()
	embeddings := httptest.NewServer(mini.Handler())
	defer embeddings.Close()
	_, tokens := loaded()
	ids := tokens.Encode(question, true)
	want := alone(t, ids, 7, model.Sampling{MaxTokens: 24, Temperature: 0.7, TopP: 0.9, TopK: 50, RepetitionPenalty: 1.1})
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"python", []string{filepath.Join(root, "venv", "bin", "python"), filepath.Join("testdata", "client.py")}},
		{"javascript", []string{"node", filepath.Join("testdata", "client.mjs"), root}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(c.command[1:], web.URL+"/v1", key, embeddings.URL+"/v1", jsonOf(t, ids))
			cmd := exec.CommandContext(t.Context(), c.command[0], args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("the client failed: %v\n%s", err, stderr.String())
			}
			var seen struct {
				Version, Model string
				Models         []string
				Completion     struct {
					IDs          []int32
					Text, Finish string
					LogProbs     []float64
					Usage        int
				}
				Stream struct {
					IDs  []int32
					Text string
				}
				Chat struct {
					Texts []string
					Tops  int
				}
				ChatStream struct {
					Texts []string
					Usage [2]int
				} `json:"chat_stream"`
				Errors     [][2]string
				Embeddings [][]float64
				Many       [][]int32
			}
			if err := json.Unmarshal(out, &seen); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if !slices.Equal(seen.Models, []string{"base"}) || seen.Model != "base" {
				t.Errorf("models %q, %q", seen.Models, seen.Model)
			}
			if x := seen.Completion; !slices.Equal(x.IDs, want) || x.Text != tokens.Decode(want, false) || len(x.LogProbs) != len(want) || x.Usage != len(want) || x.Finish == "" {
				t.Errorf("completion %+v, want %v", x, want)
			}
			if x := seen.Stream; !slices.Equal(x.IDs, want) || x.Text != seen.Completion.Text {
				t.Errorf("stream %+v", x)
			}
			if a, b := seen.Chat, seen.ChatStream; len(a.Texts) != 2 || a.Texts[0] == "" || !slices.Equal(a.Texts, b.Texts) || a.Tops != 2 || b.Usage[0] == 0 || b.Usage[0] != b.Usage[1] {
				t.Errorf("chat %+v, streamed %+v", a, b)
			}
			if e := seen.Errors; !slices.Equal(e, [][2]string{{"BadRequestError", "invalid_value"}, {"NotFoundError", "model_not_found"}, {"BadRequestError", "invalid_value"}, {"AuthenticationError", "invalid_api_key"}}) {
				t.Errorf("errors %q", e)
			}
			if e := seen.Embeddings; len(e) != 2 || e[1][0] != 3 || float32(e[1][1]) != 1.0/3 {
				t.Errorf("embeddings %v", e)
			}
			if len(seen.Many) != 12 || slices.ContainsFunc(seen.Many, func(x []int32) bool { return !slices.Equal(x, want) }) {
				t.Errorf("concurrent completions %v", seen.Many)
			}
			t.Logf("client %s", seen.Version)
		})
	}
}
