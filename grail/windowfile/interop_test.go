package windowfile

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestPyArrow lets pyarrow read what we write, with the schema of section 6.2, and reads what pyarrow writes: with the reference's
// settings, with other codecs, page versions, encodings, row groups, widths and names.
func TestPyArrow(t *testing.T) {
	python := os.Getenv("NANTEOS_PYTHON") // a Python with pyarrow, where the one in the path has none
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import pyarrow").CombinedOutput(); err != nil {
		t.Skipf("no pyarrow (%v: %s); to run this test: pip install pyarrow", err, bytes.TrimSpace(out))
	}
	rows := sampleRows(37, 60)
	rows[3].Commit.Rollout.TokenLogprobs = nil // an empty list
	rows[4].Commit.Model.Name = "modèle/雪"
	meta := sampleMeta()
	dir := t.TempDir()
	src := filepath.Join(dir, "ours.parquet")
	var b bytes.Buffer
	if err := Write(&b, meta, rows, Options{PageBytes: 4096}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(src, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/interop.py", src, dir)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pyarrow: %v\n%s", err, complaint.String())
	}
	var ways []string
	if err := json.Unmarshal(out, &ways); err != nil {
		t.Fatal(err)
	}
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, way+".parquet"))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(bytes.NewReader(b), int64(len(b)), Limits{ReadAhead: 1 << 12})
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Rows(context.Background(), 0, f.NumRows())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(rows, got, rowComparer...); d != "" {
				t.Errorf("rows differ (-want +got):\n%s", d)
			}
			part, err := f.Rows(context.Background(), 9, 23)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(rows[9:23], part, rowComparer...); d != "" {
				t.Errorf("rows 9 to 22 differ (-want +got):\n%s", d)
			}
			m, err := f.Metadata()
			if err != nil || way != "brotli" && (m.Wallet != meta.Wallet || m.Timestamp != meta.Timestamp) { // that way stores no metadata
				t.Errorf("metadata %+v, %v; want %+v", m, err, meta)
			}
		})
	}
}

// TestParquetGo lets parquet-go, an independent implementation, read what we write.
func TestParquetGo(t *testing.T) {
	rows := sampleRows(50, 40)
	var b bytes.Buffer
	if err := Write(&b, sampleMeta(), rows, Options{PageBytes: 1 << 12}); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := f.Lookup("wallet"); v != sampleMeta().Wallet {
		t.Errorf("wallet %q", v)
	}
	type row struct {
		Nonce  *int64 `parquet:"nonce,optional"`
		Commit *struct {
			Tokens      []*int32 `parquet:"tokens,optional,list"`
			Commitments *string  `parquet:"commitments,optional"`
			Rollout     *struct {
				TokenLogprobs []*float32 `parquet:"token_logprobs,optional,list"`
				Success       *bool      `parquet:"success,optional"`
			} `parquet:"rollout,optional"`
		} `parquet:"commit,optional"`
	}
	got := make([]row, len(rows))
	r := parquet.NewGenericReader[row](f)
	if n, err := r.Read(got); n != len(rows) {
		t.Fatalf("read %d rows: %v", n, err)
	}
	for i, g := range got {
		w := &rows[i]
		if *g.Nonce != w.Nonce || len(g.Commit.Tokens) != len(w.Commit.Tokens) ||
			*g.Commit.Commitments != string(w.Commit.Commitments.AppendDefault(nil)) || *g.Commit.Rollout.Success != w.Commit.Rollout.Success {
			t.Fatalf("row %d differs", i)
		}
		for j, x := range g.Commit.Tokens {
			if *x != w.Commit.Tokens[j] || float64(*g.Commit.Rollout.TokenLogprobs[j]) != w.Commit.Rollout.TokenLogprobs[j] {
				t.Fatalf("row %d position %d differs", i, j)
			}
		}
	}
	if len(f.Schema().Columns()) != numColumns {
		t.Errorf("%d leaf columns, want %d", len(f.Schema().Columns()), numColumns)
	}
}

// TestSchema compares the flattened schema and the settings of what we write with those of a file of the reference: names, types,
// nesting, optionality and annotations of all nodes, codec and keys of the metadata.
func TestSchema(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(vectortest.Path(t, "grail/parquet"), "window_one_group.parquet"))
	if err != nil {
		t.Skip(err)
	}
	want, err := Open(bytes.NewReader(raw), int64(len(raw)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, sampleMeta(), sampleRows(16, 40), Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.foot.schema, got.foot.schema, cmp.AllowUnexported(element{})); d != "" {
		t.Errorf("schema (-reference +ours):\n%s", d)
	}
	for i := range want.foot.groups[0].chunks {
		if w, g := want.foot.groups[0].chunks[i], got.foot.groups[0].chunks[i]; w.codec != g.codec || w.typ != g.typ {
			t.Errorf("column %d: codec %v and type %v, the reference has %v and %v", i, g.codec, g.typ, w.codec, w.typ)
		}
	}
	for i, kv := range got.foot.meta {
		if want.foot.meta[i][0] != kv[0] {
			t.Errorf("metadata key %d is %q, the reference has %q", i, kv[0], want.foot.meta[i][0])
		}
	}
}

func sampleMeta() Metadata {
	return Metadata{Wallet: "5GpGVz9uu6AxH3SdFnyH9R9pL8VkbxGEmgAiCTf7AE12ydFb", WindowStart: 3000, WindowLength: 30, Timestamp: 1760000123.456}
}

// sampleRows makes n rows of the given number of tokens, whose values depend on n only.
func sampleRows(n, tokens int) []grail.Row {
	rows := make([]grail.Row, n)
	state := uint64(n)*0x9e3779b97f4a7c15 + 1
	next := func() uint64 { // xorshift: any stream that is the same everywhere
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		return state
	}
	const hash = "0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	hex64 := func() string {
		const digits = "0123456789abcdef"
		var b [128]byte
		for i := range b {
			b[i] = digits[next()%16]
		}
		return string(b[:])
	}
	for i := range rows {
		r := &rows[i]
		r.WindowStart, r.Block, r.Nonce = 3000, 3000+int64(i%30), int64(i)
		r.BlockHash, r.Randomness, r.UseDrand = hash, hash[2:], true
		r.RolloutGroup, r.RolloutIndex, r.TotalInGroup, r.CheckpointWindow = int64(i/16), int32(i%16), 16, 2970
		r.Timestamp = 1760000000 + float64(i)/4
		r.Challenge, r.Hotkey, r.Signature = "|"+hash+"|7", sampleMeta().Wallet, hex64()
		c := &r.Commit
		c.ProofVersion, c.Signature = "v5", hex64()
		c.Model = grail.ModelRef{Name: "nanteos/base", LayerIndex: -1}
		c.Beacon = grail.BeaconRef{Randomness: hash[2:]}
		sketches := make([]int64, tokens)
		for j := range tokens {
			c.Tokens = append(c.Tokens, int32(next()%50000))
			sketches[j] = int64(next() % 2147483647)
			lp := 0.0
			if j >= tokens/4 {
				lp = -float64(float32(next()%1000000) / 300000)
			}
			c.Rollout.TokenLogprobs = append(c.Rollout.TokenLogprobs, lp)
		}
		c.Commitments = grail.NewCommitments(sketches)
		c.Rollout.PromptLength, c.Rollout.CompletionLength = int32(tokens/4), int32(tokens-tokens/4)
		c.Rollout.Success, c.Rollout.TotalReward, c.Rollout.Advantage = i%3 == 0, float64(i%3)/2, float64(i%5)-2.5
	}
	return rows
}
