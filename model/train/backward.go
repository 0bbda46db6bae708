package train

import "github.com/nanteos/nanteos/model/kernel"

// backward walks the layers from the gradient of the final hidden states in
// w.dh (after the final norm) to the embedding, adding to l.grad.
func (w *workspace) backward(l *lane, theta []float32, packs *packedWeights, pieces []piece, examples []Example, rows int) {
	c := l.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	norm, dNorm := l.lay.norm.of(theta), l.lay.norm.of(l.grad)
	clear(w.dx[:rows*d])
	for r := 0; r < rows; r++ {
		kernel.RMSNormWeightGrad(dNorm, w.dh[r*d:], w.x[r*d:], w.inv[r])
		kernel.RMSNormBackward(w.dx[r*d:(r+1)*d], w.dh[r*d:], w.x[r*d:], norm, w.inv[r])
	}
	for i := len(w.layers) - 1; i >= 0; i-- {
		s, at, pk := &w.layers[i], &l.lay.layers[i], &packs.layers[i]
		if w.recompute && i+1 < len(w.layers) { // the last layer's are still there
			w.layer(i, l, theta, packs, pieces, rows)
		}
		// down: x' = x2 + act·Wdᵀ
		biasGradient(at.downBias.of(l.grad), w.dx, rows, d)
		w.weightGradient(at.down.of(l.grad), w.dx, d, s.act, f, rows)
		kernel.MatMul(w.dd, f, w.dx, d, rows, pk.downT, false)
		for r := 0; r < rows; r++ {
			gu, dgu := s.gu[r*2*f:(r+1)*2*f], w.dwide[r*2*f:(r+1)*2*f]
			kernel.SiLUMulBackward(dgu[:f], dgu[f:], w.dd[r*f:(r+1)*f], gu[:f], gu[f:])
		}
		biasGradient(at.gateUpBias.of(l.grad), w.dwide, rows, 2*f)
		w.weightGradient(at.gateUp.of(l.grad), w.dwide, 2*f, s.h2, d, rows)
		kernel.MatMul(w.dh, d, w.dwide, 2*f, rows, pk.gateUpT, false)
		n2, dn2 := at.norm2.of(theta), at.norm2.of(l.grad)
		for r := 0; r < rows; r++ {
			kernel.RMSNormWeightGrad(dn2, w.dh[r*d:], s.x2[r*d:], s.inv2[r])
			kernel.RMSNormBackward(w.dx[r*d:(r+1)*d], w.dh[r*d:], s.x2[r*d:], n2, s.inv2[r])
		}
		// o: x2 = x + att·Woᵀ
		biasGradient(at.oBias.of(l.grad), w.dx, rows, d)
		w.weightGradient(at.o.of(l.grad), w.dx, d, s.att, q, rows)
		kernel.MatMul(w.dd, q, w.dx, d, rows, pk.oT, false)
		w.attendBackward(s, pieces, rows)
		w.turnBackward(l, s, at, theta, pieces)
		biasGradient(at.qkvBias.of(l.grad), w.dwide, rows, q+2*kv)
		w.weightGradient(at.qkv.of(l.grad), w.dwide, q+2*kv, s.h1, d, rows)
		kernel.MatMul(w.dh, d, w.dwide, q+2*kv, rows, pk.qkvT, false)
		n1, dn1 := at.norm1.of(theta), at.norm1.of(l.grad)
		for r := 0; r < rows; r++ {
			kernel.RMSNormWeightGrad(dn1, w.dh[r*d:], s.x[r*d:], s.inv1[r])
			kernel.RMSNormBackward(w.dx[r*d:(r+1)*d], w.dh[r*d:], s.x[r*d:], n1, s.inv1[r])
		}
	}
	dEmbed := l.lay.embed.of(l.grad)
	for _, pc := range pieces {
		for i := 0; i < pc.n; i++ {
			tok := int(examples[pc.example].Tokens[i])
			addTo(dEmbed[tok*d:(tok+1)*d], w.dx[(pc.at+i)*d:(pc.at+i+1)*d])
		}
	}
}

// attendBackward reads the gradient of the attention's output in w.dd[rows][q]
// and writes the gradients of rotated q, rotated k and v into w.dwide[rows][q+2kv].
func (w *workspace) attendBackward(s *saved, pieces []piece, rows int) {
	c := w.cfg
	q, kv, hd := c.QDim(), c.KVDim(), c.HeadDim
	n := q + 2*kv
	group := c.Heads / c.KVHeads
	a := w.attn
	for r := 0; r < rows; r++ {
		clear(w.dwide[r*n+q : (r+1)*n])
	}
	for _, pc := range pieces {
		lp := roundUp(pc.n)
		for g := 0; g < c.KVHeads; g++ {
			k := s.qk[pc.at*(q+kv)+q+g*hd:]
			a.rows(a.kr, k, q+kv, pc.n)
			a.columns(a.vt, s.qkv[pc.at*n+q+kv+g*hd:], n, pc.n)
			if pc.pAt < 0 {
				a.columns(a.kt, k, q+kv, pc.n)
			}
			for h := g * group; h < (g+1)*group; h++ {
				qh := s.qk[pc.at*(q+kv)+h*hd:]
				p := a.p
				if pc.pAt >= 0 {
					p = s.p[pc.pAt+h*lp*lp:]
				} else {
					a.probabilities(p, qh, q+kv, pc.n)
				}
				base := w.dwide[pc.at*n:]
				a.backward(base[h*hd:], n, base[q+g*hd:], n, base[q+kv+g*hd:], n,
					w.dd[pc.at*q+h*hd:], q, p, qh, q+kv, pc.n)
			}
		}
	}
}

// turnBackward takes w.dwide's q and k parts back through the rotation and the
// head norms.
func (w *workspace) turnBackward(l *lane, s *saved, at *layerSpans, theta []float32, pieces []piece) {
	c := l.cfg
	q, kv, hd, heads := c.QDim(), c.KVDim(), c.HeadDim, c.Heads+c.KVHeads
	n := q + 2*kv
	qn, kn := at.qNorm.of(theta), at.kNorm.of(theta)
	dqn, dkn := at.qNorm.of(l.grad), at.kNorm.of(l.grad)
	var buffer [1024]float32
	for _, pc := range pieces {
		for i := 0; i < pc.n; i++ {
			r := pc.at + i
			src, dst := s.qkv[r*n:(r+1)*n], w.dwide[r*n:(r+1)*n]
			l.rope.Unapply(dst, heads, i)
			for h := 0; h < heads && c.QKNorm; h++ {
				weight, dWeight, inv := qn, dqn, s.invHeads[r*heads+h]
				if h >= c.Heads {
					weight, dWeight = kn, dkn
				}
				head, dy, x := dst[h*hd:(h+1)*hd], buffer[:hd], src[h*hd:]
				copy(dy, head)
				clear(head)
				kernel.RMSNormWeightGrad(dWeight, dy, x, inv)
				kernel.RMSNormBackward(head, dy, x, weight, inv)
			}
		}
	}
}

// weightGradient adds dyᵀ·x to dw[n][k], with dy[rows][n] and x[rows][k].
func (w *workspace) weightGradient(dw, dy []float32, n int, x []float32, k, rows int) {
	w.xPanels.Resize(k, rows)
	w.xPanels.RepackTransposed(x[:rows*k])
	kernel.MatMulTN(dw, k, dy, n, n, &w.xPanels, true)
}

func biasGradient(db, dy []float32, rows, n int) {
	if len(db) == 0 {
		return
	}
	for r := 0; r < rows; r++ {
		addTo(db, dy[r*n:(r+1)*n])
	}
}
