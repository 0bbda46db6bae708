package parquetwire

import "encoding/binary"

// RLE reads the hybrid of runs and bit-packed groups that Parquet uses for levels, dictionary indices and booleans. Runs are
// expanded into the caller's buffer only, whatever length they claim.
type RLE struct {
	b      []byte
	pos    int
	width  uint
	run    uint64 // values left of the present run or group
	packed bool
	value  uint32
	bits   uint // bits of the packed group already read
	group  []byte
}

// NewRLE reads values of a width in bits.
func NewRLE(b []byte, width uint) RLE { return RLE{b: b, width: width} }

// Read fills dst and reports whether there were that many values.
func (r *RLE) Read(dst []uint32) bool {
	for len(dst) > 0 {
		if r.run == 0 && !r.header() {
			return false
		}
		n := len(dst)
		if uint64(n) > r.run {
			n = int(r.run)
		}
		if r.packed {
			r.unpack(dst[:n])
		} else {
			for i := range dst[:n] {
				dst[i] = r.value
			}
		}
		r.run -= uint64(n)
		dst = dst[n:]
	}
	return true
}

func (r *RLE) header() bool {
	h, n := binary.Uvarint(r.b[r.pos:])
	if n <= 0 {
		return false
	}
	r.pos += n
	r.packed = h&1 == 1
	if r.packed {
		groups := h >> 1
		left := uint64(len(r.b) - r.pos)
		if groups == 0 || groups > 1<<31 {
			return false
		}
		size := groups * uint64(r.width)
		values := groups * 8
		if size > left { // the last group may be cut short: values beyond the data are padding
			if r.width == 0 {
				return false
			}
			size = left
			values = left * 8 / uint64(r.width)
		}
		r.group = r.b[r.pos : r.pos+int(size)]
		r.pos += int(size)
		r.bits = 0
		r.run = values
		return values > 0
	}
	r.run = h >> 1
	bytes := int(r.width+7) / 8
	if r.run == 0 || len(r.b)-r.pos < bytes {
		return false
	}
	r.value = 0
	for i := range bytes {
		r.value |= uint32(r.b[r.pos+i]) << (8 * i)
	}
	r.pos += bytes
	return true
}

func (r *RLE) unpack(dst []uint32) {
	w := r.width
	if w == 0 {
		clear(dst)
		return
	}
	mask := uint64(1)<<w - 1
	bit := r.bits
	for i := range dst {
		at := bit / 8
		var word uint64
		if int(at)+8 <= len(r.group) {
			word = binary.LittleEndian.Uint64(r.group[at:])
		} else {
			for j, c := range r.group[at:] {
				word |= uint64(c) << (8 * j)
			}
		}
		dst[i] = uint32(word >> (bit % 8) & mask)
		bit += w
	}
	r.bits = bit
}

// BitWidth is the number of bits that hold values up to max.
func BitWidth(max uint32) uint {
	w := uint(0)
	for ; max > 0; max >>= 1 {
		w++
	}
	return w
}
