package windowfile

import "encoding/binary"

// appendRLE encodes values of the given width in the hybrid form: runs of eight or more equal values, groups of eight otherwise.
func appendRLE(dst []byte, values []uint32, width uint) []byte {
	var pending []uint32 // whole groups that go out bit-packed
	flush := func() {
		if len(pending) == 0 {
			return
		}
		groups := (len(pending) + 7) / 8
		dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
		var acc uint64
		var have uint
		for i := range groups * 8 {
			if i < len(pending) {
				acc |= uint64(pending[i]) << have
			}
			for have += width; have >= 8; have -= 8 {
				dst = append(dst, byte(acc))
				acc >>= 8
			}
		}
		pending = pending[:0]
	}
	for i := 0; i < len(values); {
		j := i + 1
		for j < len(values) && values[j] == values[i] {
			j++
		}
		// A run may only start on a full group; values that fill the open group go along with it.
		n := j - i
		if fill := -len(pending) & 7; n-fill >= 8 {
			pending = append(pending, values[i:i+fill]...)
			i += fill
			flush()
			dst = binary.AppendUvarint(dst, uint64(j-i)<<1)
			for b := uint(0); b < width; b += 8 {
				dst = append(dst, byte(values[i]>>b))
			}
		} else {
			pending = append(pending, values[i:j]...)
		}
		i = j
	}
	flush()
	return dst
}
