package windowfile

import (
	"encoding/binary"
	"unicode/utf8"
)

// readDelta decodes DELTA_BINARY_PACKED: a first value, then blocks of differences, each block with a smallest difference and
// miniblocks of its own bit width. It returns count values and the number of bytes used.
func readDelta(b []byte, count int) ([]int64, int, error) {
	pos := 0
	uvarint := func() (uint64, bool) {
		v, n := binary.Uvarint(b[pos:])
		if n <= 0 {
			return 0, false
		}
		pos += n
		return v, true
	}
	block, ok1 := uvarint()
	minis, ok2 := uvarint()
	total, ok3 := uvarint()
	first, ok4 := uvarint()
	if !ok1 || !ok2 || !ok3 || !ok4 || minis == 0 || block == 0 || block > 1<<20 || minis > block || block%minis != 0 {
		return nil, 0, errShort
	}
	per := int(block / minis)
	if per%8 != 0 || total != uint64(count) {
		return nil, 0, errShort
	}
	out := make([]int64, 0, count)
	if count == 0 {
		return out, pos, nil
	}
	last := int64(first>>1) ^ -int64(first&1)
	out = append(out, last)
	for len(out) < count {
		m, ok := uvarint()
		if !ok || uint64(len(b)-pos) < minis {
			return nil, 0, errShort
		}
		least := int64(m>>1) ^ -int64(m&1)
		widths := b[pos : pos+int(minis)]
		pos += int(minis)
		for _, w := range widths {
			if len(out) == count {
				break // miniblocks without values have no data
			}
			size := per / 8 * int(w)
			if w > 64 || size > len(b)-pos {
				return nil, 0, errShort
			}
			data := b[pos : pos+size]
			pos += size
			for i := 0; i < per && len(out) < count; i++ {
				last += least + int64(bitsAt(data, i*int(w), int(w)))
				out = append(out, last)
			}
		}
	}
	return out, pos, nil
}

// bitsAt reads w bits (0 to 64) at a bit offset, least significant first.
func bitsAt(b []byte, at, w int) uint64 {
	var v uint64
	for got := 0; got < w; {
		in := at % 8
		n := min(8-in, w-got)
		v |= uint64(b[at/8]>>in&(1<<n-1)) << got
		got += n
		at += n
	}
	return v
}

// readLengthTexts decodes DELTA_LENGTH_BYTE_ARRAY: the lengths, then all texts joined.
func readLengthTexts(b []byte, count int) ([]string, error) {
	lengths, n, err := readDelta(b, count)
	if err != nil {
		return nil, err
	}
	b = b[n:]
	out := make([]string, count)
	for i, l := range lengths {
		if l < 0 || l > int64(len(b)) {
			return nil, errLength
		}
		if !utf8.Valid(b[:l]) {
			return nil, errText
		}
		out[i] = string(b[:l])
		b = b[l:]
	}
	return out, nil
}

// readDeltaTexts decodes DELTA_BYTE_ARRAY: how much each text shares with the one before, then the rest. A page can ask for far
// more text than it holds, so every text is counted through grow.
func readDeltaTexts(b []byte, count int, grow func(int64) error) ([]string, error) {
	shared, n, err := readDelta(b, count)
	if err != nil {
		return nil, err
	}
	b = b[n:]
	lengths, n, err := readDelta(b, count)
	if err != nil {
		return nil, err
	}
	b = b[n:]
	out := make([]string, count)
	last := ""
	for i, l := range lengths {
		if l < 0 || l > int64(len(b)) || shared[i] < 0 || shared[i] > int64(len(last)) {
			return nil, errLength
		}
		if err := grow(shared[i] + l); err != nil {
			return nil, err
		}
		last = last[:shared[i]] + string(b[:l])
		if !utf8.ValidString(last) {
			return nil, errText
		}
		out[i] = last
		b = b[l:]
	}
	return out, nil
}
