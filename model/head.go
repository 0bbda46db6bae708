package model

import "github.com/nanteos/nanteos/model/kernel"

// logits computes the head for n rows of hidden states and returns
// [n][vocab], valid until the next call with the workspace.
func (m *Model) logits(w *workspace, pool *kernel.Pool, hidden []float32, n int) []float32 {
	v := m.cfg.VocabSize
	if len(w.logits) < n*v {
		w.logits = kernel.Aligned(n * v)
	}
	kernel.MatMulPool(pool, w.logits, v, hidden, m.cfg.HiddenSize, n, m.head, false)
	return w.logits[:n*v]
}

// workspaces takes one workspace a thread for small models, else one.
func (m *Model) workspaces() []*workspace {
	n := 1
	if m.small {
		n = m.pool.Threads()
	}
	var list []*workspace
	for range n {
		list = append(list, m.workspace(batchSize))
	}
	return list
}

func (m *Model) releaseAll(list []*workspace) {
	for _, w := range list {
		m.release(w)
	}
}
