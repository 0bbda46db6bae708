package ss58

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

// encodeBase58 writes the bytes as one big-endian number to base 58, and each leading zero byte as a 1.
func encodeBase58(raw []byte) string {
	zeros := 0
	for zeros < len(raw) && raw[zeros] == 0 {
		zeros++
	}
	var out []byte // little-endian digits
	for _, b := range raw[zeros:] {
		carry := int(b)
		for i, d := range out {
			carry += int(d) << 8
			out[i] = byte(carry % 58)
			carry /= 58
		}
		for ; carry > 0; carry /= 58 {
			out = append(out, byte(carry%58))
		}
	}
	text := make([]byte, 0, zeros+len(out))
	for range zeros {
		text = append(text, alphabet[0])
	}
	for i := len(out) - 1; i >= 0; i-- {
		text = append(text, alphabet[out[i]])
	}
	return string(text)
}

// decodeBase58 is the inverse of encodeBase58. bad is the place of the first byte outside the alphabet, -1 if there is none. The time
// is quadratic: callers bound the length.
func decodeBase58(text string) (raw []byte, bad int) {
	zeros := 0
	for zeros < len(text) && text[zeros] == alphabet[0] {
		zeros++
	}
	var out []byte // little-endian bytes
	for i := zeros; i < len(text); i++ {
		carry := int(digits[text[i]])
		if carry == 255 {
			return nil, i
		}
		for j, b := range out {
			carry += int(b) * 58
			out[j] = byte(carry)
			carry >>= 8
		}
		for ; carry > 0; carry >>= 8 {
			out = append(out, byte(carry))
		}
	}
	raw = make([]byte, zeros, zeros+len(out))
	for i := len(out) - 1; i >= 0; i-- {
		raw = append(raw, out[i])
	}
	return raw, -1
}
