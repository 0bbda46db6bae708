package metadata

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Era says in which blocks a transaction may be included. The zero Era is immortal: in any, for ever.
type Era struct {
	// Period is a power of two from 4 to 65,536: the blocks for which the transaction is valid. 0 stands for immortal.
	Period uint64
	// Phase is the first of these blocks modulo the period.
	Phase uint64
}

// MortalEra returns the era of about period blocks that begins at or shortly before the block current. The period is rounded up to a power of two
// within 4 to 65,536. What is signed must name the hash of the block Birth(current). Spec section 7.
func MortalEra(period, current uint64) Era {
	period = min(max(period, 4), 1<<16)
	period = 1 << bits.Len64(period-1)
	q := max(1, period>>12)
	return Era{Period: period, Phase: current % period / q * q}
}

// Birth returns the number of the block at which the era that holds at the block current began.
func (e Era) Birth(current uint64) uint64 {
	if e.Period == 0 {
		return 0
	}
	return (max(current, e.Phase)-e.Phase)/e.Period*e.Period + e.Phase
}

// Death returns the number of the first block in which the transaction is not valid any more, the greatest number for an immortal one.
func (e Era) Death(current uint64) uint64 {
	if e.Period == 0 {
		return 1<<64 - 1
	}
	return e.Birth(current) + e.Period
}

// Append appends the era as it is sent: 00, or two bytes.
func (e Era) Append(b []byte) []byte {
	if e.Period == 0 {
		return append(b, 0)
	}
	q := max(1, e.Period>>12)
	v := min(max(uint64(bits.TrailingZeros64(e.Period)), 2)-1, 15) | e.Phase/q<<4
	return binary.LittleEndian.AppendUint16(b, uint16(v))
}

// DecodeEra reads an era of one or two bytes.
func DecodeEra(b []byte) (Era, error) {
	if len(b) == 1 && b[0] == 0 {
		return Era{}, nil
	}
	if len(b) != 2 || b[0] == 0 {
		return Era{}, fmt.Errorf("couldn't decode era of %d bytes: %w", len(b), ErrType)
	}
	v := uint64(binary.LittleEndian.Uint16(b))
	period := uint64(2) << (v & 15)
	phase := v >> 4 * max(1, period>>12)
	if period < 4 || phase >= period {
		return Era{}, fmt.Errorf("couldn't decode era %x: it begins after its end: %w", b, ErrType)
	}
	return Era{Period: period, Phase: phase}, nil
}
