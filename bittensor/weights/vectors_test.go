package weights

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// hexBytes are bytes written as hex digits, with or without 0x.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(strings.TrimPrefix(string(b), "0x"))
	*h = d
	return err
}

type pairs struct {
	UIDs   []uint16 `json:"uids"`
	Values []uint16 `json:"values"`
}

type weightsFile struct {
	Source    string `json:"source"`
	Normalize []struct {
		UIDs    []uint16  `json:"uids"`
		Weights []float64 `json:"weights"`
		SDK10   pairs     `json:"sdk_v9_v10_float32"`
		SDK11   pairs     `json:"sdk_v11_float64"`
	} `json:"normalize"`
	Clip []struct {
		Weights   []float64 `json:"weights"`
		Limit     float64   `json:"limit"`
		SDK10     []float64 `json:"expected_float64"`
		SDK11     []float64 `json:"v11"`
		Tolerance float64   `json:"tolerance"`
	} `json:"clip_to_max_weight"`
	Process []struct {
		UIDs       []uint16  `json:"uids"`
		Weights    []float64 `json:"weights"`
		Neurons    int       `json:"num_neurons"`
		MinAllowed int       `json:"min_allowed_weights"`
		MaxWeight  float64   `json:"max_weight_limit"`
		Quantile   uint16    `json:"exclude_quantile"`
		OutUIDs    []uint16  `json:"out_uids"`
		OutWeights []float64 `json:"out_weights"`
		Tolerance  float64   `json:"tolerance"`
	} `json:"process_weights"`
	CommitHash []struct {
		Hotkey     hexBytes `json:"hotkey_public"`
		Index      uint16   `json:"netuid_storage_index"`
		UIDs       []uint16 `json:"uids"`
		Values     []uint16 `json:"values"`
		Salt       []uint16 `json:"salt"`
		VersionKey uint64   `json:"version_key"`
		Preimage   hexBytes `json:"preimage"`
		Hash       hexBytes `json:"hash"`
	} `json:"commit_hash"`
	Upscale []struct {
		Submitted [][2]uint16 `json:"submitted"`
		Stored    [][2]uint16 `json:"stored"`
	} `json:"chain_max_upscale"`
}

func TestVectorsNormalize(t *testing.T) {
	var f weightsFile
	vectortest.Decode(t, "chain/weights.json", &f)
	for i, c := range f.Normalize {
		for _, s := range []struct {
			scheme Scheme
			want   pairs
		}{{SDK10, c.SDK10}, {SDK11, c.SDK11}} {
			uids, values, err := Normalize(c.UIDs, c.Weights, s.scheme)
			if err != nil {
				t.Errorf("case %d, %s: %v", i, s.scheme, err)
				continue
			}
			if !reflect.DeepEqual(uids, s.want.UIDs) || !reflect.DeepEqual(values, s.want.Values) {
				t.Errorf("case %d, %s: %v %v, want %v", i, s.scheme, uids, values, s.want)
			}
		}
	}
	vectortest.Count(t, "chain/weights.json normalize", len(f.Normalize))
}

func TestVectorsClip(t *testing.T) {
	var f weightsFile
	vectortest.Decode(t, "chain/weights.json", &f)
	for i, c := range f.Clip {
		got, err := Clip(c.Weights, c.Limit)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		near(t, got, c.SDK11, c.Tolerance, "case %d, SDK 11", i)
		near(t, NormalizeMax(c.Weights, c.Limit), c.SDK10, c.Tolerance, "case %d, SDK 10", i)
	}
	vectortest.Count(t, "chain/weights.json clip_to_max_weight", len(f.Clip))
}

func TestVectorsProcess(t *testing.T) {
	var f weightsFile
	vectortest.Decode(t, "chain/weights.json", &f)
	for i, c := range f.Process {
		r := Rules{Neurons: c.Neurons, MinAllowed: c.MinAllowed, MaxWeight: c.MaxWeight, ExcludeQuantile: c.Quantile, ByPosition: true}
		uids, out, err := r.Process(c.UIDs, c.Weights)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if !reflect.DeepEqual(uids, c.OutUIDs) {
			t.Errorf("case %d: uids %v, want %v", i, uids, c.OutUIDs)
		}
		near(t, out, c.OutWeights, c.Tolerance, "case %d", i)
	}
	vectortest.Count(t, "chain/weights.json process_weights", len(f.Process))
}

func TestVectorsCommitHash(t *testing.T) {
	var f weightsFile
	vectortest.Decode(t, "chain/weights.json", &f)
	for i, c := range f.CommitHash {
		m := Commitment{Hotkey: [32]byte(c.Hotkey), Index: c.Index, UIDs: c.UIDs, Values: c.Values, Salt: c.Salt, VersionKey: c.VersionKey}
		if got := m.Preimage(); !bytes.Equal(got, c.Preimage) {
			t.Errorf("case %d: preimage %x, want %x", i, got, c.Preimage)
		}
		if got := CommitHash(m); !bytes.Equal(got[:], c.Hash) {
			t.Errorf("case %d: hash %x, want %x", i, got, c.Hash)
		}
	}
	vectortest.Count(t, "chain/weights.json commit_hash", len(f.CommitHash))
}

func TestVectorsUpscale(t *testing.T) {
	var f weightsFile
	vectortest.Decode(t, "chain/weights.json", &f)
	for i, c := range f.Upscale {
		var values, want []uint16
		for _, p := range c.Submitted {
			values = append(values, p[1])
		}
		for _, p := range c.Stored {
			want = append(want, p[1])
		}
		if got := Upscale(values); !reflect.DeepEqual(got, want) {
			t.Errorf("case %d: %v becomes %v, want %v", i, values, got, want)
		}
	}
	vectortest.Count(t, "chain/weights.json chain_max_upscale", len(f.Upscale))
}

func TestVectorsPayload(t *testing.T) {
	var f struct {
		Default       any `json:"default_chain"`
		DefaultPulses any `json:"default_chain_pulses"`
		OnChain       any `json:"onchain_commit_structure"`
		Quicknet      any `json:"quicknet"`
		Pulses        any `json:"quicknet_pulses"`
		Source        any `json:"source"`
		TLE           any `json:"tle"`
		Payload       []struct {
			Hotkey     hexBytes `json:"hotkey_public"`
			Legacy     bool     `json:"legacy_without_hotkey"`
			SCALE      hexBytes `json:"scale"`
			UIDs       []uint16 `json:"uids"`
			Values     []uint16 `json:"values"`
			VersionKey uint64   `json:"version_key"`
		} `json:"weights_payload"`
	}
	vectortest.Decode(t, "chain/timelock.json", &f)
	for i, c := range f.Payload {
		var got []byte
		if c.Legacy {
			got = LegacyPayload(c.UIDs, c.Values, c.VersionKey)
		} else {
			got = Payload([32]byte(c.Hotkey), c.UIDs, c.Values, c.VersionKey)
		}
		if !bytes.Equal(got, c.SCALE) {
			t.Errorf("case %d: %x, want %x", i, got, c.SCALE)
		}
	}
	vectortest.Count(t, "chain/timelock.json weights_payload", len(f.Payload))
}

// epochState is the state of the newer schedule as the SDK names it.
type epochState struct {
	LastEpoch uint64 `json:"last_epoch_block"`
	PendingAt uint64 `json:"pending_epoch_at"`
	Index     uint64 `json:"subnet_epoch_index"`
	Tempo     uint16 `json:"tempo"`
	SinceStep uint64 `json:"blocks_since_last_step"`
	Head      uint64 `json:"current_block"`
}

func (s epochState) epochs(period uint64) Epochs {
	return Epochs{Head: s.Head, Tempo: s.Tempo, RevealPeriod: period, Stateful: true, LastEpoch: s.LastEpoch, PendingAt: s.PendingAt, Index: s.Index, SinceStep: s.SinceStep}
}

func TestVectorsEpochs(t *testing.T) {
	var f struct {
		Source   string `json:"source"`
		Stateful []struct {
			Name   string     `json:"name"`
			State  epochState `json:"state"`
			Period uint64     `json:"reveal_period_epochs"`
			First  *uint64    `json:"first_reveal_block"`
			Error  *string    `json:"error"`
		} `json:"stateful"`
		Legacy []struct {
			Head   uint64 `json:"current_block"`
			NetUID uint16 `json:"netuid"`
			Tempo  uint16 `json:"tempo"`
			Period uint64 `json:"reveal_period_epochs"`
			First  uint64 `json:"first_reveal_block"`
		} `json:"legacy_modular_v9_v10"`
		Rounds []struct {
			First     uint64  `json:"first_reveal_block"`
			Head      uint64  `json:"current_block"`
			Now       float64 `json:"unix_now"`
			BlockTime float64 `json:"block_time"`
			Round     uint64  `json:"reveal_round"`
		} `json:"reveal_round"`
	}
	vectortest.Decode(t, "chain/epoch_schedule.json", &f)
	for _, c := range f.Stateful {
		got, err := c.State.epochs(c.Period).FirstReveal()
		switch {
		case c.First == nil:
			if err == nil || c.Error == nil || !strings.Contains(err.Error(), *c.Error) {
				t.Errorf("%s: %d, %v; want error %v", c.Name, got, err, c.Error)
			}
		case err != nil || got != *c.First:
			t.Errorf("%s: %d, %v; want %d", c.Name, got, err, *c.First)
		}
	}
	for i, c := range f.Legacy {
		e := Epochs{Head: c.Head, NetUID: c.NetUID, Tempo: c.Tempo, RevealPeriod: c.Period}
		if got, err := e.FirstReveal(); err != nil || got != c.First {
			t.Errorf("older runtime, case %d: %d, %v; want %d", i, got, err, c.First)
		}
	}
	for i, c := range f.Rounds {
		sec, frac := math.Modf(c.Now)
		now := time.Unix(int64(sec), int64(math.Round(frac*1e9)))
		got, err := RoundAfter(c.First, c.Head, now, time.Duration(c.BlockTime*float64(time.Second)), time.Unix(quicknetGenesis, 0), quicknetPeriod)
		if err != nil || got != c.Round {
			t.Errorf("round, case %d: %d, %v; want %d", i, got, err, c.Round)
		}
	}
	vectortest.Count(t, "chain/epoch_schedule.json", len(f.Stateful)+len(f.Legacy)+len(f.Rounds))
}

// TestVectorsLogicNet compares with the SDK's torch mode, whose sums are in another order.
func TestVectorsLogicNet(t *testing.T) {
	var f struct {
		About string `json:"about"`
		Cases []struct {
			N          int       `json:"n"`
			Miners     any       `json:"miners"` // tested with LogicNet's scores
			Scores     []float64 `json:"scores_f32"`
			MinAllowed int       `json:"min_allowed_weights"`
			MaxWeight  float64   `json:"max_weight_limit"`
			UIDs       []uint16  `json:"processed_uids"`
			Weights    []float64 `json:"processed_weights_f32"`
			EmitUIDs   []uint16  `json:"emit_uids"`
			Emit       []uint16  `json:"emit_u16"`
			Error      *string   `json:"error"`
		} `json:"cases"`
	}
	vectortest.Decode(t, "logicnet/weights.json", &f)
	for i, c := range f.Cases {
		if c.Error != nil {
			continue // a fault of the caller's before weights are processed
		}
		r := Rules{Neurons: c.N, MinAllowed: c.MinAllowed, MaxWeight: c.MaxWeight, ByPosition: true}
		uids, out, err := r.Process(everyone(len(c.Scores)), c.Scores)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if !reflect.DeepEqual(uids, c.UIDs) {
			t.Errorf("case %d: uids %v, want %v", i, uids, c.UIDs)
			continue
		}
		near(t, out, c.Weights, 1e-6, "case %d", i)
		emitUIDs, emit, err := Normalize(uids, out, SDK10)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		off(t, emitUIDs, emit, c.EmitUIDs, c.Emit, "case %d", i)
	}
	vectortest.Count(t, "logicnet/weights.json", len(f.Cases))
}

func TestVectorsEmit(t *testing.T) {
	var f struct {
		About string `json:"about"`
		Cases []struct {
			UIDs     []uint16  `json:"uids"`
			Weights  []float64 `json:"weights_f32"`
			EmitUIDs []uint16  `json:"emit_uids"`
			Emit     []uint16  `json:"emit_u16"`
		} `json:"cases"`
	}
	vectortest.Decode(t, "logicnet/emit_weights.json", &f)
	for i, c := range f.Cases {
		uids, values, err := Normalize(c.UIDs, c.Weights, SDK10)
		if err != nil || len(uids) != len(c.EmitUIDs) || len(uids) > 0 && (!reflect.DeepEqual(uids, c.EmitUIDs) || !reflect.DeepEqual(values, c.Emit)) {
			t.Errorf("case %d: %v %v %v, want %v %v", i, uids, values, err, c.EmitUIDs, c.Emit)
		}
	}
	vectortest.Count(t, "logicnet/emit_weights.json", len(f.Cases))
}

func TestVectorsNormalizeMax(t *testing.T) {
	var f struct {
		About string `json:"about"`
		Cases []struct {
			X     []float32 `json:"x_f32"`
			Limit float64   `json:"limit"`
			Y     []float64 `json:"y_f32"`
		} `json:"cases"`
	}
	vectortest.Decode(t, "logicnet/normalize_max_weight.json", &f)
	for i, c := range f.Cases {
		var got []float64
		for _, v := range NormalizeMax(c.X, c.Limit) {
			got = append(got, float64(v))
		}
		near(t, got, c.Y, 1e-6, "case %d", i)
	}
	vectortest.Count(t, "logicnet/normalize_max_weight.json", len(f.Cases))
}

func TestVectorsVersion(t *testing.T) {
	var f struct {
		About string `json:"about"`
		Cases []struct {
			Version string `json:"version"`
			AsInt   uint64 `json:"as_int"`
		} `json:"cases"`
	}
	vectortest.Decode(t, "logicnet/version_int.json", &f)
	n := 0
	for _, c := range f.Cases {
		parts := strings.Split(c.Version, ".")
		if len(parts) != 3 {
			continue // "running": the version of the SDK that recorded the file
		}
		n++
		var v [3]uint64
		for i, p := range parts {
			v[i], _ = strconv.ParseUint(p, 10, 64)
		}
		if got := Version(v[0], v[1], v[2]); got != c.AsInt {
			t.Errorf("%s is %d, want %d", c.Version, got, c.AsInt)
		}
	}
	vectortest.Count(t, "logicnet/version_int.json", n)
}

// recorded reads what a program in testdata recorded of the Python SDK.
func recorded(t *testing.T, file string, v any) {
	t.Helper()
	z, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	r, err := gzip.NewReader(z)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// TestSDK10 compares with weights that the Python SDK processed (testdata/record.py): to the bit.
func TestSDK10(t *testing.T) {
	var f struct {
		SDK   string `json:"sdk"`
		Cases []struct {
			Weights    []float64 `json:"weights"`
			MinAllowed int       `json:"min_allowed"`
			MaxWeight  float64   `json:"max_weight"`
			Quantile   uint16    `json:"quantile"`
			OutUIDs    []uint16  `json:"out_uids"`
			Out        []float64 `json:"out"`
			EmitUIDs   []uint16  `json:"emit_uids"`
			Emit       []uint16  `json:"emit"`
		} `json:"cases"`
	}
	recorded(t, "sdk10.json.gz", &f)
	for i, c := range f.Cases {
		n := len(c.Weights)
		uids, out, err := Rules{Neurons: n, MinAllowed: c.MinAllowed, MaxWeight: c.MaxWeight, ExcludeQuantile: c.Quantile}.Process(everyone(n), c.Weights)
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if !reflect.DeepEqual(uids, c.OutUIDs) || !reflect.DeepEqual(out, c.Out) {
			t.Errorf("case %d (%d weights, at least %d, at most %v, quantile %d): %v %v\nwant %v %v", i, n, c.MinAllowed, c.MaxWeight, c.Quantile, uids, out, c.OutUIDs, c.Out)
		}
		kept, values, err := Normalize(uids, out, SDK10)
		if err != nil || !reflect.DeepEqual(kept, c.EmitUIDs) || !reflect.DeepEqual(values, c.Emit) {
			t.Errorf("case %d: %v %v %v, want %v %v", i, kept, values, err, c.EmitUIDs, c.Emit)
		}
	}
	t.Logf("%s: %d cases", f.SDK, len(f.Cases))
}

// TestSDK11 compares with weights that the Python SDK clipped and normalised (testdata/record11.py): to the bit.
func TestSDK11(t *testing.T) {
	var f struct {
		SDK   string `json:"sdk"`
		Cases []struct {
			Weights []float64 `json:"weights"`
			Limit   uint16    `json:"limit"`
			Clipped []float64 `json:"clipped"`
			UIDs    []uint16  `json:"uids"`
			Values  []uint16  `json:"values"`
		} `json:"cases"`
	}
	recorded(t, "sdk11.json.gz", &f)
	for i, c := range f.Cases {
		if c.Limit < Max && largest(c.Weights) > 0 {
			if got, err := Clip(c.Weights, float64(c.Limit)/Max); err != nil || !reflect.DeepEqual(got, c.Clipped) {
				t.Errorf("case %d: %v clipped to %d is %v (%v), want %v", i, c.Weights, c.Limit, got, err, c.Clipped)
			}
		}
		uids, values, err := Normalize(everyone(len(c.Weights)), c.Weights, SDK11.WithLimit(c.Limit))
		if err != nil || !reflect.DeepEqual(uids, c.UIDs) || !reflect.DeepEqual(values, c.Values) {
			t.Errorf("case %d: %v %v %v, want %v %v", i, uids, values, err, c.UIDs, c.Values)
		}
	}
	t.Logf("%s: %d cases", f.SDK, len(f.Cases))
}

// TestSDKEpochs compares with the blocks that the SDK's Rust part foresaw (testdata/record_epochs.py).
func TestSDKEpochs(t *testing.T) {
	var f struct {
		SDK   string `json:"sdk"`
		Cases []struct {
			State  epochState `json:"state"`
			Period uint64     `json:"period"`
			First  uint64     `json:"first"`
			Error  string     `json:"error"`
		} `json:"cases"`
	}
	recorded(t, "epochs.json.gz", &f)
	for i, c := range f.Cases {
		got, err := c.State.epochs(c.Period).FirstReveal()
		if (err != nil) != (c.Error != "") || got != c.First {
			t.Errorf("case %d: %+v, period %d: block %d, %v; want %d, %s", i, c.State, c.Period, got, err, c.First, c.Error)
		}
	}
	t.Logf("%s: %d cases", f.SDK, len(f.Cases))
}

// near compares floats with a tolerance relative to values above 1 and absolute below.
func near(t *testing.T, got, want []float64, tolerance float64, format string, args ...any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf(format+": %d values, want %d", append(args, len(got), len(want))...)
		return
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > tolerance*max(1, math.Abs(want[i])) {
			t.Errorf(format+": value %d is %v, want %v", append(args, i, got[i], want[i])...)
			return
		}
	}
}

// off compares emitted weights whose values may differ by 1; a weight of 1 may then be missing.
func off(t *testing.T, uids, values, wantUIDs, want []uint16, format string, args ...any) {
	t.Helper()
	got := map[uint16]int{}
	for i, u := range uids {
		got[u] = int(values[i])
	}
	for i, u := range wantUIDs {
		if d := got[u] - int(want[i]); d < -1 || d > 1 {
			t.Errorf(format+": uid %d has %d, want %d", append(args, u, got[u], want[i])...)
		}
		delete(got, u)
	}
	for u, v := range got {
		if v > 1 {
			t.Errorf(format+": uid %d has %d, want none", append(args, u, v)...)
		}
	}
}
