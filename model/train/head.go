package train

import (
	"github.com/nanteos/nanteos/model/kernel"
)

// A LossFunc says what one predicted token costs: from its place (example,
// position in its Tokens) and its log-probability under the model, the loss and
// its derivative by the log-probability. It is called once a target, from
// several goroutines, in no fixed order; it must depend on its arguments only.
type LossFunc func(example, pos int, logp float64) (loss, derivative float64)

// target is a row of hidden states and the token that it must predict.
type target struct {
	row, example, pos int
	token             int32
}

// headLoss computes log-probabilities of the targets in chunks of rows, adds
// the losses, and leaves the gradient of the final hidden states in w.dh (zero
// in rows without a target). The full logits never exist.
func (w *workspace) headLoss(l *lane, packs *packedWeights, targets []target, rows int, loss LossFunc, backward bool) {
	c := l.cfg
	d, v := c.HiddenSize, c.VocabSize
	dHead := l.lay.head.of(l.grad)
	if backward {
		clear(w.dh[:rows*d])
	}
	for len(targets) > 0 {
		n := min(len(targets), headChunk)
		chunk := targets[:n]
		targets = targets[n:]
		for i, t := range chunk {
			copy(w.hsel[i*d:(i+1)*d], w.h[t.row*d:(t.row+1)*d])
		}
		kernel.MatMul(w.logits, v, w.hsel, d, n, packs.head, false)
		for i, t := range chunk {
			row := w.logits[i*v : (i+1)*v]
			logp, sum := logSoftmax(row, int(t.token))
			value, slope := loss(t.example, t.pos, logp)
			l.loss += value
			l.targets++
			kernel.Scale(row, float32(slope)*(-1/sum), row)
			row[t.token] += float32(slope)
		}
		if !backward {
			continue
		}
		w.xPanels.Resize(d, n)
		w.xPanels.RepackTransposed(w.hsel[:n*d])
		kernel.MatMulTN(dHead, d, w.logits, v, v, &w.xPanels, true)
		kernel.MatMul(w.dhs, d, w.logits, v, n, packs.headT, false)
		for i, t := range chunk {
			addTo(w.dh[t.row*d:(t.row+1)*d], w.dhs[i*d:(i+1)*d])
		}
	}
}

// logSoftmax replaces logits by exp(logit - max) and returns the
// log-probability of one token and the sum of the exponentials.
func logSoftmax(row []float32, token int) (logp float64, sum float32) {
	top := kernel.Max(row)
	chosen := float64(row[token])
	for i, v := range row {
		row[i] = v - top
	}
	kernel.Exp(row, row)
	sum = kernel.Sum(row)
	return chosen - (float64(top) + kernel.Log(float64(sum))), sum
}
