package windowfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// rowComparer compares rows with equal NaNs and commitments by their text.
var rowComparer = []cmp.Option{
	cmpopts.EquateNaNs(), cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b grail.Commitments) bool {
		return bytes.Equal(a.AppendDefault(nil), b.AppendDefault(nil))
	}),
	cmp.Comparer(func(a, b grail.BeaconRef) bool { return bytes.Equal(a.AppendDefault(nil), b.AppendDefault(nil)) }),
}

func parseJSON(t testing.TB, b []byte) cpython.Value {
	t.Helper()
	v, err := cpython.ParseJSON(b, cpython.Limits{})
	if err != nil {
		t.Fatalf("couldn't parse JSON: %v", err)
	}
	return v
}

// rowOf builds a row from the reference's rollout object: missing keys take their defaults (6.6), a null integer stays null.
func rowOf(t testing.TB, v cpython.Value) grail.Row {
	t.Helper()
	var r grail.Row
	known := func(o cpython.Value, keys ...string) {
		for _, m := range o.Members() {
			found := false
			for _, k := range keys {
				found = found || k == m.Key
			}
			if !found {
				t.Fatalf("unknown key %q in a vector", m.Key)
			}
		}
	}
	integer := func(o cpython.Value, key string, null grail.NullFields) int64 {
		x, ok := o.Get(key)
		if !ok {
			return 0
		}
		if x.Kind() == cpython.Null {
			r.Null |= null
			return 0
		}
		n, ok := x.Int64()
		if !ok {
			t.Fatalf("%s is not an integer", key)
		}
		return n
	}
	text := func(o cpython.Value, key string) string {
		x, _ := o.Get(key)
		s, _ := x.Text()
		return s
	}
	number := func(x cpython.Value) float64 {
		if s, ok := x.Text(); ok {
			switch s {
			case "NaN":
				return math.NaN()
			case "Infinity":
				return math.Inf(1)
			case "-Infinity":
				return math.Inf(-1)
			}
			t.Fatalf("%q is not a number", s)
		}
		f, err := x.ToFloat()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	real := func(o cpython.Value, key string) float64 {
		x, ok := o.Get(key)
		if !ok {
			return 0
		}
		return number(x)
	}
	boolean := func(o cpython.Value, key string) bool {
		x, _ := o.Get(key)
		b, _ := x.Bool()
		return b
	}
	known(v, "window_start", "block", "nonce", "block_hash", "randomness", "use_drand", "rollout_group", "rollout_index",
		"total_in_group", "checkpoint_window", "commit", "timestamp", "challenge", "hotkey", "signature")
	r.WindowStart, r.Block = integer(v, "window_start", grail.NullWindowStart), integer(v, "block", grail.NullBlock)
	r.Nonce, r.RolloutGroup = integer(v, "nonce", grail.NullNonce), integer(v, "rollout_group", grail.NullRolloutGroup)
	r.RolloutIndex = int32(integer(v, "rollout_index", grail.NullRolloutIndex))
	r.TotalInGroup = int32(integer(v, "total_in_group", grail.NullTotalInGroup))
	r.CheckpointWindow = integer(v, "checkpoint_window", grail.NullCheckpointWindow)
	r.BlockHash, r.Randomness, r.UseDrand = text(v, "block_hash"), text(v, "randomness"), boolean(v, "use_drand")
	r.Timestamp, r.Challenge, r.Hotkey, r.Signature = real(v, "timestamp"), text(v, "challenge"), text(v, "hotkey"), text(v, "signature")
	c, _ := v.Get("commit")
	known(c, "tokens", "commitments", "proof_version", "model", "signature", "beacon", "rollout")
	tokens, _ := c.Get("tokens")
	for _, x := range tokens.Elements() {
		n, _ := x.Int64()
		r.Commit.Tokens = append(r.Commit.Tokens, int32(n))
	}
	if x, ok := c.Get("commitments"); ok {
		p, err := grail.ParseCommitments(x.AppendDefault(nil))
		if err != nil {
			t.Fatal(err)
		}
		r.Commit.Commitments = p
	}
	b, ok := c.Get("beacon")
	if !ok {
		b = cpython.ObjectValue(nil)
	}
	r.Commit.Beacon = grail.BeaconOf(b)
	r.Commit.ProofVersion, r.Commit.Signature = text(c, "proof_version"), text(c, "signature")
	m, _ := c.Get("model")
	known(m, "name", "layer_index")
	r.Commit.Model = grail.ModelRef{Name: text(m, "name"), LayerIndex: int32(integer(m, "layer_index", grail.NullLayerIndex))}
	o, _ := c.Get("rollout")
	known(o, "total_reward", "advantage", "success", "token_logprobs", "prompt_length", "completion_length")
	r.Commit.Rollout = grail.Outcome{
		PromptLength: int32(integer(o, "prompt_length", 0)), CompletionLength: int32(integer(o, "completion_length", 0)),
		Success: boolean(o, "success"), TotalReward: real(o, "total_reward"), Advantage: real(o, "advantage"),
	}
	lp, _ := o.Get("token_logprobs")
	for _, x := range lp.Elements() {
		r.Commit.Rollout.TokenLogprobs = append(r.Commit.Rollout.TokenLogprobs, number(x))
	}
	return r
}

// parquetFiles lists the descriptions of the Parquet vectors in the folder in use.
func parquetFiles(t testing.TB) []string {
	t.Helper()
	any := vectortest.Path(t, "grail/parquet")
	names := map[string]bool{}
	entries, err := os.ReadDir(any)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		n := strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".gz"), ".json")
		if n != e.Name() && !names[n] {
			names[n] = true
			out = append(out, n)
		}
	}
	return out
}

func TestParquetVectors(t *testing.T) {
	files := parquetFiles(t)
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			var v struct {
				File, Note, SHA256, Hotkey string
				Bytes                      int64
				PublicHex                  string `json:"public_hex"`
				Expected                   struct {
					Error  string
					Window *struct {
						Wallet         string
						WindowStart    int64 `json:"window_start"`
						WindowLength   int64 `json:"window_length"`
						InferenceCount int64 `json:"inference_count"`
						Timestamp      float64
						Inferences     []json.RawMessage
					}
				}
			}
			vectortest.Decode(t, "grail/parquet/"+name+".json", &v)
			b, err := os.ReadFile(filepath.Join(vectortest.Path(t, "grail/parquet"), v.File))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != v.SHA256 || int64(len(b)) != v.Bytes {
				t.Fatalf("%s is not the file that the vector describes", v.File)
			}
			f, err := Open(bytes.NewReader(b), int64(len(b)), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			rows, err := f.Rows(context.Background(), 0, f.NumRows())
			if v.Expected.Error != "" {
				if !errors.Is(err, ErrNullGroup) {
					t.Fatalf("got %v, want %v", err, ErrNullGroup)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := f.Metadata()
			w := v.Expected.Window
			if want := (Metadata{Wallet: w.Wallet, WindowStart: w.WindowStart, WindowLength: w.WindowLength, InferenceCount: w.InferenceCount, Timestamp: w.Timestamp}); err != nil || m != want {
				t.Errorf("metadata %+v, %v; want %+v", m, err, want)
			}
			want := make([]grail.Row, len(w.Inferences))
			for i, x := range w.Inferences {
				want[i] = rowOf(t, parseJSON(t, x))
			}
			if d := cmp.Diff(want, rows, rowComparer...); d != "" {
				t.Errorf("rows differ (-want +got):\n%s", d)
			}
			// And back: what we write reads the same.
			if d := cmp.Diff(rows, rewrite(t, m, rows), rowComparer...); d != "" {
				t.Errorf("rows differ after writing them again (-want +got):\n%s", d)
			}
			// A part read by range is the part of the whole.
			if n := f.NumRows(); n > 3 {
				part, err := f.Rows(context.Background(), n/3, n-1)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(rows[n/3:n-1], part, rowComparer...); d != "" {
					t.Errorf("rows of a range differ:\n%s", d)
				}
			}
		})
	}
	vectortest.Count(t, "grail/parquet", len(files))
}

// rewrite writes rows and reads them back.
func rewrite(t testing.TB, m Metadata, rows []grail.Row) []grail.Row {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m, rows, Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Metadata()
	m.InferenceCount = int64(len(rows))
	if err != nil || got != m {
		t.Errorf("metadata after writing %+v, %v; want %+v", got, err, m)
	}
	out, err := f.Rows(context.Background(), 0, f.NumRows())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParquetRowVectors(t *testing.T) {
	var v struct {
		Primitive, Reference, Description string
		Count                             int
		Cases                             []struct {
			Inference json.RawMessage
			Row       json.RawMessage
			ReadBack  json.RawMessage `json:"read_back"`
			Error     bool
			Note      string
		}
	}
	vectortest.Decode(t, "grail/parquet_rows.json", &v)
	for i, c := range v.Cases {
		row := rowOf(t, parseJSON(t, c.Inference))
		if c.Error {
			var b bytes.Buffer
			if err := Write(&b, Metadata{}, []grail.Row{row}, Options{}); !errors.Is(err, ErrRow) {
				t.Errorf("case %d: got %v, want %v", i, err, ErrRow)
			}
			continue
		}
		// The texts that the row stores.
		stored := parseJSON(t, c.Row)
		commit, _ := stored.Get("commit")
		for key, got := range map[string]string{
			"commitments": string(row.Commit.Commitments.AppendDefault(nil)),
			"beacon":      string(row.Commit.Beacon.AppendDefault(nil)),
		} {
			x, _ := commit.Get(key)
			if want, _ := x.Text(); got != want {
				t.Errorf("case %d: stored %s is %q, want %q", i, key, got, want)
			}
		}
		// What is read back, log-probabilities narrowed by the file.
		want := rowOf(t, parseJSON(t, c.ReadBack))
		for j, x := range want.Commit.Rollout.TokenLogprobs {
			want.Commit.Rollout.TokenLogprobs[j] = float64(float32(x))
		}
		got := rewrite(t, Metadata{}, []grail.Row{row})
		if d := cmp.Diff([]grail.Row{want}, got, rowComparer...); d != "" {
			t.Errorf("case %d: read back (-want +got):\n%s", i, d)
		}
	}
	vectortest.Count(t, "grail/parquet_rows.json", len(v.Cases))
}

// The dataset is a key of its own behind those of the reference, and what is no digest is nothing.
func TestDatasetKey(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct{ write, want string }{{digest, digest}, {"", ""}, {digest[1:], ""}, {strings.ToUpper(digest), ""}, {digest + "\n", ""}, {"\xff", ""}} {
		var b bytes.Buffer
		if err := Write(&b, Metadata{Wallet: "w", Dataset: c.write}, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		f, err := Open(bytes.NewReader(b.Bytes()), int64(b.Len()), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := f.Metadata(); err != nil || m.Dataset != c.want || m.Wallet != "w" {
			t.Errorf("%q: read as %+v, %v", c.write, m, err)
		}
		var keys []string
		for _, kv := range f.foot.meta {
			keys = append(keys, kv[0])
		}
		if want := 5 + min(len(c.write), 1); len(keys) != want {
			t.Errorf("%q: keys %v", c.write, keys)
		}
	}
}
