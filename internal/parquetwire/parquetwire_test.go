package parquetwire

import (
	"slices"
	"testing"
)

func TestRLE(t *testing.T) {
	// A run of five threes, then one group of eight bit-packed values of two bits.
	b := []byte{5 << 1, 3, 1<<1 | 1, 0b11_10_01_00, 0b00_01_10_11}
	r := NewRLE(b, 2)
	got := make([]uint32, 13)
	if !r.Read(got) || !slices.Equal(got, []uint32{3, 3, 3, 3, 3, 0, 1, 2, 3, 3, 2, 1, 0}) {
		t.Errorf("got %v", got)
	}
	if r.Read(got[:1]) {
		t.Error("more is read than is there")
	}
	for max, want := range map[uint32]uint{0: 0, 1: 1, 3: 2, 4: 3, 255: 8} {
		if got := BitWidth(max); got != want {
			t.Errorf("values up to %d take %d bits, want %d", max, got, want)
		}
	}
}

func TestWire(t *testing.T) {
	// Field 1: i32 -1, field 3: the text "ab", field 4: a list of two i32, 1 and 2.
	w := NewWire([]byte{0x15, 0x01, 0x28, 2, 'a', 'b', 0x19, 0x25, 2, 4, 0})
	var number int32
	var text string
	var list []int32
	w.Fields(func(id int, typ byte) {
		switch id {
		case 1:
			number = w.I32()
		case 3:
			text = string(w.Binary())
		case 4:
			w.Each(TI32, func() { list = append(list, w.I32()) })
		default:
			w.Skip(typ)
		}
	})
	if !w.OK() || number != -1 || text != "ab" || !slices.Equal(list, []int32{1, 2}) {
		t.Errorf("got %d, %q, %v; fault %q", number, text, list, w.Fault)
	}
}

func FuzzWire(f *testing.F) {
	f.Add([]byte{0x15, 0x01, 0x28, 2, 'a', 'b', 0x19, 0x25, 2, 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := NewWire(b)
		w.Skip(TStruct)
		if w.Pos > len(b) {
			t.Errorf("read to %d of %d bytes", w.Pos, len(b))
		}
		r := NewRLE(b, uint(len(b)%32))
		r.Read(make([]uint32, 100))
	})
}
