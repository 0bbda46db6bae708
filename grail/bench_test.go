package grail

import (
	"math/rand/v2"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
)

func BenchmarkVerifyCommit(b *testing.B) {
	row := testRow(b, sr25519.NewKeypair([32]byte{1}), 0, 0)
	rules := Reference()
	for b.Loop() {
		if err := rules.VerifyCommit(&row.Commit, row.Hotkey); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyRow(b *testing.B) {
	row := testRow(b, sr25519.NewKeypair([32]byte{1}), 0, 0)
	for b.Loop() {
		if err := VerifyRow(&row); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSignatureBatch verifies the two signatures of each of 64 rows.
func BenchmarkSignatureBatch(b *testing.B) {
	key := sr25519.NewKeypair([32]byte{1})
	rules := Reference()
	var batch SignatureBatch
	for i := range 64 {
		row := testRow(b, key, int64(i/16), int32(i%16))
		batch.AddRow(&row)
		batch.AddCommit(rules, &row.Commit, row.Hotkey)
	}
	rounds := 0
	for b.Loop() {
		rounds++
		for _, err := range batch.Verify() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*128), "ns/signature")
}

func BenchmarkChallengeIndices(b *testing.B) {
	tokens := make([]int32, 2048)
	for b.Loop() {
		if _, err := ChallengeIndicesInRange(tokens, r0, 256, 2048, 32); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSketches sketches 512 positions of 2560 dimensions.
func BenchmarkSketches(b *testing.B) {
	const positions, dim = 512, 2560
	r := rand.New(rand.NewPCG(1, 2))
	hidden := make([]float32, positions*dim)
	for i := range hidden {
		hidden[i] = float32(r.NormFloat64() * 3)
	}
	c, err := NewCoefficients(r0)
	if err != nil {
		b.Fatal(err)
	}
	out := make([]int64, positions)
	b.SetBytes(4 * positions * dim)
	for b.Loop() {
		if err := Sketches(out, hidden, dim, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitmentsHash(b *testing.B) {
	c := NewCommitments(make([]int64, 2048))
	for b.Loop() {
		c.Hash()
	}
}
