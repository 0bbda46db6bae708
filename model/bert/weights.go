package bert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

// weights are the parameters in the form that the forward pass reads.
type weights struct {
	words, positions table
	segment          []float32 // of the first segment
	norm             norm
	layers           []layer
	ones             []float32
}

type layer struct {
	qkv, out, up, down                 *kernel.Packed
	qkvBias, outBias, upBias, downBias []float32
	norm1, norm2                       norm
}

// norm is a layer norm's scale and shift.
type norm struct{ w, b []float32 }

// table is a matrix whose rows are read from the mapped file.
type table struct {
	t     safetensors.Tensor
	width int
}

// row writes row i, widened to float32. It reads foreign memory: see guard.
func (t *table) row(dst []float32, i int) {
	if err := t.t.Widen(dst[:t.width], i*t.width); err != nil { // ruled out in fetch
		panic(err)
	}
}

// loader fetches weights by name and keeps the first error.
type loader struct {
	folder *safetensors.Folder
	prefix string
	known  map[string]bool
	err    error
}

func (w *weights) load(folder *safetensors.Folder, c *Config) error {
	l := &loader{folder: folder, known: map[string]bool{"embeddings.position_ids": true, "embeddings.token_type_ids": true}}
	if !folder.Has("embeddings.word_embeddings.weight") && folder.Has("bert.embeddings.word_embeddings.weight") {
		l.prefix = "bert." // saved with a head on top
	}
	d := c.Hidden
	w.words = table{l.fetch("embeddings.word_embeddings.weight", c.VocabSize, d), d}
	w.positions = table{l.fetch("embeddings.position_embeddings.weight", c.Positions, d), d}
	if segments := l.vector("embeddings.token_type_embeddings.weight", c.Types, d); segments != nil {
		w.segment = slices.Clone(segments[:d])
	}
	w.norm = l.norm("embeddings.LayerNorm", d)
	w.ones = make([]float32, d)
	for i := range w.ones {
		w.ones[i] = 1
	}
	for i := 0; i < c.Layers && l.err == nil; i++ {
		p := fmt.Sprintf("encoder.layer.%d.", i)
		a := p + "attention."
		w.layers = append(w.layers, layer{
			qkv:     l.matrix(d, d, a+"self.query.weight", a+"self.key.weight", a+"self.value.weight"),
			qkvBias: slices.Concat(l.vector(a+"self.query.bias", d), l.vector(a+"self.key.bias", d), l.vector(a+"self.value.bias", d)),
			out:     l.matrix(d, d, a+"output.dense.weight"),
			outBias: l.vector(a+"output.dense.bias", d),
			norm1:   l.norm(a+"output.LayerNorm", d),
			up:      l.matrix(c.Intermediate, d, p+"intermediate.dense.weight"),
			upBias:  l.vector(p+"intermediate.dense.bias", c.Intermediate),
			down:    l.matrix(d, c.Intermediate, p+"output.dense.weight"),
			norm2:   l.norm(p+"output.LayerNorm", d), downBias: l.vector(p+"output.dense.bias", d),
		})
	}
	if l.err != nil {
		return l.err
	}
	return l.strangers()
}

// strangers refuses weights of the encoder that the configuration doesn't have; a head on top of it is none.
func (l *loader) strangers() error {
	for _, name := range l.folder.Names() {
		own, ok := strings.CutPrefix(name, l.prefix)
		if ok && !l.known[own] && (strings.HasPrefix(own, "embeddings.") || strings.HasPrefix(own, "encoder.")) {
			return unsupported("%q is a weight that an encoder of this configuration doesn't have", short(name))
		}
	}
	return nil
}

func (l *loader) fetch(name string, shape ...int) safetensors.Tensor {
	l.known[name] = true
	if l.err != nil {
		return safetensors.Tensor{}
	}
	t, err := l.folder.Tensor(l.prefix + name)
	switch {
	case err != nil:
		l.err = err
	case !slices.Equal(t.Shape, shape):
		l.err = corrupt("weight %s has shape %.100v, the configuration says %v", name, t.Shape, shape)
	case t.DType != safetensors.F32 && t.DType != safetensors.F16 && t.DType != safetensors.BF16:
		l.err = unsupported("weight %s has numbers of kind %s (have F32, F16 and BF16)", name, t.DType)
	default:
		return t
	}
	return safetensors.Tensor{}
}

// vector gives a copy of a weight as float32.
func (l *loader) vector(name string, shape ...int) []float32 {
	t := l.fetch(name, shape...)
	if l.err != nil {
		return nil
	}
	x, err := t.Float32s()
	if err != nil {
		l.err = err
	}
	return x
}

// matrix packs weights [rows][cols] below each other, a panel at a time, so that no second copy of them is in memory.
func (l *loader) matrix(rows, cols int, names ...string) *kernel.Packed {
	var parts []safetensors.Tensor
	for _, name := range names {
		parts = append(parts, l.fetch(name, rows, cols))
	}
	if l.err != nil {
		return nil
	}
	n := rows * len(parts)
	w, panel := kernel.NewPacked(n, cols), make([]float32, kernel.PanelWidth*cols)
	for p := range w.Panels() {
		first := p * kernel.PanelWidth
		columns := min(kernel.PanelWidth, n-first)
		for c := range columns {
			r := first + c
			if err := parts[r/rows].Widen(panel[c*cols:(c+1)*cols], r%rows*cols); err != nil {
				l.err = err
				return nil
			}
		}
		kernel.TransposeStrided(w.Panel(p), kernel.PanelWidth, panel, cols, columns, cols)
	}
	for _, t := range parts {
		t.Forget(0, t.Len())
	}
	return w
}

func (l *loader) norm(name string, n int) norm {
	return norm{l.vector(name+".weight", n), l.vector(name+".bias", n)}
}
