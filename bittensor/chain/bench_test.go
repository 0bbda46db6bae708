package chain_test

import (
	"encoding/hex"
	"testing"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/chain/rpc"
	"github.com/nanteos/nanteos/bittensor/metadata"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// BenchmarkMetagraph decodes the recorded answer of 1,024 neurons into what Metagraph is made of, hex text first. What a node and a line need
// is not in it.
func BenchmarkMetagraph(b *testing.B) {
	rt, err := metadata.Parse(vectortest.Open(b, "chain/metadata/finney-spec343-v15.scale"))
	if err != nil {
		b.Fatal(err)
	}
	text := hex.EncodeToString(vectortest.Open(b, "chain/rpc/finney343-selective_mechagraph-netuid1.scale"))
	var col *chain.Columns
	b.SetBytes(int64(len(text) / 2))
	b.ReportAllocs()
	for b.Loop() {
		raw, err := hex.DecodeString(text)
		if err != nil {
			b.Fatal(err)
		}
		col = nil
		if err := rt.UnmarshalAPI("SubnetInfoRuntimeApi", "get_selective_mechagraph", raw, &col); err != nil || len(chain.Neurons(col)) != 1024 {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead measures a read through all layers, on a node in memory that answers at once but for the machine.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b, 1)
	n := w.node("a")
	n.prompt = true
	w.step(0)
	c, ctx := dial(b, chain.Config{Network: n.url(), Socket: rpc.Options{Dial: w.dialer()}})
	v := must(c.Best(ctx))(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Timestamp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
