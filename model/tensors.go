package model

import "fmt"

// Tensor is one weight: its shape and its values in row-major order, in one of
// three storages. Exactly one of F32, BF16 and F16 is set.
type Tensor struct {
	Shape []int
	F32   []float32
	BF16  []uint16 // upper halves of float32 bit patterns
	F16   []uint16 // IEEE binary16 bit patterns
}

// values is the number of elements that are there.
func (t Tensor) values() int { return len(t.F32) + len(t.BF16) + len(t.F16) }

// Len is the number of elements the shape promises.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// TensorSpec names one weight that a model of a configuration has.
type TensorSpec struct {
	Name  string // canonical Hugging Face name
	Shape []int
}

// Tensors lists every weight of the configuration in canonical order: the
// embedding, the layers in order, the final norm, the head unless it is tied.
func (c *Config) Tensors() []TensorSpec {
	var list []TensorSpec
	add := func(name string, shape ...int) { list = append(list, TensorSpec{name, shape}) }
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	add("model.embed_tokens.weight", c.VocabSize, d)
	for i := 0; i < c.Layers; i++ {
		p := fmt.Sprintf("model.layers.%d.", i)
		add(p+"input_layernorm.weight", d)
		add(p+"self_attn.q_proj.weight", q, d)
		add(p+"self_attn.k_proj.weight", kv, d)
		add(p+"self_attn.v_proj.weight", kv, d)
		if c.AttentionBias {
			add(p+"self_attn.q_proj.bias", q)
			add(p+"self_attn.k_proj.bias", kv)
			add(p+"self_attn.v_proj.bias", kv)
		}
		if c.QKNorm {
			add(p+"self_attn.q_norm.weight", c.HeadDim)
			add(p+"self_attn.k_norm.weight", c.HeadDim)
		}
		add(p+"self_attn.o_proj.weight", d, q)
		if c.OutputBias {
			add(p+"self_attn.o_proj.bias", d)
		}
		add(p+"post_attention_layernorm.weight", d)
		add(p+"mlp.gate_proj.weight", f, d)
		add(p+"mlp.up_proj.weight", f, d)
		if c.MLPBias {
			add(p+"mlp.gate_proj.bias", f)
			add(p+"mlp.up_proj.bias", f)
		}
		add(p+"mlp.down_proj.weight", d, f)
		if c.MLPBias {
			add(p+"mlp.down_proj.bias", d)
		}
	}
	add("model.norm.weight", d)
	if !c.TieEmbeddings {
		add("lm_head.weight", c.VocabSize, d)
	}
	return list
}

// Parameters is the number of weights of the configuration.
func (c *Config) Parameters() int {
	n := 0
	for _, t := range c.Tensors() {
		n += Tensor{Shape: t.Shape}.Len()
	}
	return n
}
