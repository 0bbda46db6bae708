package timelock

import "encoding/binary"

// maxPart bounds every byte string that this package reads, in bytes.
const maxPart = MaxPlaintext + Overhead

// appendBytes appends b as SCALE writes bytes: a compact length, then the bytes.
func appendBytes(dst, b []byte) []byte {
	switch n := uint32(len(b)); {
	case n < 1<<6:
		dst = append(dst, byte(n<<2))
	case n < 1<<14:
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n<<2|1))
	default: // maxPart is below 2^30
		dst = binary.LittleEndian.AppendUint32(dst, n<<2|2)
	}
	return append(dst, b...)
}

// cutBytes reads what appendBytes writes and returns it with what follows. Lengths above maxPart, beyond the input or in a longer form than
// necessary are refused.
func cutBytes(b []byte) (part, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	var n uint32
	var size int
	switch b[0] & 3 {
	case 0:
		n, size = uint32(b[0])>>2, 1
	case 1:
		if len(b) < 2 {
			return nil, nil, false
		}
		if n, size = uint32(binary.LittleEndian.Uint16(b))>>2, 2; n < 1<<6 {
			return nil, nil, false
		}
	case 2:
		if len(b) < 4 {
			return nil, nil, false
		}
		if n, size = binary.LittleEndian.Uint32(b)>>2, 4; n < 1<<14 {
			return nil, nil, false
		}
	default:
		return nil, nil, false
	}
	if b = b[size:]; int(n) > min(maxPart, len(b)) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
