package tokenizer

import (
	"strings"
	"sync"
)

const (
	// maxCached is the longest word, in bytes, whose ids are remembered.
	maxCached = 48
	// maxCache is the number of words remembered; a full cache starts anew.
	maxCache = 1 << 15
)

// model is the BPE vocabulary. Tokens are kept as the bytes that they stand for.
type model struct {
	tokens       []string         // bytes by id
	ids          map[string]int32 // id by bytes
	odd          map[string]int32 // id by text, for tokens that aren't written in the byte alphabet: no word can reach them
	holes        map[int32]bool   // ids below len(tokens) that the vocabulary lacks
	byteID       [256]int32       // id of each single byte, -1 if the vocabulary lacks it
	rules        map[uint64]int32 // rank by pair of ids
	merged       []int32          // id of the merged token by rank
	pairs        [][2]int32       // pair of ids by rank, in the order of the file
	unk          int32            // id of unk_token, -1 for none: bytes that the vocabulary lacks are then dropped
	fuseUnk      bool
	ignoreMerges bool
	cache        *cache
}

func pair(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// id finds a token by its text in the file.
func (m *model) id(text string) (int32, bool) {
	raw, ok := appendRaw(make([]byte, 0, 64), text)
	if !ok {
		id, ok := m.odd[text]
		return id, ok
	}
	id, ok := m.ids[string(raw)]
	return id, ok
}

// text is the inverse of id.
func (m *model) text(id int32) string {
	if id < 0 || int(id) >= len(m.tokens) {
		return ""
	}
	if _, ok := m.odd[m.tokens[id]]; ok && m.odd[m.tokens[id]] == id {
		return m.tokens[id]
	}
	return string(appendText(nil, m.tokens[id]))
}

// symbol is a node of the doubly linked list of a word's tokens.
type symbol struct {
	id         int32 // -1 once merged into its left neighbour
	prev, next int32
}

// scratch holds the buffers of one Encode.
type scratch struct {
	symbols []symbol
	queue   []uint64 // min-heap of rank<<32 | position
}

// encode appends the ids of one word.
func (m *model) encode(ids []int32, word string, s *scratch) []int32 {
	if len(word) == 1 {
		return m.encodeByte(ids, word[0])
	}
	if got, ok := m.cache.get(word); ok {
		return append(ids, got...)
	}
	start := len(ids)
	if id, ok := m.ids[word]; ok && m.ignoreMerges {
		ids = append(ids, id)
	} else {
		ids = m.merge(ids, word, s)
	}
	m.cache.put(word, ids[start:])
	return ids
}

func (m *model) encodeByte(ids []int32, b byte) []int32 {
	if id := m.byteID[b]; id >= 0 {
		return append(ids, id)
	} else if m.unk >= 0 {
		return append(ids, m.unk)
	}
	return ids
}

// merge runs BPE over the bytes of word in O(n log n): a heap gives the pair of the lowest rank, leftmost first.
// An entry of the heap is stale when its pair no longer merges into the same token; that is the reference's own test.
func (m *model) merge(ids []int32, word string, s *scratch) []int32 {
	sym := s.symbols[:0]
	for i := range len(word) {
		id := m.byteID[word[i]]
		if id < 0 {
			if id = m.unk; id < 0 {
				continue
			}
		}
		n := int32(len(sym))
		sym = append(sym, symbol{id, n - 1, n + 1})
	}
	s.queue = s.queue[:0]
	if len(sym) > 0 {
		sym[len(sym)-1].next = -1
	}
	for i := range len(sym) - 1 {
		if rank, ok := m.rules[pair(sym[i].id, sym[i+1].id)]; ok {
			s.push(rank, int32(i))
		}
	}
	for len(s.queue) > 0 {
		rank, at := s.pop()
		left := &sym[at]
		if left.id < 0 || left.next < 0 {
			continue
		}
		right := &sym[left.next]
		now, ok := m.rules[pair(left.id, right.id)]
		if !ok || m.merged[now] != m.merged[rank] {
			continue
		}
		left.id, right.id = m.merged[rank], -1
		left.next = right.next
		if left.next >= 0 {
			sym[left.next].prev = at
			if rank, ok := m.rules[pair(left.id, sym[left.next].id)]; ok {
				s.push(rank, at)
			}
		}
		if left.prev >= 0 {
			if rank, ok := m.rules[pair(sym[left.prev].id, left.id)]; ok {
				s.push(rank, left.prev)
			}
		}
	}
	for i := range sym {
		if sym[i].id >= 0 {
			ids = append(ids, sym[i].id)
		}
	}
	if s.symbols = sym; cap(sym) > 1<<20 { // don't keep the buffers of one huge word
		s.symbols, s.queue = nil, nil
	}
	return ids
}

func (s *scratch) push(rank, at int32) {
	q := append(s.queue, uint64(uint32(rank))<<32|uint64(uint32(at)))
	i := len(q) - 1
	for i > 0 && q[(i-1)/2] > q[i] {
		q[(i-1)/2], q[i] = q[i], q[(i-1)/2]
		i = (i - 1) / 2
	}
	s.queue = q
}

func (s *scratch) pop() (rank, at int32) {
	q := s.queue
	top := q[0]
	n := len(q) - 1
	q[0] = q[n]
	q = q[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && q[c+1] < q[c] {
			c++
		}
		if q[i] <= q[c] {
			break
		}
		q[i], q[c] = q[c], q[i]
		i = c
	}
	s.queue = q
	return int32(top >> 32), int32(uint32(top))
}

// cache remembers the ids of short words.
type cache struct {
	mu sync.RWMutex
	m  map[string][]int32
}

func (c *cache) get(word string) ([]int32, bool) {
	if len(word) > maxCached {
		return nil, false
	}
	c.mu.RLock()
	ids, ok := c.m[word]
	c.mu.RUnlock()
	return ids, ok
}

func (c *cache) put(word string, ids []int32) {
	if len(word) > maxCached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxCache {
		c.m = make(map[string][]int32)
	}
	c.m[strings.Clone(word)] = append([]int32(nil), ids...)
}
