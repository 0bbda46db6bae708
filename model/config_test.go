package model

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

const qwen3 = `{"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151645,
"head_dim":128,"hidden_act":"silu","hidden_size":2560,"initializer_range":0.02,"intermediate_size":9728,"max_position_embeddings":40960,
"max_window_layers":36,"model_type":"qwen3","num_attention_heads":32,"num_hidden_layers":36,"num_key_value_heads":8,"rms_norm_eps":1e-06,
"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_cache":true,
"use_sliding_window":false,"vocab_size":151936}`

const qwen2 = `{"architectures":["Qwen2ForCausalLM"],"bos_token_id":151643,"eos_token_id":151645,"hidden_act":"silu","hidden_size":896,
"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":21,"model_type":"qwen2","num_attention_heads":14,
"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_sliding_window":false,"vocab_size":151936}`

const llama3 = `{"architectures":["LlamaForCausalLM"],"attention_bias":false,"bos_token_id":128000,"eos_token_id":[128001,128008,128009],
"head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"model_type":"llama",
"num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"pretraining_tp":1,"rms_norm_eps":1e-05,
"rope_scaling":{"factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"},
"rope_theta":500000.0,"tie_word_embeddings":true,"torch_dtype":"bfloat16","vocab_size":128256}`

func TestParseConfig(t *testing.T) {
	for _, c := range []struct {
		name, text string
		check      func(c Config) bool
		parameters int
	}{
		{"Qwen3-4B", qwen3, func(c Config) bool {
			return c.QKNorm && !c.AttentionBias && c.QDim() == 4096 && c.KVDim() == 1024 && c.EOS[0] == 151645 && c.Pad == -1
		}, 4022468096},
		{"Qwen2.5-0.5B", qwen2, func(c Config) bool { return !c.QKNorm && c.AttentionBias && !c.OutputBias && c.HeadDim == 64 }, 494032768},
		{"Llama-3.2-1B", llama3, func(c Config) bool {
			return c.RopeScaling.Type == "llama3" && c.RopeScaling.Factor == 32 && len(c.EOS) == 3 && c.RopeTheta == 5e5
		}, 1235814400},
	} {
		got, err := ParseConfig([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !c.check(got) {
			t.Errorf("%s: read as %+v", c.name, got)
		}
		if n := got.Parameters(); n != c.parameters {
			t.Errorf("%s: %d parameters, want %d", c.name, n, c.parameters)
		}
		text, err := got.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(text)
		if err != nil {
			t.Fatalf("%s: own text: %v", c.name, err)
		}
		if !reflect.DeepEqual(got, again) {
			t.Errorf("%s: came back as %+v, was %+v", c.name, again, got)
		}
	}
}

// TestConfigRefusals changes one field of a good configuration. The error must
// name the field, and say "unsupported" where another engine could run it.
func TestConfigRefusals(t *testing.T) {
	for _, c := range []struct {
		text, old, new, field string
		unsupported           bool
	}{
		{qwen2, `"max_window_layers":21,"model_type":"qwen2","num_attention_heads":14,
"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32768,
"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_sliding_window":false`, `"max_window_layers":21,"model_type":"qwen2","num_attention_heads":14,
"num_hidden_layers":24,"num_key_value_heads":2,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":32767,
"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_sliding_window":true`, "use_sliding_window", true},
		{qwen3, `"sliding_window":null`, `"layer_types":["full_attention","sliding_attention"]`, "layer_types", true},
		{qwen3, `"use_cache":true`, `"layer_types":["chunked_attention"]`, "layer_types", true},
		{qwen3, `"sliding_window":null`, `"sliding_window":"x"`, "sliding_window", false},
		{qwen3, `"hidden_act":"silu"`, `"hidden_act":"gelu"`, "hidden_act", true},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"yarn","factor":0.5}`, "rope_scaling.factor", false},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"yarn","factor":4.0,"attention_factor":0}`, "attention_factor", false},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"yarn","factor":4.0,"beta_fast":-1}`, "beta_fast", false},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":-1}`, "original_max_position_embeddings", false},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"longrope","factor":4.0,"long_factor":[1]}`, "long_factor", true},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"type":"dynamic","factor":4.0}`, "rope_scaling", true},
		{qwen3, `"use_cache":true`, `"attn_logit_softcapping":50.0`, "attn_logit_softcapping", true},
		{qwen3, `"use_cache":true`, `"final_logit_softcapping":30`, "final_logit_softcapping", true},
		{qwen3, `"use_cache":true`, `"quantization_config":{"bits":4}`, "quantization_config", true},
		{qwen3, `"use_cache":true`, `"partial_rotary_factor":0.5`, "partial_rotary_factor", true},
		{qwen3, `"use_cache":true`, `"layer_types":["full_attention","sliding_attention"]`, "layer_types", true},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"longrope","factor":4.0}`, "longrope", true},
		{qwen3, `"rope_scaling":null`, `"rope_scaling":{"rope_type":"default","mrope_section":[16,24,24]}`, "mrope_section", true},
		{qwen3, `"rope_scaling":null`, `"rope_parameters":{"rope_type":"default","rope_theta":1e6,"partial_rotary_factor":0.25}`, "partial_rotary_factor", true},
		{qwen3, `"rope_scaling":null`, `"rope_parameters":{"full_attention":{"rope_type":"default"}}`, "full_attention", true},
		{qwen3, `"use_cache":true`, `"mlp_bias":true`, "mlp_bias", true},
		{qwen3, `"hidden_act":"silu"`, `"hidden_act":"gelu_pytorch_tanh"`, "hidden_act", true},
		{qwen3, `"use_cache":true`, `"hidden_activation":"gelu"`, "hidden_activation", true},
		{llama3, `"pretraining_tp":1`, `"attention_multiplier":0.0078125`, "attention_multiplier", true},
		{llama3, `"pretraining_tp":1`, `"residual_multiplier":0.22`, "residual_multiplier", true},
		{llama3, `"pretraining_tp":1`, `"embedding_multiplier":12`, "embedding_multiplier", true},
		{llama3, `"pretraining_tp":1`, `"logits_scaling":8.0`, "logits_scaling", true},
		{llama3, `"pretraining_tp":1`, `"rope_interleaved":true`, "rope_interleaved", true},
		{llama3, `"pretraining_tp":1`, `"no_rope_layers":[1,1,1,0]`, "no_rope_layers", true},
		{llama3, `"pretraining_tp":1`, `"attention_chunk_size":8192`, "attention_chunk_size", true},
		{llama3, `"pretraining_tp":1`, `"is_causal":false`, "is_causal", true},
		{llama3, `"pretraining_tp":1`, `"use_bidirectional_attention":true`, "use_bidirectional_attention", true},
		{llama3, `"pretraining_tp":1`, `"num_local_experts":8`, "num_local_experts", true},
		{llama3, `"pretraining_tp":1`, `"n_routed_experts":64`, "n_routed_experts", true},
		{llama3, `"pretraining_tp":1`, `"kv_lora_rank":512`, "kv_lora_rank", true},
		{llama3, `"pretraining_tp":1`, `"use_qk_norm":true`, "use_qk_norm", true},
		{llama3, `"pretraining_tp":1`, `"rms_norm_add_unit_offset":true`, "rms_norm_add_unit_offset", true},
		{llama3, `"pretraining_tp":1`, `"quantization":{"group_size":64,"bits":4}`, "quantization", true},
		{llama3, `"pretraining_tp":1`, `"alibi":true`, "alibi", true},
		{llama3, `"model_type":"llama"`, `"model_type":"granite"`, "model_type", true},
		{qwen2, `"model_type":"qwen2"`, `"model_type":"qwen3"`, "model_type", true},
		{qwen3, `["Qwen3ForCausalLM"]`, `["GemmaForCausalLM"]`, "architectures", true},
		{qwen3, `["Qwen3ForCausalLM"]`, `["Qwen3MoeForCausalLM"]`, "architectures", true},
		{qwen3, `["Qwen3ForCausalLM"]`, `["LlamaForCausalLM","Other"]`, "architectures", true},
		{llama3, `"pretraining_tp":1`, `"sliding_window":4096`, "sliding_window", true},
		{llama3, `"factor":32.0`, `"factor":0`, "rope_scaling", false},
		{qwen3, `"vocab_size":151936`, `"vocab_size":0`, "vocab_size", false},
		{qwen3, `"vocab_size":151936`, `"vocab_size":99999999999`, "vocab_size", false},
		{qwen3, `"hidden_size":2560`, `"hidden_size":-1`, "hidden_size", false},
		{qwen3, `"num_key_value_heads":8`, `"num_key_value_heads":7`, "num_key_value_heads", false},
		{qwen3, `"head_dim":128`, `"head_dim":7`, "head_dim", false},
		{qwen3, `"rms_norm_eps":1e-06`, `"rms_norm_eps":0`, "rms_norm_eps", false},
		{qwen3, `"eos_token_id":151645`, `"eos_token_id":"x"`, "eos_token_id", false},
		{qwen3, `"eos_token_id":151645`, `"eos_token_id":151936`, "eos_token_id", false},
		{qwen2, `"hidden_size":896`, `"hidden_size":897`, "hidden_size", false},
	} {
		if !strings.Contains(c.text, c.old) {
			t.Fatalf("the text has no %s", c.old)
		}
		_, err := ParseConfig([]byte(strings.Replace(c.text, c.old, c.new, 1)))
		if err == nil {
			t.Errorf("%s: accepted", c.new)
			continue
		}
		if !strings.Contains(err.Error(), c.field) || errors.Is(err, ErrUnsupported) != c.unsupported {
			t.Errorf("%s: error %q; want the field %s, unsupported %v", c.new, err, c.field, c.unsupported)
		}
	}
}

// TestConfigAccepts changes one field of a good configuration in a way that changes no result.
func TestConfigAccepts(t *testing.T) {
	for _, c := range []struct {
		text, old, new string
		check          func(c Config) bool
	}{
		{qwen3, `"hidden_act":"silu",`, ``, nil},
		{qwen3, `"hidden_act":"silu"`, `"hidden_act":"swish"`, nil},
		{qwen3, `"use_cache":true`, `"rope_interleaved":false,"is_llama_config":true,"partial_rotary_factor":1.0,"num_experts":null`, nil},
		{qwen3, `"sliding_window":null`, `"sliding_window":4096`, nil}, // use_sliding_window is false
		{qwen3, `"sliding_window":null`, `"sliding_window":40960,"layer_types":["sliding_attention"]`, nil},
		{qwen3, `"head_dim":128,`, ``, func(c Config) bool { return c.HeadDim == 128 }},
		{qwen2, `"num_key_value_heads":2`, `"head_dim":32,"num_key_value_heads":2`, func(c Config) bool { return c.HeadDim == 32 }},
		{qwen3, `"attention_bias":false`, `"attention_bias":true`, func(c Config) bool { return c.AttentionBias && c.OutputBias }},
		{llama3, `"attention_bias":false`, `"attention_bias":true`, func(c Config) bool { return c.AttentionBias && c.OutputBias }},
		{qwen2, `"hidden_act":"silu"`, `"attention_bias":false`, func(c Config) bool { return c.AttentionBias && !c.OutputBias }}, // the family has them always
		{llama3, `"mlp_bias":false`, `"mlp_bias":true`, func(c Config) bool { return c.MLPBias }},
		{qwen3, `"tie_word_embeddings":true,`, ``, func(c Config) bool { return !c.TieEmbeddings }},
		{qwen3, `"rope_scaling":null,"rope_theta":1000000`, `"rope_parameters":{"rope_type":"default","rope_theta":5000000,"partial_rotary_factor":1.0}`,
			func(c Config) bool { return c.RopeTheta == 5e6 && c.RopeScaling.Type == "" }},
		{llama3, `"architectures":["LlamaForCausalLM"],`, ``, nil},
		{llama3, `"model_type":"llama",`, ``, nil},
	} {
		if !strings.Contains(c.text, c.old) {
			t.Fatalf("the text has no %s", c.old)
		}
		got, err := ParseConfig([]byte(strings.Replace(c.text, c.old, c.new, 1)))
		if err != nil || c.check != nil && !c.check(got) {
			t.Errorf("%s instead of %s: %+v (%v)", c.new, c.old, got, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(qwen3))
	f.Add([]byte(qwen2))
	f.Add([]byte(llama3))
	f.Add([]byte(`{"head_dim":-2,"num_attention_heads":0}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("parsed but invalid: %v", err)
		}
		NewRope(&c, 4)
	})
}

// TestRopeScaling compares the llama3 frequencies with the reference's at a few
// places: unchanged above, divided below, in between the formula.
func TestRopeScaling(t *testing.T) {
	s := RopeScaling{Type: "llama3", Factor: 32, LowFreqFactor: 1, HighFreqFactor: 4, OriginalContexts: 8192}
	for _, c := range []struct{ f, want float64 }{
		{1, 1},
		{2 * math.Pi / 100, 2 * math.Pi / 100},
		{2 * math.Pi / 10000, 2 * math.Pi / 10000 / 32},
		{2 * math.Pi / 4096, 2 * math.Pi / 4096 * (1.0/3 + 2.0/3/32)},
	} {
		if got := s.frequency(c.f); math.Abs(got-c.want) > 1e-12*c.want {
			t.Errorf("frequency %g became %g, want %g", c.f, got, c.want)
		}
	}
	if got := (RopeScaling{Type: "linear", Factor: 4}).frequency(1); got != 0.25 {
		t.Errorf("linear: %g, want 0.25", got)
	}
}
