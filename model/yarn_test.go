package model

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// TestScalingGolden holds frequencies and attention factors to those that the transformers library computed for the same fields.
func TestScalingGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/rope_scaling.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		MadeWith string `json:"made_with"`
		Cases    []struct {
			Theta     float64         `json:"theta"`
			HeadDim   int             `json:"head_dim"`
			Context   int             `json:"context"`
			Scaling   json.RawMessage `json:"rope_scaling"`
			Inv       []float64       `json:"inv_freq"`
			Attention float64         `json:"attention_factor"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for _, c := range golden.Cases {
		scaling := strings.Replace(fmt.Sprintf(`"rope_scaling":%s,"rope_theta":%g,"head_dim":%d,"max_position_embeddings":%d`, c.Scaling, c.Theta, c.HeadDim, c.Context), "e+0", "e", 1)
		config := `{"model_type":"qwen3","hidden_act":"silu","hidden_size":64,"intermediate_size":64,"num_attention_heads":4,"num_hidden_layers":1,"vocab_size":10,` + scaling + `}`
		cfg, err := ParseConfig([]byte(config))
		if err != nil {
			t.Errorf("%s: %v", scaling, err)
			continue
		}
		r := NewRope(&cfg, 3)
		if len(r.inv) != len(c.Inv) {
			t.Fatalf("%s: %d frequencies, want %d", scaling, len(r.inv), len(c.Inv))
		}
		for i, want := range c.Inv {
			off := math.Abs(float64(r.inv[i])-want) / want
			if worst = max(worst, off); off > 4e-7 {
				t.Errorf("%s: frequency %d is %g, want %g", scaling, i, r.inv[i], want)
			}
		}
		if math.Abs(float64(r.scale)-c.Attention) > 1e-7*c.Attention {
			t.Errorf("%s: attention factor %g, want %g", scaling, r.scale, c.Attention)
		}
		for i := range r.inv { // the tables are scaled, at position 0 by nothing else
			if r.cos[i] != r.scale || r.sin[i] != 0 {
				t.Errorf("%s: position 0 has cosine %g and sine %g", scaling, r.cos[i], r.sin[i])
			}
		}
		again, err := cfg.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseConfig(again); err != nil || back.RopeScaling != cfg.RopeScaling {
			t.Errorf("%s: came back as %+v (%v)", scaling, back.RopeScaling, err)
		}
	}
	t.Logf("%d cases made with %s, largest relative difference of a frequency %.1e", len(golden.Cases), golden.MadeWith, worst)
}

// TestScaledRotationTurnsBack checks that Unapply is the transpose of Apply under a scale too: applied one after the other they
// multiply by the square of the attention factor.
func TestScaledRotationTurnsBack(t *testing.T) {
	c := Config{HeadDim: 8, RopeTheta: 1e4, RopeScaling: RopeScaling{Type: "yarn", Factor: 4, OriginalContexts: 32, AttentionFactor: 1.25}}
	r := NewRope(&c, 12)
	x := []float32{1, -2, 3, -4, 5, -6, 7, -8}
	y := append([]float32(nil), x...)
	r.Apply(y, 1, 11)
	r.Unapply(y, 1, 11)
	for i := range x {
		if math.Abs(float64(y[i]-x[i]*1.5625)) > 1e-5 {
			t.Errorf("element %d came back as %g, want %g", i, y[i], x[i]*1.5625)
		}
	}
}

// TestWindowsThatDoNothing lists windows under which every layer sees the whole context.
func TestWindowsThatDoNothing(t *testing.T) {
	for _, c := range []struct{ text, old, new string }{
		{qwen3, `"use_sliding_window":false`, `"use_sliding_window":true`}, // sliding_window is null
		{qwen3, `"sliding_window":null`, `"sliding_window":4096`},          // not used
		{qwen3, `"sliding_window":null,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,
"use_sliding_window":false`, `"sliding_window":512,"tie_word_embeddings":true,"use_sliding_window":true`}, // from layer 36 of 36 on
		{qwen2, `"use_sliding_window":false`, `"use_sliding_window":true`},                                              // as long as the context
		{qwen3, `"sliding_window":null`, `"sliding_window":40960,"layer_types":["full_attention","sliding_attention"]`}, // as long as the context
		{qwen3, `"sliding_window":null`, `"sliding_window":10,"layer_types":["full_attention"]`},                        // on no layer
		{llama3, `"pretraining_tp":1`, `"sliding_window":131072`},                                                       // as long as the context
		{llama3, `"pretraining_tp":1`, `"sliding_window":null`},
	} {
		if !strings.Contains(c.text, c.old) {
			t.Fatalf("the text has no %s", c.old)
		}
		if _, err := ParseConfig([]byte(strings.Replace(c.text, c.old, c.new, 1))); err != nil {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}
