package train

import (
	"math"

	"github.com/nanteos/nanteos/model/kernel"
)

// attention is one worker's scratch for one head of one sequence of at most
// longest tokens. Rows and columns are padded to blocks of 32; padded rows of
// every panel are zero, so they add nothing.
type attention struct {
	dim, pad        int       // head width and its padding to 32
	kt, vt          []float32 // [Lp/32][dim][32]: keys and values as columns
	kr, vr, qr, dor []float32 // [pad/32][Lp][32]: keys, values, queries, output gradients as rows
	p               []float32 // [Lp][Lp] probabilities when they were not kept
	ds              []float32 // [Lp][Lp]
	pT, dsT         []float32 // [32][Lp] transposed block columns
	out             []float32 // [32][pad]
}

func newAttention(dim, longest int) *attention {
	lp, pad := roundUp(longest), roundUp(dim)
	f := func(n int) []float32 { return make([]float32, n) }
	return &attention{dim: dim, pad: pad, kt: f(lp * dim), vt: f(lp * dim), kr: f(lp * pad), vr: f(lp * pad),
		qr: f(lp * pad), dor: f(lp * pad), p: f(lp * lp), ds: f(lp * lp), pT: f(lanes * lp), dsT: f(lanes * lp), out: f(lanes * pad)}
}

// columns lays out x[L][dim] (stride ld) as [Lp/32][dim][32].
func (a *attention) columns(dst, x []float32, ld, length int) {
	dim := a.dim
	for b := 0; b*lanes < length; b++ {
		block := dst[b*dim*lanes : (b+1)*dim*lanes]
		n := min(lanes, length-b*lanes)
		if n < lanes {
			clear(block)
		}
		for j := 0; j < n; j++ {
			row := x[(b*lanes+j)*ld : (b*lanes+j)*ld+dim]
			for i, v := range row {
				block[i*lanes+j] = v
			}
		}
	}
}

// rows lays out x[L][dim] (stride ld) as [pad/32][Lp][32].
func (a *attention) rows(dst, x []float32, ld, length int) {
	lp := roundUp(length)
	for c := 0; c*lanes < a.pad; c++ {
		block := dst[c*lp*lanes : (c+1)*lp*lanes]
		width := min(lanes, a.dim-c*lanes)
		if width < lanes {
			clear(block)
		} else {
			clear(block[length*lanes:])
		}
		for j := 0; j < length; j++ {
			copy(block[j*lanes:j*lanes+width], x[j*ld+c*lanes:j*ld+c*lanes+width])
		}
	}
}

// product computes y[m][dim] (+)= x[m][k]·panels, where panels is
// [pad/32][lp][32] and the chain starts at row from.
func (a *attention) product(y []float32, ldy int, x []float32, ldx, m, k int, panels []float32, lp, from int, accumulate bool) {
	for c := 0; c*lanes < a.dim; c++ {
		panel := panels[(c*lp+from)*lanes : (c*lp+from+k)*lanes]
		if (c+1)*lanes <= a.dim {
			kernel.Tile(y[c*lanes:], ldy, x, ldx, m, k, panel, accumulate)
			continue
		}
		width := a.dim - c*lanes
		kernel.Tile(a.out, lanes, x, ldx, m, k, panel, false)
		for r := 0; r < m; r++ {
			dst := y[r*ldy+c*lanes : r*ldy+c*lanes+width]
			if accumulate {
				addTo(dst, a.out[r*lanes:r*lanes+width])
			} else {
				copy(dst, a.out[r*lanes:r*lanes+width])
			}
		}
	}
}

// probabilities fills p[Lp][Lp] (lower block triangle) from queries q[L][dim]
// and a.kt, which columns has filled. Masked places are exact zeros.
func (a *attention) probabilities(p, q []float32, ldq, length int) {
	lp := roundUp(length)
	scale := float32(1 / math.Sqrt(float64(a.dim)))
	for r := 0; r < length; r += lanes {
		m := min(lanes, length-r)
		end := r + lanes
		for b := 0; b*lanes < end; b++ {
			kernel.Tile(p[r*lp+b*lanes:], lp, q[r*ldq:], ldq, m, a.dim, a.kt[b*a.dim*lanes:(b+1)*a.dim*lanes], false)
		}
		for i := 0; i < lanes; i++ {
			row := p[(r+i)*lp : (r+i)*lp+end]
			if i >= m {
				clear(row)
				continue
			}
			kernel.Softmax(row, row, r+i+1, scale)
		}
	}
}

// forward computes one head of one sequence: out[L][dim] from q, k, v.
// p receives the probabilities.
func (a *attention) forward(out []float32, ldo int, p, q []float32, ldq int, length int) {
	lp := roundUp(length)
	a.probabilities(p, q, ldq, length)
	for r := 0; r < length; r += lanes {
		m := min(lanes, length-r)
		a.product(out[r*ldo:], ldo, p[r*lp:], lp, m, r+lanes, a.vr, lp, 0, false)
	}
}

// backward computes one head's gradients from do[L][dim]: dq is set, dk and dv
// are added to. p holds the forward pass's probabilities; a.vt (columns) and
// a.kr (rows) are filled by the caller, once for the query heads that share them.
func (a *attention) backward(dq []float32, lddq int, dk []float32, lddk int, dv []float32, lddv int,
	do []float32, ldo int, p, q []float32, ldq int, length int) {
	lp := roundUp(length)
	scale := float32(1 / math.Sqrt(float64(a.dim)))
	a.rows(a.qr, q, ldq, length)
	a.rows(a.dor, do, ldo, length)
	for r := 0; r < length; r += lanes {
		m := min(lanes, length-r)
		end := r + lanes
		for b := 0; b*lanes < end; b++ {
			kernel.Tile(a.ds[r*lp+b*lanes:], lp, do[r*ldo:], ldo, m, a.dim, a.vt[b*a.dim*lanes:(b+1)*a.dim*lanes], false)
		}
		for i := 0; i < lanes; i++ {
			row := a.ds[(r+i)*lp : (r+i)*lp+end]
			if i >= m {
				clear(row)
				continue
			}
			n := r + i + 1
			pr := p[(r+i)*lp : (r+i)*lp+n]
			kernel.SoftmaxBackward(row[:n], pr, row[:n], scale)
			clear(row[n:])
		}
		a.product(dq[r*lddq:], lddq, a.ds[r*lp:], lp, m, end, a.kr, lp, 0, false)
	}
	for b := 0; b*lanes < length; b++ {
		from := b * lanes
		n := lp - from
		m := min(lanes, length-from)
		kernel.TransposeStrided(a.pT, n, p[from*lp+from:], lp, n, lanes)
		a.product(dv[from*lddv:], lddv, a.pT, n, m, n, a.dor, lp, from, true)
		kernel.TransposeStrided(a.dsT, n, a.ds[from*lp+from:], lp, n, lanes)
		a.product(dk[from*lddk:], lddk, a.dsT, n, m, n, a.qr, lp, from, true)
	}
}
