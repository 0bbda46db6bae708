package scale_test

import (
	"fmt"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// A structure is read field by field; the error is asked for once.
func ExampleReader() {
	raw := []byte{0x01, 0x00, 0x08, 0x0a, 0x00, 0x0b, 0x00, 0x01, 0x2a}
	r := scale.NewReader(raw)
	netuid := r.U16()
	uids := r.U16s()
	var version uint64
	if r.Option() {
		version = uint64(r.U8())
	}
	if err := r.End(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(netuid, uids, version)
	// Output: 1 [10 11] 42
}

// A count that promises more than there is fails before anything is allocated.
func ExampleReader_Count() {
	r := scale.NewReader([]byte{0xfe, 0xff, 0xff, 0xff, 1, 2, 3})
	fmt.Println(r.Count(32), r.Err())
	// Output: 0 couldn't read vector at byte 0: input ends within a value
}

func ExampleWriter() {
	var w scale.Writer
	w.U16(1)
	w.Compact(1_000_000_000)
	w.Text("apex")
	fmt.Printf("%x\n", []byte(w))
	// Output: 010002286bee1061706578
}

func ExampleAppendCompact() {
	for _, v := range []uint64{0, 63, 64, 16384, 1 << 30} {
		fmt.Printf("%x ", scale.AppendCompact(nil, v))
	}
	// Output: 00 fc 0101 02000100 0300000040
}
