package model

import (
	"container/list"

	"github.com/nanteos/nanteos/model/kernel"
)

// pagePool owns all pages of a Batch. Its size is fixed, its memory is taken as
// it is needed. A full page whose tokens, and all tokens before them, are
// known can serve every stream with the same beginning: its bits depend on nothing else. Such
// pages are remembered after their last holder is gone, until their memory is wanted.
type pagePool struct {
	m     *Model
	most  int // pages
	made  int
	empty []*slot
	idle  *list.List // of *slot: known pages that nobody holds, the longest unused first
	known map[pageKey]*slot
	last  uint64 // number of the newest content
}

// pageKey names the content of a full page exactly: the 32 tokens and, by the number of
// the page before, all tokens before them. Numbers are never used twice.
type pageKey struct {
	parent uint64 // 0: none
	tokens [block]int32
}

// slot is one page of the pool.
type slot struct {
	page  page
	refs  int
	id    uint64 // of the content; 0: not known to others
	key   pageKey
	ready bool // the content is computed, not only planned in the step in progress
	place *list.Element
}

func newPagePool(m *Model, most int) *pagePool {
	return &pagePool{m: m, most: most, idle: list.New(), known: map[pageKey]*slot{}}
}

// free is how many pages can be taken.
func (p *pagePool) free() int { return p.most - p.made + len(p.empty) + p.idle.Len() }

// take gives an empty page, nil if there is none.
func (p *pagePool) take() *slot {
	var s *slot
	switch {
	case len(p.empty) > 0:
		s = p.empty[len(p.empty)-1]
		p.empty = p.empty[:len(p.empty)-1]
		clear(s.page.data)
	case p.made < p.most:
		p.made++
		s = &slot{page: page{kernel.Aligned(p.m.pageFloats())}}
	case p.idle.Len() > 0:
		s = p.idle.Remove(p.idle.Front()).(*slot)
		p.forget(s)
		clear(s.page.data)
	default:
		return nil
	}
	s.refs = 1
	return s
}

// find gives the known page of a content, held for the caller if it is ready.
func (p *pagePool) find(k *pageKey) (s *slot, ok bool) {
	s, ok = p.known[*k]
	if ok && s.ready {
		if s.place != nil {
			p.idle.Remove(s.place)
			s.place = nil
		}
		s.refs++
	}
	return s, ok
}

// name makes a page that will be full after this step known and returns the
// number of its content, or that of the page that is known for it already.
func (p *pagePool) name(s *slot, k *pageKey) uint64 {
	if other, ok := p.known[*k]; ok {
		return other.id
	}
	p.last++
	s.id, s.key, s.ready = p.last, *k, false
	p.known[*k] = s
	return s.id
}

// drop gives a holder's share of a page back.
func (p *pagePool) drop(s *slot) {
	if s.refs--; s.refs > 0 {
		return
	}
	if s.id != 0 && s.ready {
		s.place = p.idle.PushBack(s)
		return
	}
	p.forget(s)
	p.empty = append(p.empty, s)
}

func (p *pagePool) forget(s *slot) {
	if s.id != 0 {
		delete(p.known, s.key)
	}
	s.id, s.ready, s.place = 0, false, nil
}
