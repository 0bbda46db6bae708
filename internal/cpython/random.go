package cpython

import (
	"crypto/sha512"
	"math/big"
	"math/bits"
	"sort"
)

const (
	mtSize = 624
	mtMid  = 397
)

// Rand is CPython's random.Random: MT19937 with the seeding and the derived draws of version 3.12.
// It is not safe for use by several goroutines. A copy goes on independently from the same state.
type Rand struct {
	state [mtSize]uint32
	next  int // index of the next word; mtSize when the state has to be renewed
}

// NewRandFromBytes seeds like random.Random(b) for bytes b: the key is the big-endian integer b ‖ SHA-512(b).
func NewRandFromBytes(seed []byte) *Rand {
	digest := sha512.Sum512(seed)
	n := new(big.Int).SetBytes(append(append(make([]byte, 0, len(seed)+len(digest)), seed...), digest[:]...))
	return NewRandFromInt(n)
}

// NewRandFromUint64 seeds like random.Random(n).
func NewRandFromUint64(n uint64) *Rand {
	r := new(Rand)
	if hi := uint32(n >> 32); hi != 0 {
		r.initByArray([]uint32{uint32(n), hi})
	} else {
		r.initByArray([]uint32{uint32(n)})
	}
	return r
}

// NewRandFromInt seeds like random.Random(n). As in Python the sign is ignored: n and -n give the same sequence.
func NewRandFromInt(n *big.Int) *Rand {
	b := n.Bytes() // big-endian magnitude
	key := make([]uint32, 0, len(b)/4+1)
	for end := len(b); end > 0; end -= 4 {
		var w uint32
		for _, c := range b[max(0, end-4):end] {
			w = w<<8 | uint32(c)
		}
		key = append(key, w)
	}
	if len(key) == 0 {
		key = append(key, 0)
	}
	r := new(Rand)
	r.initByArray(key)
	return r
}

// NewRandLegacy seeds like numpy.random.RandomState(seed), whose raw words are those of MT19937 too.
func NewRandLegacy(seed uint32) *Rand {
	r := new(Rand)
	r.initGenrand(seed)
	return r
}

// PermutationLegacy is numpy.random.RandomState.permutation(n): indices are drawn by masking words and trying again.
func (r *Rand) PermutationLegacy(n int) []int {
	out := make([]int, max(n, 0))
	for i := range out {
		out[i] = i
	}
	for i := n - 1; i > 0; i-- {
		mask := uint32(1)<<bits.Len32(uint32(i)) - 1
		j := r.Uint32() & mask
		for j > uint32(i) {
			j = r.Uint32() & mask
		}
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// initGenrand is init_genrand of the MT19937 authors.
func (r *Rand) initGenrand(seed uint32) {
	mt := &r.state
	mt[0] = seed
	for i := 1; i < mtSize; i++ {
		mt[i] = 1812433253*(mt[i-1]^(mt[i-1]>>30)) + uint32(i)
	}
	r.next = mtSize
}

// initByArray is init_by_array of the MT19937 authors; key is not empty.
func (r *Rand) initByArray(key []uint32) {
	r.initGenrand(19650218)
	mt := &r.state
	i, j := 1, 0
	for range max(mtSize, len(key)) {
		mt[i] = (mt[i] ^ ((mt[i-1] ^ (mt[i-1] >> 30)) * 1664525)) + key[j] + uint32(j)
		if i++; i >= mtSize {
			mt[0] = mt[mtSize-1]
			i = 1
		}
		if j++; j >= len(key) {
			j = 0
		}
	}
	for range mtSize - 1 {
		mt[i] = (mt[i] ^ ((mt[i-1] ^ (mt[i-1] >> 30)) * 1566083941)) - uint32(i)
		if i++; i >= mtSize {
			mt[0] = mt[mtSize-1]
			i = 1
		}
	}
	mt[0] = 0x80000000
	r.next = mtSize
}

func (r *Rand) renew() {
	mt := &r.state
	for i := range mtSize {
		y := mt[i]&0x80000000 | mt[(i+1)%mtSize]&0x7fffffff
		w := mt[(i+mtMid)%mtSize] ^ y>>1
		if y&1 != 0 {
			w ^= 0x9908b0df
		}
		mt[i] = w
	}
	r.next = 0
}

// Uint32 returns the next tempered word.
func (r *Rand) Uint32() uint32 {
	if r.next >= mtSize {
		r.renew()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// Float64 returns random(): 53 random bits in [0, 1), drawn as two words.
func (r *Rand) Float64() float64 {
	a, b := r.Uint32()>>5, r.Uint32()>>6
	return float64(uint64(a)<<26|uint64(b)) / (1 << 53)
}

// GetRandBits returns getrandbits(k) for 0 <= k <= 64; other k give what the nearest of them gives. GetRandBits(0) is 0 and draws nothing.
func (r *Rand) GetRandBits(k int) uint64 {
	k = min(k, 64)
	switch {
	case k <= 0:
		return 0
	case k <= 32:
		return uint64(r.Uint32() >> (32 - k))
	}
	lo := uint64(r.Uint32())
	return lo | uint64(r.Uint32()>>(64-k))<<32
}

// GetRandBitsBig returns getrandbits(k) for any k >= 0, least significant words drawn first.
func (r *Rand) GetRandBitsBig(k int) *big.Int {
	n, w := new(big.Int), new(big.Int)
	for shift := 0; shift < k; shift += 32 {
		w.SetUint64(r.GetRandBits(min(32, k-shift)))
		n.Or(n, w.Lsh(w, uint(shift)))
	}
	return n
}

// Below returns a uniform integer in [0, n), the draw behind choice, randint, shuffle and sample. It draws as many bits as n (not n-1) has and repeats
// while the result is too large. For n <= 0, where Python raises, it returns 0 and draws nothing.
func (r *Rand) Below(n int) int {
	if n <= 0 {
		return 0
	}
	k := bits.Len64(uint64(n))
	for {
		if v := r.GetRandBits(k); v < uint64(n) {
			return int(v)
		}
	}
}

// RandInt returns randint(a, b): a uniform integer in [a, b], both ends included. It returns a when b < a, where Python raises.
func (r *Rand) RandInt(a, b int) int { return a + r.Below(b-a+1) }

// Shuffle permutes n elements as shuffle does, through swap.
func (r *Rand) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i >= 1; i-- {
		swap(i, r.Below(i+1))
	}
}

// Sample returns sample(range(n), k) in draw order: k distinct integers in [0, n). It returns nil when k < 0 or k > n, where Python raises.
func (r *Rand) Sample(n, k int) []int {
	if k < 0 || k > n {
		return nil
	}
	setSize := 21 // from here on Python remembers what it drew instead of copying the population
	if k > 5 {
		p := 1
		for p < 3*k {
			p *= 4
		}
		setSize += p
	}
	out := make([]int, k)
	if n <= setSize {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range out {
			j := r.Below(n - i)
			out[i] = pool[j]
			pool[j] = pool[n-i-1]
		}
		return out
	}
	seen := make(map[int]struct{}, k)
	for i := range out {
		j := r.Below(n)
		for _, dup := seen[j]; dup; _, dup = seen[j] {
			j = r.Below(n)
		}
		seen[j] = struct{}{}
		out[i] = j
	}
	return out
}

// Choices returns choices(range(len(weights)), weights, k=k): k indices drawn with replacement. Running sums are plain additions.
// It returns nil when the weights have no positive finite total, where Python raises.
func (r *Rand) Choices(weights []float64, k int) []int {
	cumulative := make([]float64, len(weights))
	total := 0.0
	for i, w := range weights {
		if i == 0 {
			total = w
		} else {
			total += w
		}
		cumulative[i] = total
	}
	total += 0.0
	if len(weights) == 0 || k < 0 || !(total > 0) || total > maxFinite {
		return nil
	}
	out := make([]int, k)
	for i := range out {
		x := r.Float64() * total
		out[i] = sort.Search(len(cumulative)-1, func(j int) bool { return x < cumulative[j] })
	}
	return out
}
