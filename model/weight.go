package model

import (
	"strings"

	"github.com/nanteos/nanteos/model/gguf"
	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
)

// form is how the numbers of a weight are kept in memory. f32 holds all that the engine reads, exactly.
type form int

const (
	formF32 form = iota
	formBF16
	formF16
)

// weight is one weight of a model that is being loaded: its shape and where its numbers lie, in a mapped file or in the caller's
// slices. A row is the numbers of one output, [columns]; a vector is one row. Reading a mapped file may fault: see guard.
type weight struct {
	shape    []int
	form     form
	widen    func(dst []float32, row int)
	patterns func(dst []uint16, row int) // of weights of 16 bits; nil for formF32
	forget   func(row, n int)            // the memory of n rows isn't needed for now; may be nil
}

// size gives the number of rows and the length of each.
func (w *weight) size() (rows, columns int) {
	if len(w.shape) == 1 {
		return 1, w.shape[0]
	}
	return w.shape[0], w.shape[1]
}

// done is called when n rows from row on were read for the last time.
func (w *weight) done(row, n int) {
	if w.forget != nil {
		w.forget(row, n)
	}
}

// tensorWeight is a weight in memory.
func tensorWeight(t Tensor) weight {
	w := weight{shape: t.Shape}
	switch {
	case t.BF16 != nil:
		w.form = formBF16
		w.widen = func(dst []float32, row int) { kernel.BF16ToF32(dst, t.BF16[row*len(dst):]) }
		w.patterns = func(dst []uint16, row int) { copy(dst, t.BF16[row*len(dst):]) }
	case t.F16 != nil:
		w.form = formF16
		w.widen = func(dst []float32, row int) { kernel.F16ToF32(dst, t.F16[row*len(dst):]) }
		w.patterns = func(dst []uint16, row int) { copy(dst, t.F16[row*len(dst):]) }
	default:
		w.widen = func(dst []float32, row int) { copy(dst, t.F32[row*len(dst):]) }
	}
	return w
}

// folderWeight is a weight of safetensors files.
func folderWeight(folder *safetensors.Folder, name string) (weight, error) {
	t, err := folder.Tensor(name)
	if err != nil {
		return weight{}, err
	}
	if err := t.Widen(nil, 0); err != nil { // its dtype can't be read
		return weight{}, err
	}
	w := weight{shape: t.Shape}
	w.widen = func(dst []float32, row int) { _ = t.Widen(dst, row*len(dst)) }
	switch t.DType {
	case safetensors.BF16:
		w.form = formBF16
	case safetensors.F16:
		w.form = formF16
	}
	if w.form != formF32 {
		w.patterns = func(dst []uint16, row int) { _ = t.Patterns(dst, row*len(dst)) }
	}
	if len(t.Shape) > 0 {
		width := t.Shape[len(t.Shape)-1]
		w.forget = func(row, n int) { t.Forget(row*width, n*width) }
	}
	return w, nil
}

// ggufWeight is the weight of a canonical name in a GGUF file.
func ggufWeight(f *gguf.File, c *Config, name string) (weight, error) {
	t, err := f.Tensor(ggufName(name))
	if err != nil {
		return weight{}, err
	}
	place := ggufRows(c, name, t.Shape)
	w := weight{shape: t.Shape, forget: t.Forget}
	switch t.Type {
	case gguf.BF16:
		w.form = formBF16
	case gguf.F16:
		w.form = formF16
	}
	if len(t.Shape) == 1 { // a bias may be permuted number by number
		return ggufVector(t, w, place), nil
	}
	w.widen = func(dst []float32, row int) { t.Widen(dst, place(row)) }
	if w.form != formF32 {
		w.patterns = func(dst []uint16, row int) { t.Patterns(dst, place(row)*len(dst)) }
	}
	return w, nil
}

func ggufVector(t gguf.Tensor, w weight, place func(row int) int) weight {
	w.form, w.forget = formF32, nil
	w.widen = func(dst []float32, _ int) {
		x := t.Float32s()
		for i := range dst {
			dst[i] = x[place(i)]
		}
	}
	return w
}

// ggufRows gives the place of a row in a GGUF file. Files of Llama keep the two halves of each head of queries and keys interleaved,
// since ggml's rotation pairs neighbours there: row j*half+i of a head (j = 0, 1) is row 2i+j of the file. A permuted head stays
// within its own rows.
func ggufRows(c *Config, name string, shape []int) func(row int) int {
	heads := 0
	switch {
	case c.Architecture != "LlamaForCausalLM":
	case strings.Contains(name, "q_proj."):
		heads = c.Heads
	case strings.Contains(name, "k_proj."):
		heads = c.KVHeads
	}
	if heads == 0 || len(shape) == 0 || shape[0] != heads*c.HeadDim {
		return func(row int) int { return row }
	}
	half := c.HeadDim / 2
	return func(row int) int {
		head, at := row/c.HeadDim, row%c.HeadDim
		return head*c.HeadDim + 2*(at%half) + at/half
	}
}
