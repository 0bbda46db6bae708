package ss58

import (
	"encoding/binary"
	"slices"
)

// alphabet leaves out 0, O, I and l, which are easily mistaken for one another.
const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// digits is the inverse of alphabet, 255 for other bytes.
var digits = func() (d [256]byte) {
	for i := range d {
		d[i] = 255
	}
	for i := range len(alphabet) {
		d[alphabet[i]] = byte(i)
	}
	return d
}()

// group is the number of digits that are worked on at once, and limit is 58 to that power, just below 2^32.
const (
	group = 5
	limit = 58 * 58 * 58 * 58 * 58
)

// limbs is the number of 32-bit words that an address needs; longer numbers get them from the heap.
const limbs = 9

// encodeBase58 writes the bytes as one big-endian number to base 58, and each leading zero byte as a 1.
func encodeBase58(raw []byte) string {
	zeros := 0
	for zeros < len(raw) && raw[zeros] == 0 {
		zeros++
	}
	var space [limbs]uint32
	words := space[:0] // big-endian
	if n := (len(raw) - zeros + 3) / 4; n <= limbs {
		words = words[:n]
	} else {
		words = make([]uint32, n)
	}
	for i := range len(raw) - zeros {
		words[len(words)-1-i/4] |= uint32(raw[len(raw)-1-i]) << (i % 4 * 8)
	}
	var text [64]byte
	digits := text[:0] // little-endian
	for len(words) > 0 {
		rest := uint64(0)
		for i, w := range words {
			rest = rest<<32 | uint64(w)
			words[i] = uint32(rest / limit)
			rest %= limit
		}
		for len(words) > 0 && words[0] == 0 {
			words = words[1:]
		}
		for i := 0; i < group && (rest > 0 || len(words) > 0); i++ {
			digits = append(digits, alphabet[rest%58])
			rest /= 58
		}
	}
	for range zeros {
		digits = append(digits, alphabet[0])
	}
	slices.Reverse(digits)
	return string(digits)
}

// decodeBase58 is the inverse of encodeBase58. bad is the place of the first byte outside the alphabet, -1 if there is none. The time
// is quadratic: callers bound the length.
func decodeBase58(text string) (raw []byte, bad int) {
	zeros := 0
	for zeros < len(text) && text[zeros] == alphabet[0] {
		zeros++
	}
	var space [limbs]uint32
	words := space[:0] // little-endian
	for i := zeros; i < len(text); {
		value, scale := uint64(0), uint64(1)
		for end := min(i+group, len(text)); i < end; i++ {
			d := digits[text[i]]
			if d == 255 {
				return nil, i
			}
			value, scale = value*58+uint64(d), scale*58
		}
		for j, w := range words {
			value += uint64(w) * scale
			words[j] = uint32(value)
			value >>= 32
		}
		if value > 0 {
			words = append(words, uint32(value))
		}
	}
	raw = make([]byte, zeros+4*len(words))
	for j, w := range words {
		binary.BigEndian.PutUint32(raw[len(raw)-4-4*j:], w)
	}
	// The highest word may begin with zeros that are not of the text.
	extra := 0
	for extra < len(raw)-zeros && raw[zeros+extra] == 0 {
		extra++
	}
	return raw[extra:], -1
}
