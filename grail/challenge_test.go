package grail

import (
	"encoding/hex"
	"errors"
	"testing"
)

func TestChallengeVectors(t *testing.T) {
	for i, c := range decode[struct {
		Tokens        []int64
		RandomnessHex string `json:"randomness_hex"`
		SeqLen        int    `json:"seq_len"`
		K             int
		TokensSHA256  string `json:"tokens_sha256"`
		MaterialHex   string `json:"material_hex"`
		Branch        string
		Indices       []int
		Error         bool
		Note          string
	}](t, "grail/indices_from_root.json") {
		got, err := ChallengeIndices(c.Tokens, c.RandomnessHex, c.SeqLen, c.K)
		if wantError(t, i, c.Note, err, c.Error) {
			if c.Error && !errors.Is(err, ErrHex) && !errors.Is(err, ErrPosition) {
				t.Errorf("case %d: %v has no sentinel", i, err)
			}
			continue
		}
		hash := HashTokens(c.Tokens)
		compare(t, i, "tokens", hex.EncodeToString(hash[:]), c.TokensSHA256)
		seed, err := challengeSeed(hash, c.RandomnessHex)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, "material", hex.EncodeToString(seed), c.MaterialHex)
		compareLists(t, i, c.Note, got, c.Indices)
		branch := "shuffle"
		if float64(c.K) < 0.1*float64(c.SeqLen) {
			branch = "sample"
		}
		compare(t, i, "branch", branch, c.Branch)
	}
}

func TestChallengeInRangeVectors(t *testing.T) {
	for i, c := range decode[struct {
		Tokens        []int64
		RandomnessHex string `json:"randomness_hex"`
		Start, End, K int
		Indices       []int
		Error         bool
		Note          string
	}](t, "grail/indices_in_range.json") {
		got, err := ChallengeIndicesInRange(c.Tokens, c.RandomnessHex, c.Start, c.End, c.K)
		if !wantError(t, i, c.Note, err, c.Error) {
			compareLists(t, i, c.Note, got, c.Indices)
		}
	}
}

func TestChallengeExamples(t *testing.T) {
	tokens := make([]int32, 40)
	for i := range tokens {
		tokens[i] = int32(i + 1)
	}
	for n, want := range map[int][]int{
		40:  {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 39},
		400: {2, 23, 28, 46, 54, 73, 86, 93, 110, 112, 114, 121, 129, 139, 154, 161, 194, 198, 206, 209, 223, 225, 228, 288, 302, 320, 332, 345, 346, 357, 363, 396},
	} {
		got, err := ChallengeIndices(tokens, r0, n, 32)
		if err != nil {
			t.Fatal(err)
		}
		compareLists(t, n, "", got, want)
	}
}

func TestCompletionDigestVectors(t *testing.T) {
	for i, c := range decode[struct {
		Tokens      []int64
		RolloutMeta struct {
			PromptLength rawValue `json:"prompt_length"`
		} `json:"rollout_meta"`
		Digest *string
		Note   string
	}](t, "grail/completion_digest.json") {
		// What cannot be an integer counts as 0. Files hold integers only.
		var p int64
		if n, err := c.RolloutMeta.PromptLength.v.ToInt(); err == nil && n.IsInt64() {
			p = n.Int64()
		}
		d, ok := CompletionDigest(c.Tokens, p)
		compare(t, i, c.Note, ok, c.Digest != nil)
		if ok && c.Digest != nil {
			compare(t, i, c.Note, hex.EncodeToString(d[:]), *c.Digest)
		}
		commit := Commit{Tokens: make([]int32, len(c.Tokens)), Rollout: Outcome{PromptLength: int32(p)}}
		for k, v := range c.Tokens {
			commit.Tokens[k] = int32(v)
		}
		same, sameOK := commit.CompletionDigest()
		compare(t, i, "of a commit", same, d)
		compare(t, i, "of a commit", sameOK, ok)
	}
}

func TestCompletionSlices(t *testing.T) {
	for _, c := range []struct {
		p    int32
		want int
	}{{0, 5}, {2, 3}, {5, 0}, {6, 0}, {-1, 1}, {-5, 5}, {-99, 5}, {-2147483648, 5}, {2147483647, 0}} {
		commit := Commit{Tokens: make([]int32, 5), Rollout: Outcome{PromptLength: c.p}}
		if got := len(commit.Completion()); got != c.want {
			t.Errorf("prompt length %d: %d completion tokens, want %d", c.p, got, c.want)
		}
	}
}
