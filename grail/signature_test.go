package grail

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// vectorKey is a key pair of the signature vectors.
type vectorKey struct {
	SeedHex   string `json:"seed_hex"`
	PublicHex string `json:"public_hex"`
	SS58      string
}

func checkKeys(t *testing.T, keys []vectorKey) {
	t.Helper()
	for _, k := range keys {
		pair := sr25519.NewKeypair([32]byte(unhex(t, k.SeedHex)))
		public := pair.Public()
		if hex.EncodeToString(public[:]) != k.PublicHex || ss58.EncodeBittensor(public) != k.SS58 {
			t.Errorf("seed %s gives %x, want %s %s", k.SeedHex, public, k.PublicHex, k.SS58)
		}
	}
}

// looseCommit reads a commit of the vectors without the schema: fields may be missing or of a wrong type, as the signature check sees them.
func looseCommit(t *testing.T, v cpython.Value) Commit {
	t.Helper()
	get := func(v cpython.Value, key string) cpython.Value {
		f, _ := v.Get(key)
		return f
	}
	text := func(v cpython.Value) string {
		s, _ := v.Text()
		return s
	}
	var c Commit
	for _, e := range get(v, "tokens").Elements() {
		n, ok := e.Int64()
		if !ok || n != int64(int32(n)) {
			t.Fatalf("token %v does not fit", e)
		}
		c.Tokens = append(c.Tokens, int32(n))
	}
	c.Commitments = CommitmentsOf(get(v, "commitments"))
	c.ProofVersion = text(get(v, "proof_version"))
	c.Signature = text(get(v, "signature"))
	c.Beacon = BeaconOf(get(v, "beacon"))
	c.Model.Name = text(get(get(v, "model"), "name"))
	if n, err := get(get(v, "model"), "layer_index").ToInt(); err == nil {
		c.Model.LayerIndex = int32(n.Int64())
	}
	return c
}

func TestCommitSignatureVectors(t *testing.T) {
	const file = "grail/commit_signature.json"
	var v struct {
		header
		Keys  []vectorKey
		Cases []struct {
			Commit  rawValue
			Address string `json:"wallet_address"`
			Digest  string
			Valid   bool
			Note    string
		}
	}
	vectortest.Decode(t, file, &v)
	checkKeys(t, v.Keys)
	rules := Reference()
	var batch SignatureBatch
	for i, c := range v.Cases {
		commit := looseCommit(t, c.Commit.v)
		digest, err := CommitBinding(&commit)
		if err != nil {
			t.Errorf("case %d (%s): %v", i, c.Note, err)
		}
		compare(t, i, c.Note, hex.EncodeToString(digest[:]), c.Digest)
		err = rules.VerifyCommit(&commit, c.Address)
		compare(t, i, c.Note, err == nil, c.Valid)
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("case %d: %v is not ErrSignature", i, err)
		}
		batch.AddCommit(rules, &commit, c.Address)
	}
	for i, err := range batch.Verify() {
		compare(t, i, "batch", err == nil, v.Cases[i].Valid)
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestRowSignatureVectors(t *testing.T) {
	const file = "grail/rollout_signature.json"
	var v struct {
		header
		Keys  []vectorKey
		Cases []struct {
			Payload struct {
				WindowStart  int64            `json:"window_start"`
				BlockHash    string           `json:"block_hash"`
				Nonce        *json.RawMessage `json:"nonce"`
				RolloutGroup int64            `json:"rollout_group"`
				SATSeed      *json.RawMessage `json:"sat_seed"`
				EpisodeSeed  *json.RawMessage `json:"episode_seed"`
			}
			Rollout struct {
				Challenge, Hotkey, Signature string
				Nonce                        *json.RawMessage
				BlockHash                    *string `json:"block_hash"`
			}
			Valid bool
			Note  string
		}
	}
	vectortest.Decode(t, file, &v)
	checkKeys(t, v.Keys)
	var batch SignatureBatch
	for i, c := range v.Cases {
		row := Row{Challenge: c.Rollout.Challenge, Hotkey: c.Rollout.Hotkey, Signature: c.Rollout.Signature}
		err := VerifyRow(&row)
		compare(t, i, c.Note, err == nil, c.Valid)
		if err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("case %d: %v is not ErrSignature", i, err)
		}
		batch.AddRow(&row)
		if c.Note != "as signed" {
			continue
		}
		text := func(raws ...*json.RawMessage) string {
			for _, r := range raws {
				if r != nil && string(*r) != "null" {
					return strings.Trim(string(*r), `"`)
				}
			}
			return ""
		}
		p := c.Payload
		seed, nonce := text(p.EpisodeSeed, p.SATSeed), text(p.Nonce)
		compare(t, i, "challenge", seed+"|"+p.BlockHash+"|"+nonce, c.Rollout.Challenge)
		var n int64
		if _, err := fmt.Sscan(nonce, &n); err == nil && seed == "" {
			compare(t, i, "challenge", Challenge(p.BlockHash, n), c.Rollout.Challenge)
		}
	}
	for i, err := range batch.Verify() {
		compare(t, i, "batch", err == nil, v.Cases[i].Valid)
	}
	vectortest.Count(t, file, len(v.Cases))
}

// testRow makes a row that passes schema and signatures.
func testRow(t testing.TB, key sr25519.Keypair, group int64, index int32) Row {
	t.Helper()
	n := 48
	c := Commit{ProofVersion: "v5", Model: ModelRef{Name: "m", LayerIndex: -1}, Beacon: BeaconRef{Randomness: r0}}
	sketches := make([]int64, n)
	for i := range n {
		c.Tokens = append(c.Tokens, int32(i)+int32(group)*100+index)
		sketches[i] = int64(i * 7)
		c.Rollout.TokenLogprobs = append(c.Rollout.TokenLogprobs, -0.25*float64(i%3))
	}
	c.Commitments = NewCommitments(sketches)
	c.Rollout.PromptLength, c.Rollout.CompletionLength, c.Rollout.TotalReward = 8, 40, 0.5
	if err := SignCommit(&c, key); err != nil {
		t.Fatal(err)
	}
	row := Row{WindowStart: 60, BlockHash: "0x" + r0, Nonce: Nonce(group, 16, index), RolloutGroup: group, RolloutIndex: index, TotalInGroup: 16, Commit: c}
	if err := SignRow(&row, key); err != nil {
		t.Fatal(err)
	}
	return row
}

func TestSignAndVerify(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{1})
	other := ss58.EncodeBittensor(sr25519.NewKeypair([32]byte{2}).Public())
	row := testRow(t, key, 3, 5)
	rules := Hardened()
	if err := rules.VerifyCommit(&row.Commit, row.Hotkey); err != nil {
		t.Error(err)
	}
	if err := VerifyRow(&row); err != nil {
		t.Error(err)
	}
	if err := rules.CheckRowBinding(&row, row.Hotkey); err != nil {
		t.Error(err)
	}
	if len(row.Signature) != 128 || row.Signature != strings.ToLower(row.Signature) || row.Challenge != "|0x"+r0+"|53" {
		t.Errorf("signature %q over %q", row.Signature, row.Challenge)
	}
	if err := rules.VerifyCommit(&row.Commit, other); !errors.Is(err, ErrSignature) {
		t.Errorf("another's commit: %v", err)
	}
	for name, change := range map[string]func(*Row){
		"token":      func(r *Row) { r.Commit.Tokens[9]++ },
		"sketch":     func(r *Row) { r.Commit.Commitments.sketches[9]++ },
		"model":      func(r *Row) { r.Commit.Model.Name += " " },
		"layer":      func(r *Row) { r.Commit.Model.LayerIndex = 0 },
		"randomness": func(r *Row) { r.Commit.Beacon.Randomness = "00" },
		"version":    func(r *Row) { r.Commit.ProofVersion = "v6" },
		"surrogate":  func(r *Row) { r.Commit.Model.Name = "m\xed\xa0\x80" },
		"not hex":    func(r *Row) { r.Commit.Beacon.Randomness = "zz" },
		"cut":        func(r *Row) { r.Commit.Signature = r.Commit.Signature[:126] },
	} {
		changed := testRow(t, key, 3, 5)
		change(&changed)
		if err := rules.VerifyCommit(&changed.Commit, row.Hotkey); !errors.Is(err, ErrSignature) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
	wiped := sr25519.NewKeypair([32]byte{1})
	wiped.Wipe()
	if err := SignRow(&row, wiped); !errors.Is(err, sr25519.ErrWiped) {
		t.Errorf("row with a wiped key: %v", err)
	}
	if err := SignCommit(&row.Commit, wiped); !errors.Is(err, sr25519.ErrWiped) {
		t.Errorf("commit with a wiped key: %v", err)
	}
	row.Commit.Beacon.Randomness = "zz"
	if err := SignCommit(&row.Commit, key); !errors.Is(err, ErrHex) {
		t.Errorf("commit with bad randomness: %v", err)
	}
}

func TestRowBinding(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{1})
	miner := ss58.EncodeBittensor(key.Public())
	for name, c := range map[string]struct {
		change              func(*Row)
		hardened, reference bool
	}{
		"as signed":    {func(*Row) {}, true, true},
		"hotkey":       {func(r *Row) { r.Hotkey = "5x" }, false, true},
		"challenge":    {func(r *Row) { r.Challenge = "x" }, false, true},
		"block hash":   {func(r *Row) { r.BlockHash = "0x00" }, false, true},
		"nonce":        {func(r *Row) { r.Nonce++ }, false, true},
		"index":        {func(r *Row) { r.RolloutIndex = 16 }, false, true},
		"low index":    {func(r *Row) { r.RolloutIndex = -1 }, false, true},
		"other group":  {func(r *Row) { r.RolloutGroup++ }, false, true},
		"large group":  {func(r *Row) { *r = testRow(t, key, 70000, 0) }, false, true},
		"before group": {func(r *Row) { *r = testRow(t, key, -1, 0) }, false, true},
	} {
		row := testRow(t, key, 2, 15)
		c.change(&row)
		for rules, want := range map[*Rules]bool{new(Hardened()): c.hardened, new(Reference()): c.reference} {
			err := rules.CheckRowBinding(&row, miner)
			if (err == nil) != want || (err != nil && !errors.Is(err, ErrRowBinding)) {
				t.Errorf("%s (BindRow %v): %v", name, rules.BindRow, err)
			}
		}
	}
}

// A miner's texts may have megabytes. Errors, which go to reports and logs, show their beginning.
func TestRowErrorsStayShort(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{1})
	rules, long := Hardened(), strings.Repeat("\x01", 1<<20)
	for name, change := range map[string]func(*Row){
		"hotkey":        func(r *Row) { r.Hotkey = long },
		"challenge":     func(r *Row) { r.Challenge = long },
		"block hash":    func(r *Row) { r.BlockHash = long },
		"signature":     func(r *Row) { r.Signature = long },
		"proof version": func(r *Row) { r.Commit.ProofVersion = long },
		"commit":        func(r *Row) { r.Commit.Signature = long },
		"beacon":        func(r *Row) { r.Commit.Beacon.Randomness = long },
	} {
		row := testRow(t, key, 2, 15)
		miner := row.Hotkey
		change(&row)
		err := errors.Join(VerifyRow(&row), rules.CheckRowBinding(&row, miner), rules.VerifyCommit(&row.Commit, miner), rules.CheckSchema(&row))
		if err == nil || len(err.Error()) > 2000 {
			t.Errorf("%s: %.300q…", name, fmt.Sprint(err))
		}
	}
}

func TestSignatureBatch(t *testing.T) {
	key := sr25519.NewKeypair([32]byte{1})
	rules := Reference()
	var b SignatureBatch
	if got := b.Verify(); len(got) != 0 {
		t.Errorf("empty batch: %v", got)
	}
	var want []bool
	for i := range int32(9) {
		row := testRow(t, key, 1, i)
		miner := row.Hotkey
		switch i {
		case 2:
			row.Signature = "0x" + row.Signature
		case 4:
			row.Commit.Tokens[0]++
			row.Challenge += "0"
		case 6:
			miner = ""
			row.Hotkey = ""
		}
		b.AddRow(&row)
		b.AddCommit(rules, &row.Commit, miner)
		want = append(want, VerifyRow(&row) == nil, rules.VerifyCommit(&row.Commit, miner) == nil)
	}
	bad := 0
	for i, err := range b.Verify() {
		compare(t, i, "batch", err == nil, want[i])
		if err != nil {
			bad++
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%v is not ErrSignature", err)
			}
		}
	}
	compare(t, 0, "refused", bad, 5)
}
