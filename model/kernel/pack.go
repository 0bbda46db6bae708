package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// PanelWidth is the number of output columns in a panel.
const PanelWidth = 32

// storage is how an operand keeps its numbers.
type storage uint8

const (
	storeF32 storage = iota
	storeBF16
	storeF16
)

// Packed is the right operand of a matrix product, W[N][K] in the row-major
// form of model files (one row an output column), rearranged in panels of 32
// columns: panel[p][k][c] = W[32p+c][k]. Columns past N are zero. The storage
// is float32, or bfloat16 or IEEE binary16 (f16) that the kernels widen
// exactly: a panel of 16 bits gives the bits of a float32 panel with the same
// values.
//
// The Repack methods refill it in place; a Packed must not change while a
// product reads it.
type Packed struct {
	N, K int

	storage storage
	f32     []float32
	half    []uint16 // bf16 or f16
}

// Panels returns the number of panels, N/32 rounded up.
func (w *Packed) Panels() int { return (w.N + PanelWidth - 1) / PanelWidth }

// Panel returns panel p, [K][32], of a float32 operand; nil for other storage.
// It may be written to: it is the operand itself.
func (w *Packed) Panel(p int) []float32 {
	if w.f32 == nil {
		return nil
	}
	size := w.K * PanelWidth
	return w.f32[p*size : (p+1)*size : (p+1)*size]
}

// PanelBF16 returns panel p, [K][32], of a bf16 operand; nil for other
// storage. It may be written to.
func (w *Packed) PanelBF16(p int) []uint16 {
	if w.storage != storeBF16 {
		return nil
	}
	return w.panel16(p)
}

// PanelF16 returns panel p, [K][32], of an f16 operand; nil for other storage.
// It may be written to.
func (w *Packed) PanelF16(p int) []uint16 {
	if w.storage != storeF16 {
		return nil
	}
	return w.panel16(p)
}

func (w *Packed) panel16(p int) []uint16 {
	size := w.K * PanelWidth
	return w.half[p*size : (p+1)*size : (p+1)*size]
}

// IsBF16 says whether the storage is bfloat16.
func (w *Packed) IsBF16() bool { return w.storage == storeBF16 }

// IsF16 says whether the storage is IEEE binary16.
func (w *Packed) IsF16() bool { return w.storage == storeF16 }

// Row copies W[n], widened, to dst[K].
func (w *Packed) Row(dst []float32, n int) {
	p, c := n/PanelWidth, n%PanelWidth
	dst = dst[:w.K]
	switch w.storage {
	case storeF32:
		panel := w.Panel(p)
		for k := range dst {
			dst[k] = panel[k*PanelWidth+c]
		}
	case storeBF16:
		panel := w.panel16(p)
		for k := range dst {
			dst[k] = math.Float32frombits(uint32(panel[k*PanelWidth+c]) << 16)
		}
	case storeF16:
		panel := w.panel16(p)
		for k := range dst {
			dst[k] = widenF16(panel[k*PanelWidth+c])
		}
	}
}

// NewPacked returns a float32 operand of zeros, to be filled by Repack,
// RepackTransposed or through Panel.
func NewPacked(n, k int) *Packed {
	w := &Packed{}
	w.Resize(n, k)
	return w
}

// NewPackedBF16 returns a bf16 operand of zeros, to be filled through PanelBF16.
func NewPackedBF16(n, k int) *Packed { return newPacked16(n, k, storeBF16) }

// NewPackedF16 returns an f16 operand of zeros, to be filled through PanelF16.
func NewPackedF16(n, k int) *Packed { return newPacked16(n, k, storeF16) }

func newPacked16(n, k int, s storage) *Packed {
	checkShape(n, k)
	w := &Packed{N: n, K: k, storage: s}
	w.half = aligned16(w.Panels() * PanelWidth * k)
	return w
}

func checkShape(n, k int) {
	if n <= 0 || k <= 0 {
		panic(fmt.Sprintf("kernel: couldn't shape an operand of %d columns and k=%d", n, k))
	}
}

// Resize gives a float32 operand another shape, reusing its memory where it is
// large enough. The content is undefined until the next Repack, except that
// Repack and RepackTransposed also clear the columns past N.
func (w *Packed) Resize(n, k int) {
	checkShape(n, k)
	w.N, w.K, w.storage, w.half = n, k, storeF32, nil
	size := w.Panels() * PanelWidth * k
	if cap(w.f32) >= size {
		w.f32 = w.f32[:size]
		return
	}
	w.f32 = Aligned(size)
	largePages(unsafe.Pointer(unsafe.SliceData(w.f32)), 4*size)
}

// Pack packs w[n][k], one row an output column.
func Pack(w []float32, n, k int) *Packed {
	p := NewPacked(n, k)
	p.Repack(w)
	return p
}

// PackTransposed packs w[k][n], one column an output column: the operand W is
// the transpose of w. With w a weight [out][in] it gives the operand of the
// input's gradient, dX = dY·w; with w the layer's input [rows][in], that of the
// weight's gradient, dW = dYᵀ·X.
func PackTransposed(w []float32, k, n int) *Packed {
	p := NewPacked(n, k)
	p.RepackTransposed(w)
	return p
}

// PackBF16 packs w[n][k] of bfloat16 numbers and keeps them as such: half the
// memory and half the traffic of float32.
func PackBF16(w []uint16, n, k int) *Packed {
	p := NewPackedBF16(n, k)
	p.pack16(w)
	return p
}

// PackF16 packs w[n][k] of IEEE binary16 numbers and keeps them as such.
func PackF16(w []uint16, n, k int) *Packed {
	p := NewPackedF16(n, k)
	p.pack16(w)
	return p
}

func (w *Packed) pack16(src []uint16) {
	src = src[:w.N*w.K]
	for p := range w.Panels() {
		panel := w.panel16(p)
		for c := range min(PanelWidth, w.N-p*PanelWidth) {
			for j, v := range src[(p*PanelWidth+c)*w.K:][:w.K] {
				panel[j*PanelWidth+c] = v
			}
		}
	}
}

// Repack refills a float32 operand from w[N][K].
func (w *Packed) Repack(src []float32) {
	src = src[:w.N*w.K]
	for p := range w.Panels() {
		w.repackPanel(src, p)
	}
}

// RepackPool is Repack spread over a pool.
func (w *Packed) RepackPool(pool *Pool, src []float32) {
	src = src[:w.N*w.K]
	if pool.Threads() == 1 || w.N*w.K < packSerial {
		w.Repack(src)
		return
	}
	pool.Run(w.Panels(), func(p int) { w.repackPanel(src, p) })
}

// RepackTransposed refills a float32 operand from w[K][N].
func (w *Packed) RepackTransposed(src []float32) {
	src = src[:w.N*w.K]
	for p := range w.Panels() {
		w.repackPanelTransposed(src, p)
	}
}

// RepackTransposedPool is RepackTransposed spread over a pool.
func (w *Packed) RepackTransposedPool(pool *Pool, src []float32) {
	src = src[:w.N*w.K]
	if pool.Threads() == 1 || w.N*w.K < packSerial {
		w.RepackTransposed(src)
		return
	}
	pool.Run(w.Panels(), func(p int) { w.repackPanelTransposed(src, p) })
}

// packSerial is the number of weights below which a pool isn't worth waking.
const packSerial = 1 << 15

func (w *Packed) repackPanel(src []float32, p int) {
	panel, c0 := w.Panel(p), p*PanelWidth
	cols := min(PanelWidth, w.N-c0)
	if cols < PanelWidth {
		clear(panel)
	}
	transpose(panel, PanelWidth, src[c0*w.K:], w.K, cols, w.K)
}

func (w *Packed) repackPanelTransposed(src []float32, p int) {
	panel, c0 := w.Panel(p), p*PanelWidth
	cols := min(PanelWidth, w.N-c0)
	if cols < PanelWidth {
		clear(panel)
	}
	for k := range w.K {
		copy(panel[k*PanelWidth:], src[k*w.N+c0:][:cols])
	}
}

// Transpose writes dst[cols][rows], the transpose of src[rows][cols].
func Transpose(dst, src []float32, rows, cols int) {
	transpose(dst[:rows*cols], rows, src[:rows*cols], cols, rows, cols)
}

// TransposeStrided is Transpose between matrices inside larger ones:
// dst[c*ldd+r] = src[r*lds+c] for r < rows, c < cols.
func TransposeStrided(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	transpose(dst, ldd, src, lds, rows, cols)
}

// transposeGeneric copies in blocks of 8 so that both sides stay in cache.
func transposeGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for r0 := 0; r0 < rows; r0 += 8 {
		r1 := min(r0+8, rows)
		for c := range cols {
			d := dst[c*ldd+r0 : c*ldd+r1]
			for i := range d {
				d[i] = src[(r0+i)*lds+c]
			}
		}
	}
}

// Aligned returns n zeroed floats that start on a cache line.
func Aligned(n int) []float32 {
	b := make([]float32, n+15)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&63) / 4
	return b[off : off+n : off+n]
}

func aligned16(n int) []uint16 {
	b := make([]uint16, n+31)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&63) / 2
	b = b[off : off+n : off+n]
	largePages(unsafe.Pointer(unsafe.SliceData(b)), 2*n)
	return b
}
