package model

import "github.com/nanteos/nanteos/model/kernel"

// block is the number of positions of a page and the width of a kernel panel.
const block = kernel.PanelWidth

// page holds the keys and values of one block of 32 positions, in all layers
// and heads, in the form in which attention multiplies them:
//
//	keys   [head dim][32 positions]           a head: queries times keys
//	values [head dim / 32][32 positions][32]  a head: probabilities times values
//
// Places not written yet are zero.
type page struct{ data []float32 }

// cache is the past of one sequence. Pages that are full never change, so a
// fork shares them.
type cache struct {
	m     *Model
	pages []*page
	n     int // positions written
}

// headFloats is the size of one head's keys and values of one layer in a page.
func (m *Model) headFloats() (keys, values int) {
	hd := m.cfg.HeadDim
	return hd * block, (hd + block - 1) / block * block * block
}

// pageFloats is the size of a page.
func (m *Model) pageFloats() int {
	k, v := m.headFloats()
	return (k + v) * m.cfg.KVHeads * m.cfg.Layers
}

// cacheBytes is the memory of the past of n tokens.
func (m *Model) cacheBytes(n int) int64 {
	return int64((n+block-1)/block) * int64(m.pageFloats()) * 4
}

// reserve makes pages for n positions.
func (c *cache) reserve(n int) {
	for len(c.pages)*block < n {
		c.pages = append(c.pages, &page{kernel.Aligned(c.m.pageFloats())})
	}
}

// fork returns a cache with the same past that grows on its own.
func (c *cache) fork() *cache {
	full := c.n / block
	f := &cache{m: c.m, n: c.n, pages: append([]*page(nil), c.pages[:full]...)}
	if c.n > full*block {
		f.reserve(c.n)
		copy(f.pages[full].data, c.pages[full].data)
	}
	return f
}

// keys and values give one head's panels of a page.
func (m *Model) keys(p *page, layer, head int) []float32 {
	k, v := m.headFloats()
	at := (layer*m.cfg.KVHeads + head) * (k + v)
	return p.data[at : at+k]
}

func (m *Model) values(p *page, layer, head int) []float32 {
	k, v := m.headFloats()
	at := (layer*m.cfg.KVHeads+head)*(k+v) + k
	return p.data[at : at+v]
}

// store writes the keys and values of n positions from pos on, all of one page, of one head in one layer. Row i begins at i*ld of k and v.
func (c *cache) store(layer, head, pos, n int, k, v []float32, ld int) {
	m := c.m
	hd, p, col := m.cfg.HeadDim, c.pages[pos/block], pos%block
	keys := m.keys(p, layer, head)[col:]
	if n == 1 {
		for i, x := range k[:hd] {
			keys[i*block] = x
		}
	} else {
		kernel.TransposeStrided(keys, block, k, ld, n, hd)
	}
	values := m.values(p, layer, head)
	for i := range n {
		for o := 0; o < hd; o += block {
			copy(values[(o+col+i)*block:][:block], v[i*ld+o:i*ld+hd])
		}
	}
}
