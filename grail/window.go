package grail

// Q is the modulus of sketches, the prime 2^31-1.
const Q = 2147483647

// WindowStart returns the first block of the window that block belongs to (section 3.17). Blocks are not negative; for one that is,
// the result rounds towards minus infinity.
func (r Rules) WindowStart(block int64) int64 {
	return block - floorMod(block, r.WindowLength)
}

// ValidationTarget returns the start of the window that a validator checks at block: the last completed one. It is negative while
// no window is complete.
func (r Rules) ValidationTarget(block int64) int64 {
	return r.WindowStart(block) - r.WindowLength
}

// WindowEnd returns the block that ends the window starting at w: the block whose time, with the slack, is the upload deadline and
// whose hash seeds the validator's challenge, unknown until then.
func (r Rules) WindowEnd(w int64) int64 { return w + r.WindowLength }

// floorMod returns a modulo m in [0,m), also for negative a.
func floorMod(a, m int64) int64 {
	v := a % m
	if v < 0 {
		v += m
	}
	return v
}

// floorDiv returns a/m rounded towards minus infinity, m positive.
func floorDiv(a, m int64) int64 { return (a - floorMod(a, m)) / m }
