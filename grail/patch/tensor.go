package patch

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"unicode/utf8"
)

// Errors that a caller decides by.
var (
	// ErrPatch marks a patch that breaks a rule of its form: fetch it again, or from somebody else. The error is also a [*Refusal].
	ErrPatch = errors.New("patch is not valid")
	// ErrMismatch marks a patch and a base that don't belong together: other names, shapes or kinds. Get the right base or the whole checkpoint.
	ErrMismatch = errors.New("patch does not fit these weights")
	// ErrTensors marks a list of tensors that isn't a set of weights: a name twice, or bytes that aren't as many as shape and kind say.
	ErrTensors = errors.New("tensors are not a set of weights")
	// ErrFull marks a change that can't travel as a patch: publish the whole checkpoint.
	ErrFull = errors.New("change can't be carried by a patch")
	// ErrHash marks weights whose hash isn't the one expected: drop them.
	ErrHash = errors.New("hash of the weights differs")
)

// Tensor is a named array in row-major order, little-endian, DType.Size() bytes a number. Data may be a mapped file. A scalar has
// an empty shape.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// elements multiplies a shape; ok = false if a dimension is negative or the product overflows.
func elements(shape []int) (n int, ok bool) {
	n = 1
	zero := false
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if d == 0 {
			zero = true
			continue
		}
		if n > math.MaxInt/d {
			return 0, false
		}
		n *= d
	}
	if zero {
		return 0, true
	}
	return n, true
}

// columns is the product of the dimensions after the first, at least 1: the width of the tensor as a matrix.
func columns(shape []int) int {
	if len(shape) < 2 {
		return 1
	}
	n, ok := elements(shape[1:])
	if !ok {
		return math.MaxInt
	}
	return max(n, 1)
}

// rows is the first dimension, 1 for a scalar.
func rows(shape []int) int {
	if len(shape) == 0 {
		return 1
	}
	return shape[0]
}

func (t *Tensor) check() error {
	size := t.DType.Size()
	if size == 0 {
		return fmt.Errorf("tensor %q has numbers of the unknown kind %q: %w", t.Name, t.DType, ErrTensors)
	}
	n, ok := elements(t.Shape)
	if !ok || n > math.MaxInt/size || n*size != len(t.Data) {
		return fmt.Errorf("tensor %q of shape %v and kind %s has %d bytes: %w", t.Name, t.Shape, t.DType, len(t.Data), ErrTensors)
	}
	if !utf8.ValidString(t.Name) {
		return fmt.Errorf("tensor %q has a name that isn't text: %w", t.Name, ErrTensors)
	}
	return nil
}

// byName gives the places of the tensors in ascending order of names, which is the order of code points, and refuses a name twice.
func byName(tensors []Tensor) ([]int, error) {
	order := make([]int, len(tensors))
	for i := range order {
		order[i] = i
		if err := tensors[i].check(); err != nil {
			return nil, err
		}
	}
	sort.Slice(order, func(a, b int) bool { return tensors[order[a]].Name < tensors[order[b]].Name })
	for i := 1; i < len(order); i++ {
		if tensors[order[i]].Name == tensors[order[i-1]].Name {
			return nil, fmt.Errorf("tensor %q comes twice: %w", tensors[order[i]].Name, ErrTensors)
		}
	}
	return order, nil
}

func inOrder(order []int) bool { return slices.IsSorted(order) }
