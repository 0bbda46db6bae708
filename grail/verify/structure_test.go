package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/vectortest"
)

type fileVector struct {
	Wallet      string
	WindowStart int64 `json:"window_start"`
	Inferences  []json.RawMessage
}

func (f *fileVector) meta() windowfile.Metadata {
	return windowfile.Metadata{Wallet: f.Wallet, WindowStart: f.WindowStart}
}

// structureReason runs the whole-file check.
func structureReason(t *testing.T, f *fileVector, hotkey string, window int64, hash string) string {
	t.Helper()
	rows, ok := rowsFrom(t, f.Inferences)
	if !ok {
		t.Fatal("a row has no typed form")
	}
	s := NewStructure(grail.Reference(), Window{Miner: hotkey, Start: window, Hash: hash}, f.meta())
	for i := range rows {
		s.Add(&rows[i])
	}
	reason, detail := s.Finish()
	if (reason == "") != (detail == "") {
		t.Errorf("reason %q with detail %q", reason, detail)
	}
	return reason
}

func TestFileStructureVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			File       fileVector
			Hotkey     string
			Window     int64
			WindowHash string `json:"window_hash"`
			Valid      bool
			Reason     *string
			Note       string
		}
	}
	vectortest.Decode(t, "grail/file_structure.json", &g)
	for _, c := range g.Cases {
		want := ""
		if c.Reason != nil {
			want = *c.Reason
		}
		if got := structureReason(t, &c.File, c.Hotkey, c.Window, c.WindowHash); got != want || (got == "") != c.Valid {
			t.Errorf("%s: reason %q, want %q", c.Note, got, want)
		}
	}
	vectortest.Count(t, "grail/file_structure.json", len(g.Cases))
	var v struct {
		About string
		Cases []struct {
			Name       string
			Hotkey     string
			Window     int64
			WindowHash string `json:"window_hash"`
			File       fileVector
			Expect     struct {
				Valid  bool
				Reason string
			}
		}
	}
	vectortest.Decode(t, "validator/file_structure.json", &v)
	for _, c := range v.Cases {
		if got := structureReason(t, &c.File, c.Hotkey, c.Window, c.WindowHash); got != c.Expect.Reason || (got == "") != c.Expect.Valid {
			t.Errorf("%s: reason %q, want %q", c.Name, got, c.Expect.Reason)
		}
	}
	vectortest.Count(t, "validator/file_structure.json", len(v.Cases))
}

func TestHardenedStructure(t *testing.T) {
	w := Window{Miner: "m", Start: 30, Hash: "0xab"}
	meta := windowfile.Metadata{Wallet: "m", WindowStart: 30}
	check := func(r grail.Rules, groups ...int64) string {
		s := NewStructure(r, w, meta)
		nonce := int64(0)
		for _, g := range groups {
			for range r.GroupSize {
				s.Add(&grail.Row{WindowStart: 30, BlockHash: "0xab", Nonce: nonce, RolloutGroup: g})
				nonce++
			}
		}
		reason, _ := s.Finish()
		return reason
	}
	for _, c := range []struct {
		groups              []int64
		reference, hardened string
	}{
		{[]int64{0, 5, 9}, "", ""},
		{[]int64{0, -1}, "", ReasonGroupRange},
		{[]int64{1 << 16}, "", ReasonGroupRange},
		{[]int64{1<<16 - 1}, "", ""},
	} {
		if got := check(grail.Reference(), c.groups...); got != c.reference {
			t.Errorf("groups %v under reference rules: %q, want %q", c.groups, got, c.reference)
		}
		if got := check(grail.Hardened(), c.groups...); got != c.hardened {
			t.Errorf("groups %v under hardened rules: %q, want %q", c.groups, got, c.hardened)
		}
	}
	small := grail.Hardened()
	small.MaxFileRows = 16
	if got := check(small, 0, 1); got != ReasonRows {
		t.Errorf("too many rows: %q, want %q", got, ReasonRows)
	}
}

func TestGroupSamplingVectors(t *testing.T) {
	var g struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Hotkey               string
			WindowRand           string `json:"window_rand"`
			Inferences           []json.RawMessage
			SameInferencesAsCase *int              `json:"same_inferences_as_case"`
			GroupDigests         map[string]string `json:"group_digests"`
			FirstCommitCanonical string            `json:"first_commit_canonical"`
			Indices              []int64
			GroupsTotal          int `json:"groups_total"`
		}
	}
	vectortest.Decode(t, "grail/group_sampling.json", &g)
	r := grail.Reference()
	for i, c := range g.Cases {
		list := c.Inferences
		if c.SameInferencesAsCase != nil {
			list = g.Cases[*c.SameInferencesAsCase].Inferences
		}
		rows, ok := rowsFrom(t, list)
		if !ok {
			t.Fatalf("case %d: a row has no typed form", i)
		}
		s := NewSampler(grail.SampleByDigest)
		for j := range rows {
			s.Add(&rows[j])
		}
		if got := string(rows[0].AppendCommit(nil)); got != c.FirstCommitCanonical && c.FirstCommitCanonical != "" {
			t.Errorf("case %d: first commit\n%s\nwant\n%s", i, got, c.FirstCommitCanonical)
		}
		for k, want := range c.GroupDigests {
			n, err := strconv.ParseInt(k, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if d := s.Digest(n); hex.EncodeToString(d[:]) != want {
				t.Errorf("case %d: digest of group %d is %x, want %s", i, n, d, want)
			}
		}
		if got := s.Draw(r, c.Hotkey, c.WindowRand); !slices.Equal(got, c.Indices) {
			t.Errorf("case %d: rows %v, want %v", i, got, c.Indices)
		}
		if len(s.groups) != c.GroupsTotal {
			t.Errorf("case %d: %d groups, want %d", i, len(s.groups), c.GroupsTotal)
		}
	}
	vectortest.Count(t, "grail/group_sampling.json", len(g.Cases))

	var v struct {
		About string
		Cases []struct {
			Hotkey       string
			WindowRand   string            `json:"window_rand"`
			RolloutGroup []json.RawMessage `json:"rollout_group"`
			Commits      []json.RawMessage
			Indices      []int64        `json:"expect_indices"`
			FirstSeen    map[string]int `json:"expect_first_seen_order"`
			Canonical    []string       `json:"commit_canonical_json_first_3"`
			SHA256       []string       `json:"commit_sha256_first_3"`
		}
		GroupCounts []struct {
			Groups   int
			Checked  int `json:"expect_groups_checked"`
			Rollouts int `json:"expect_rollouts_checked"`
		} `json:"group_counts"`
	}
	vectortest.Decode(t, "validator/group_sampling.json", &v)
	typed := 0
	for i, c := range v.Cases {
		s := NewSampler(grail.SampleByDigest)
		for j, commit := range c.Commits {
			value := jsonValue(t, commit)
			canonical := value.AppendCompactSorted(nil)
			if j < len(c.Canonical) && string(canonical) != c.Canonical[j] {
				t.Errorf("case %d row %d: canonical JSON\n%s\nwant\n%s", i, j, canonical, c.Canonical[j])
			}
			row, ok := rowFrom(t, jsonValue(t, slices.Concat([]byte(`{"commit":`), commit, []byte(`}`))))
			group, err := strconv.ParseInt(string(c.RolloutGroup[j]), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			row.RolloutGroup = group
			// Where the typed row says the same as the JSON, it goes the usual way; a commit that lacks keys can't, and has its digest put in.
			if ok && string(row.AppendCommit(nil)) == string(canonical) {
				typed++
				s.Add(&row)
				continue
			}
			s.addNumber(&row)
			d := sha256.Sum256(canonical)
			s.groups[group].commit = append(s.groups[group].commit, d[:]...)
		}
		if got := s.Draw(r, c.Hotkey, c.WindowRand); !slices.Equal(got, c.Indices) {
			t.Errorf("case %d: rows %v, want %v", i, got, c.Indices)
		}
	}
	if typed == 0 {
		t.Error("no commit went through a typed row")
	}
	for _, c := range v.GroupCounts {
		n := c.Groups
		if c.Groups*r.GroupSize > r.CheckAllRows {
			n = GroupsToCheck(r, c.Groups)
		}
		if n != c.Checked || n*r.GroupSize != c.Rollouts {
			t.Errorf("%d groups: %d checked, want %d", c.Groups, n, c.Checked)
		}
	}
	vectortest.Count(t, "validator/group_sampling.json", len(v.Cases)+len(v.GroupCounts))
}

func TestSampleByNumber(t *testing.T) {
	r := grail.Hardened()
	draw := func(randomness string) []int64 {
		s := NewSampler(grail.SampleByNumber)
		for g := range int64(50) {
			for range r.GroupSize {
				s.Add(&grail.Row{RolloutGroup: g * 3})
			}
		}
		return s.Draw(r, "miner", randomness)
	}
	a, b := draw("aa"), draw("bb")
	if len(a) != 64 || len(b) != 64 || slices.Equal(a, b) {
		t.Errorf("drew %d and %d rows, equal %v", len(a), len(b), slices.Equal(a, b))
	}
	if !slices.Equal(a, draw("aa")) || !slices.IsSorted(a) {
		t.Error("the draw isn't a function of its seed, or not in row order")
	}
}

func TestVerifyTokensVectors(t *testing.T) {
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Tokens       []int32
			TokensRepeat []int32 `json:"tokens_repeat"`
			Config       json.RawMessage
			Valid        bool
			Note         string
		}
	}
	vectortest.Decode(t, "grail/verify_tokens.json", &v)
	r := grail.Reference()
	for i, c := range v.Cases {
		tokens := c.Tokens
		if len(c.TokensRepeat) == 2 {
			tokens = slices.Repeat(c.TokensRepeat[:1], int(c.TokensRepeat[1]))
		}
		vocab, length, err := ModelLimits(r, c.Config)
		if err != nil {
			t.Fatal(err)
		}
		got := checkTokens(r, &Window{VocabSize: vocab, MaxLength: length}, tokens)
		if got.OK != c.Valid {
			t.Errorf("case %d (%s): %v (%s), want %v", i, c.Note, got.OK, got.Reason, c.Valid)
		}
		if got.Unit != "" && got.OK != (got.Margin >= 0) && vocab > 0 && got.Measured >= 0 {
			t.Errorf("case %d: margin %v of a verdict %v", i, got.Margin, got.OK)
		}
	}
	vectortest.Count(t, "grail/verify_tokens.json", len(v.Cases))
}
