package patch

import (
	"encoding/binary"
	"math"
)

// batch is how many numbers of a block are widened at a time: they stay in the innermost cache.
const batch = 512

// block is a sequence of numbers as the payload holds them: of 1 or 2 bytes without sign, or of 4 bytes with sign.
type block struct {
	data  []byte
	width int
}

func (b block) count() int { return len(b.data) / b.width }

// widen writes the numbers from number at on to out.
func (b block) widen(out []int32, at int) {
	switch b.width {
	case 1:
		src := b.data[at:][:len(out)]
		for i := range out {
			out[i] = int32(src[i])
		}
	case 2:
		src := b.data[2*at:][:2*len(out)]
		for i := range out {
			out[i] = int32(binary.LittleEndian.Uint16(src[2*i:]))
		}
	default:
		src := b.data[4*at:][:4*len(out)]
		for i := range out {
			out[i] = int32(binary.LittleEndian.Uint32(src[4*i:]))
		}
	}
}

// kindOf gives the name of a width in the header of version 3.1.
func kindOf(width int) string {
	switch width {
	case 1:
		return "uint8"
	case 2:
		return "uint16"
	}
	return "int32"
}

// widthOf reads the name of a width; every other name means int32.
func widthOf(name string) (width int, known bool) {
	switch name {
	case "uint8":
		return 1, true
	case "uint16":
		return 2, true
	case "int32":
		return 4, true
	}
	return 4, false
}

// add appends a number and widens the block when it doesn't fit: from 1 to 2 to 4 bytes. A width of 4 never changes.
func (b *block) add(n int32) {
	for {
		switch {
		case b.width == 1 && n >= 0 && n <= math.MaxUint8:
			b.data = append(b.data, byte(n))
			return
		case b.width == 2 && n >= 0 && n <= math.MaxUint16:
			b.data = append(b.data, byte(n), byte(n>>8))
			return
		case b.width == 4:
			b.data = binary.LittleEndian.AppendUint32(b.data, uint32(n))
			return
		case b.width == 1 && n >= 0 && n <= math.MaxUint16:
			b.rewiden(2)
		default:
			b.rewiden(4)
		}
	}
}

func (b *block) rewiden(width int) {
	n := b.count()
	wide := block{make([]byte, 0, (n+n/2+64)*width), width}
	var buf [batch]int32
	for at := 0; at < n; at += batch {
		part := buf[:min(batch, n-at)]
		b.widen(part, at)
		for _, v := range part {
			wide.add(v)
		}
	}
	*b = wide
}
