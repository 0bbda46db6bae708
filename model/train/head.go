package train

import (
	"github.com/nanteos/nanteos/model/kernel"
)

// A LossFunc says what one predicted token costs: from its place (example,
// position in its Tokens) and its log-probability under the model, the loss and
// its derivative by the log-probability. It is called once a target, from
// several goroutines, in no fixed order; it must depend on its arguments only.
type LossFunc func(example, pos int, logp float64) (loss, derivative float64)

// objective is what is done with the predictions of targets.
type objective struct {
	// loss is their loss; nil where only note is wanted.
	loss LossFunc
	// entropySlope is the derivative of the loss by the entropy of a prediction; nil for 0.
	entropySlope func(example, pos int) float64
	// note is told what is predicted, the entropy in nats too. It is called as a LossFunc is.
	note func(example, pos int, logp, entropy float64)
}

// target is a row of hidden states and the token that it must predict.
type target struct {
	row, example, pos int
	token             int32
}

// headLoss computes log-probabilities of the targets in chunks of rows, adds
// the losses, and leaves the gradient of the final hidden states in w.dh (zero
// in rows without a target). The full logits never exist.
func (w *workspace) headLoss(l *lane, packs *packedWeights, targets []target, rows int, o *objective, backward bool) {
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
			var shifted []float32 // logits less their maximum, where entropies are asked for
			if o.note != nil || o.entropySlope != nil {
				shifted = w.shifted[:v]
			}
			logp, sum := logSoftmax(row, int(t.token), shifted)
			l.targets++
			logSum := kernel.Log(float64(sum))
			var entropy float64
			if shifted != nil {
				entropy = logSum - float64(kernel.Dot(row, shifted))/float64(sum)
			}
			if o.note != nil {
				o.note(t.example, t.pos, logp, entropy)
			}
			if o.loss == nil {
				continue
			}
			value, slope := o.loss(t.example, t.pos, logp)
			l.loss += value
			var byEntropy float64
			if o.entropySlope != nil {
				byEntropy = o.entropySlope(t.example, t.pos)
			}
			if byEntropy != 0 { // dH/dz = −p·(log p + H)
				for k, z := range shifted {
					p := row[k] / sum
					row[k] = float32(-p*float32(slope)) - float32(p*float32(byEntropy)*(z+float32(entropy-logSum)))
				}
			} else {
				kernel.Scale(row, float32(slope)*(-1/sum), row)
			}
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
// log-probability of one token and the sum of the exponentials. shifted, if not nil, gets logit - max.
func logSoftmax(row []float32, token int, shifted []float32) (logp float64, sum float32) {
	top := kernel.Max(row)
	chosen := float64(row[token])
	for i, v := range row {
		row[i] = v - top
	}
	copy(shifted, row)
	kernel.Exp(row, row)
	sum = kernel.Sum(row)
	return chosen - (float64(top) + kernel.Log(float64(sum))), sum
}
