package metadata_test

import (
	"testing"

	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// BenchmarkParse reads a metadata blob of some 300 kB.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{v14, v15, v16} {
		b.Run(name, func(b *testing.B) {
			blob := vectortest.Open(b, "chain/metadata/"+name+".scale")
			b.SetBytes(int64(len(blob)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := metadata.Parse(blob); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMetagraph decodes a metagraph of 1,024 neurons: into a Go struct of the columns that matter, into values of all columns.
func BenchmarkMetagraph(b *testing.B) {
	set, rt, raw := openMetagraph(b)
	api, method := apiName(b, set.API)
	b.Run("struct", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			var m metagraph
			if err := rt.UnmarshalAPI(api, method, raw, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("dynamic", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.DecodeAPI(api, method, raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkExtrinsic builds a call with 256 weights, and signs it.
func BenchmarkExtrinsic(b *testing.B) {
	rt := runtime(b, v16)
	key := sr25519.NewKeypair([32]byte{1})
	uids, weights := indexes(256), indexes(256)
	build := func(b *testing.B) metadata.Transaction {
		call, err := rt.Call("SubtensorModule", "set_weights", uint16(1), uids, weights, uint64(0))
		if err != nil {
			b.Fatal(err)
		}
		return metadata.Transaction{Call: call, Era: metadata.MortalEra(128, 1000), Nonce: 7, SpecVersion: 393, TransactionVersion: 1}
	}
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tx := build(b)
			if _, err := rt.Payload(tx); err != nil {
				b.Fatal(err)
			}
			if _, err := rt.Assemble(tx, [32]byte{}, [64]byte{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.SignedExtrinsic(build(b), key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		raw, err := rt.SignedExtrinsic(build(b), key)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rt.DecodeExtrinsic(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStorageKey makes the key of the registration check.
func BenchmarkStorageKey(b *testing.B) {
	rt := runtime(b, v16)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.StorageKey("SubtensorModule", "Uids", uint16(1), [32]byte{1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvents decodes the events of a quiet block.
func BenchmarkEvents(b *testing.B) {
	rt := runtime(b, v16)
	raw := unhex(b, localnet(b).Events.Raw)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.DecodeEvents(raw); err != nil {
			b.Fatal(err)
		}
	}
}
