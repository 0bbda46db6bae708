package metadata_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
)

// finney is the metadata of Bittensor's main network at spec version 393, as state_call of Metadata_metadata_at_version gives it.
func finney() []byte {
	f, err := os.Open("../../testdata/vectors/chain/metadata/finney-spec393-v16.scale.gz")
	if err != nil {
		panic(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	blob, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	return blob
}

func ExampleParse() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range rt.Extrinsic.Extensions[4:6] {
		fmt.Println(x.Name)
	}
	fmt.Println("epochs with state:", rt.Has("SubtensorModule", "SubnetEpochIndex"))
	// Output:
	// CheckMortality
	// CheckNonce
	// epochs with state: false
}

// The registration check: which uid has a hotkey on a subnet?
func ExampleRuntime_StorageKey() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	hotkey := [32]byte(bytes.Repeat([]byte{1}, 32))
	key, err := rt.StorageKey("SubtensorModule", "Uids", uint16(1), hotkey)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hex.EncodeToString(key[32:52]))

	var uid uint16
	err = rt.UnmarshalStorage("SubtensorModule", "Uids", []byte{7, 0}, &uid) // the node's answer
	fmt.Println(uid, err)
	err = rt.UnmarshalStorage("SubtensorModule", "Uids", nil, &uid) // null: nothing there
	fmt.Println(errors.Is(err, metadata.ErrAbsent))
	// Output:
	// 0100c035f853fcd0f0589e30c9e2dc1a0f570101
	// 7 <nil>
	// true
}

// Weights, signed by whatever holds the key.
func ExampleRuntime_SignedExtrinsic() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	call, err := rt.Call("SubtensorModule", "set_weights", uint16(1), []uint16{0, 1}, []uint16{65535, 100}, uint64(0))
	if err != nil {
		fmt.Println(err)
		return
	}
	head := uint64(9_101_266)
	era := metadata.MortalEra(128, head)
	raw, err := rt.SignedExtrinsic(metadata.Transaction{
		Call: call, Era: era, EraBlockHash: [32]byte{1}, // the hash of block era.Birth(head)
		Nonce: 3, SpecVersion: 393, TransactionVersion: 1, Genesis: [32]byte{2},
	}, sr25519.NewKeypair([32]byte{9}))
	if err != nil {
		fmt.Println(err)
		return
	}
	x, err := rt.DecodeExtrinsic(raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(raw), x.Call.Pallet, x.Call.Name, x.Call.Args.Get("weights"), x.Nonce, x.Era.Birth(head))
	// Output: 128 SubtensorModule set_weights [65535 100] 3 9101266
}

// What a neuron's axon is, into a struct of one's own. Fields that it doesn't have are skipped.
func ExampleRuntime_Unmarshal() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	item, err := rt.Item("SubtensorModule", "Axons")
	if err != nil {
		fmt.Println(err)
		return
	}
	var axon struct {
		IP     uint64
		Port   uint16
		IPType uint8
	}
	raw, _ := hex.DecodeString("0400000000000000" + "21838900" + "04030201000000000000000000000000" + "9b1f" + "04040000")
	err = rt.Unmarshal(item.Value, raw, &axon)
	fmt.Printf("%x %d %d %v\n", axon.IP, axon.Port, axon.IPType, err)
	// Output: 1020304 8091 4 <nil>
}

// Why a transaction failed, in the runtime's words.
func ExampleRuntime_Outcome() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	events, err := rt.DecodeEvents([]byte{
		4,             // one event
		0, 2, 0, 0, 0, // while extrinsic 2 ran
		0, 1, // System.ExtrinsicFailed
		3, 7, 4, 0, 0, 0, // error 4 of pallet 7
		0, 0, 0, 0, // weight, class, fee
		0, // no topics
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = rt.Outcome(events, 2)
	var failure *metadata.DispatchError
	if errors.As(err, &failure) {
		fmt.Println(failure.Name)
	}
	// Output: HotKeyNotRegisteredInSubNet
}

func ExampleRuntime_DescribeAPI() {
	rt, err := metadata.Parse(finney())
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := rt.Method("AccountNonceApi", "account_nonce")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rt.Describe(m.Inputs[0].Type, 3), "->", rt.Describe(m.Output, 3))
	err = rt.DescribeAPI("MyApi", "best", "(netuid: u16) -> Option<{uid: Compact<u16>, score: u64}>")
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := rt.DecodeAPI("MyApi", "best", []byte{1, 28, 9, 0, 0, 0, 0, 0, 0, 0})
	fmt.Println(v, err)
	// Output:
	// [u8; 32] -> u32
	// [{uid 7} {score 9}] <nil>
}

func ExampleHeader_Hash() {
	h := metadata.Header{Number: 6, Logs: [][]byte{{6, 'a', 'u', 'r', 'a', 4, 1}}}
	fmt.Println(len(h.Encode()), hex.EncodeToString(h.Parent[:4]))
	// Output: 105 00000000
}
