package train

import "github.com/nanteos/nanteos/model/kernel"

// packedWeights holds every matrix laid out for the kernel, in both directions:
// the plain one gives y = x·Wᵀ, the T one dx = dy·W. It is read by all lanes
// during a step and rewritten after it.
type packedWeights struct {
	layers      []layerPanels
	head, headT *kernel.Packed
}

type layerPanels struct {
	qkv, qkvT, o, oT, gateUp, gateUpT, down, downT *kernel.Packed
}

// packJobs lists the work of laying out theta; the functions may run in any
// order and beside one another.
func (t *Trainer) packJobs() []func() {
	c := &t.cfg
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	var jobs []func()
	both := func(forward, backward **kernel.Packed, at span, n, k int) {
		fw, bw := kernel.NewPacked(n, k), kernel.NewPacked(k, n)
		*forward, *backward = fw, bw
		jobs = append(jobs, func() {
			fw.Repack(at.of(t.used))
			bw.RepackTransposed(at.of(t.used))
		})
	}
	t.packs.layers = make([]layerPanels, c.Layers)
	for i := range t.packs.layers {
		p, at := &t.packs.layers[i], &t.lay.layers[i]
		both(&p.qkv, &p.qkvT, at.qkv, q+2*kv, d)
		both(&p.o, &p.oT, at.o, d, q)
		both(&p.gateUp, &p.gateUpT, at.gateUp, 2*f, d)
		both(&p.down, &p.downT, at.down, d, f)
	}
	both(&t.packs.head, &t.packs.headT, t.lay.head, c.VocabSize, d)
	return jobs
}
