package logicnet

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/vectortest"
)

// byUID are the objects of the vectors that have uids as keys.
type byUID[T any] map[string]T

func (m byUID[T]) ints(t *testing.T) map[int]T {
	t.Helper()
	out := make(map[int]T, len(m))
	for k, v := range m {
		uid, err := strconv.Atoi(k)
		if err != nil {
			t.Fatalf("uid %q: %v", k, err)
		}
		out[uid] = v
	}
	return out
}

func sorted[T any](m map[int]T) []int {
	var uids []int
	for uid := range m {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

// close_ reports whether two numbers agree within a relative or absolute tolerance.
func close_(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

func TestVectorsQuota(t *testing.T) {
	const file = "logicnet/validator_quota.json"
	var f struct {
		About string
		Cases []struct {
			Stakes   []float64 `json:"total_stake_f32"`
			Volume   float64   `json:"epoch_volume"`
			MinStake float64   `json:"min_stake"`
			Quota    byUID[float64]
		}
	}
	vectortest.Decode(t, file, &f)
	for _, r := range []Rules{Reference(), Hardened()} {
		for i, c := range f.Cases {
			r.MinStake = c.MinStake
			if got, want := r.Quotas(c.Stakes, c.Volume), c.Quota.ints(t); !reflect.DeepEqual(got, want) {
				t.Errorf("case %d: %v, want %v", i, got, want)
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsLimiter(t *testing.T) {
	const file = "logicnet/request_limiter.json"
	var f struct {
		About string
		Cases []struct {
			Interval float64
			Steps    []struct {
				T       float64
				UID     int
				Quota   byUID[float64]
				Blocked bool
				Counter int
				Max     float64 `json:"max_request"`
			}
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		l := NewLimiter[int](seconds(c.Interval))
		for k, s := range c.Steps {
			quota, ok := s.Quota.ints(t)[s.UID]
			if !ok {
				quota = strangerQuota
			}
			if quota != s.Max {
				t.Fatalf("case %d, step %d: quota %v, want %v", i, k, quota, s.Max)
			}
			whole, part := math.Modf(s.T)
			blocked, count := l.Count(s.UID, quota, time.Unix(int64(whole), int64(part*1e9)))
			if blocked != s.Blocked || count != s.Counter {
				t.Errorf("case %d, step %d: blocked %t, count %d, want %t and %d", i, k, blocked, count, s.Blocked, s.Counter)
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

type minerEntry struct {
	Category    json.RawMessage
	EpochVolume float64 `json:"epoch_volume"`
	RateLimit   float64 `json:"rate_limit"`
	RewardScale float64 `json:"reward_scale"`
}

// text is the category as a Miner has it.
func (e minerEntry) text(t *testing.T) string {
	t.Helper()
	var s string
	if json.Unmarshal(e.Category, &s) == nil {
		return s
	}
	v, err := synapse.ParseValue(e.Category)
	if err != nil {
		t.Fatal(err)
	}
	return v.String()
}

func (e minerEntry) check(t *testing.T, name string, m Miner) {
	t.Helper()
	if m.Category != e.text(t) || m.EpochVolume != e.EpochVolume || m.RateLimit != e.RateLimit || m.RewardScale != e.RewardScale {
		t.Errorf("%s: %+v, want %s, volume %v, limit %v, scale %v", name, m, e.Category, e.EpochVolume, e.RateLimit, e.RewardScale)
	}
}

type minerInfoFile struct {
	About string
	Cases []struct {
		Stakes   []float64 `json:"total_stake_f32"`
		Own      int       `json:"validator_uid"`
		MinStake float64   `json:"min_stake"`
		Infos    byUID[map[string]synapse.Value]
		OK       bool
		Result   byUID[minerEntry]
		Default  minerEntry
	}
	Hostile []struct {
		Info    map[string]synapse.Value `json:"first_uid_info"`
		OK      bool
		Bad     minerEntry `json:"uid2"`
		Updated bool       `json:"uid3_updated"`
	}
}

func TestVectorsMinerInfo(t *testing.T) {
	const file = "logicnet/miner_info.json"
	var f minerInfoFile
	vectortest.Decode(t, file, &f)
	for _, r := range []Rules{Reference(), Hardened()} {
		for i, c := range f.Cases {
			r.MinStake = c.MinStake
			table := NewTable(r)
			table.Sync(hotkeys(len(c.Stakes)))
			infos := c.Infos.ints(t)
			failed := table.Refresh(replies(infos), c.Stakes, c.Own)
			if (len(failed) == 0) != c.OK {
				t.Errorf("case %d: errors %v, want ok %t", i, failed, c.OK)
			}
			for uid, want := range c.Result.ints(t) {
				m, ok := table.Miner(uid)
				if !ok {
					t.Fatalf("case %d: no uid %d", i, uid)
				}
				want.check(t, "case "+strconv.Itoa(i)+", uid "+strconv.Itoa(uid), m)
			}
			for _, m := range table.Miners() {
				if _, replied := infos[m.UID]; !replied {
					c.Default.check(t, "case "+strconv.Itoa(i)+", silent uid "+strconv.Itoa(m.UID), m)
				}
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

// TestVectorsHostileInfo recorded two thirds of the stake with the validator. The reference stops at the reply of uid 2 and may leave it
// half updated; hardened rules leave it alone when anything is wrong and always go on to uid 3.
func TestVectorsHostileInfo(t *testing.T) {
	const file = "logicnet/miner_info.json"
	var f minerInfoFile
	vectortest.Decode(t, file, &f)
	good := InformationReply(50)
	stakes := []float64{20000, 10000, 0, 0}
	for i, c := range f.Hostile {
		all := replies(map[int]map[string]synapse.Value{2: c.Info, 3: good})

		table := NewTable(Reference())
		table.Sync(hotkeys(4))
		failed := table.Refresh(all, stakes, 0)
		bad, _ := table.Miner(2)
		next, _ := table.Miner(3)
		if c.Bad.text(t) != bad.Category || c.Bad.RateLimit != bad.RateLimit || c.Bad.RewardScale != bad.RewardScale {
			t.Errorf("case %d: %+v, want %+v", i, bad, c.Bad)
		}
		if updated := next.Category != ""; (len(failed) == 0) != c.OK || updated != c.Updated {
			t.Errorf("case %d: errors %v, next updated %t; want ok %t, %t", i, failed, updated, c.OK, c.Updated)
		}

		table = NewTable(Hardened())
		table.Sync(hotkeys(4))
		failed = table.Refresh(all, stakes, 0)
		bad, _ = table.Miner(2)
		next, _ = table.Miner(3)
		if next.Category != Category || next.EpochVolume != 50 || next.RateLimit != 33 {
			t.Errorf("case %d, hardened: the next miner is %+v", i, next)
		}
		if !c.OK && len(failed) == 0 {
			t.Errorf("case %d, hardened: no error for what stops the reference", i)
		}
		if len(failed) > 0 && (failed[0].UID != 2 || !reflect.DeepEqual(bad, NewTable(Hardened()).fresh(2, bad.Hotkey).with(1))) {
			t.Errorf("case %d, hardened: refused reply changed the entry to %+v (%v)", i, bad, failed)
		}
	}
	vectortest.Count(t, file+" hostile", len(f.Hostile))
}

func (m Miner) with(silent int) Miner { m.Silent = silent; return m }

func hotkeys(n int) []Hotkey {
	keys := make([]Hotkey, n)
	for i := range keys {
		keys[i] = Hotkey{byte(i), byte(i >> 8), 1}
	}
	return keys
}

// replies are successful replies in the order of uids, from the miners of hotkeys.
func replies(infos map[int]map[string]synapse.Value) []InfoReply {
	var all []InfoReply
	for _, uid := range sorted(infos) {
		all = append(all, InfoReply{UID: uid, Hotkey: hotkeys(uid + 1)[uid], Success: true, Response: infos[uid]})
	}
	return all
}

func TestVectorsServingQueue(t *testing.T) {
	const file = "logicnet/serving_queue.json"
	var f struct {
		About string
		Cases []struct {
			RateLimit float64 `json:"rate_limit"`
			Synthetic float64
			Proxy     float64
		}
		Queues []struct {
			Infos byUID[struct {
				Category  string
				RateLimit float64 `json:"rate_limit"`
			}]
			Counts       byUID[int] `json:"queue_counts"`
			ProxyLen     int        `json:"proxy_len"`
			SyntheticLen int        `json:"synthetic_len"`
		}
	}
	vectortest.Decode(t, file, &f)
	r := Reference()
	for i, c := range f.Cases {
		if s, p := r.Split(c.RateLimit); s != c.Synthetic || p != c.Proxy {
			t.Errorf("case %d: %v splits into %v and %v, want %v and %v", i, c.RateLimit, s, p, c.Synthetic, c.Proxy)
		}
	}
	for i, c := range f.Queues {
		infos, counts := c.Infos.ints(t), c.Counts.ints(t)
		var miners []Miner
		for _, uid := range sorted(infos) {
			miners = append(miners, Miner{UID: uid, Category: infos[uid].Category, RateLimit: infos[uid].RateLimit})
		}
		q := r.NewQueue(miners)
		proxyLen := 0
		for uid := range infos {
			s, p := q.Places(uid)
			proxyLen += p
			if s != counts[uid] {
				t.Errorf("queue %d: uid %d has %d places, want %d", i, uid, s, counts[uid])
			}
		}
		if q.Active() != len(counts) || q.Len() != c.SyntheticLen || proxyLen != c.ProxyLen {
			t.Errorf("queue %d: %d active, %d and %d places, want %d, %d and %d", i, q.Active(), q.Len(), proxyLen, len(counts), c.SyntheticLen, c.ProxyLen)
		}
	}
	vectortest.Count(t, file, len(f.Cases)+len(f.Queues))
}

func TestVectorsScoreHistory(t *testing.T) {
	const file = "logicnet/score_history.json"
	var f struct {
		About string
		Cases []struct {
			Ops []struct {
				UIDs   []int
				Scores []float64
			}
			Scores   byUID[[]float64]
			Exported byUID[[]float64] `json:"exported_scores"`
		}
	}
	vectortest.Decode(t, file, &f)
	for _, r := range []Rules{Reference(), Hardened()} {
		for i, c := range f.Cases {
			scores, exported := c.Scores.ints(t), c.Exported.ints(t)
			n := 0
			for uid := range scores {
				n = max(n, uid+1)
			}
			table := NewTable(r)
			table.Sync(hotkeys(n))
			for _, op := range c.Ops {
				var round []Incentive
				for k, uid := range op.UIDs {
					round = append(round, Incentive{UID: uid, Value: op.Scores[k]})
				}
				table.Record(round)
			}
			for uid, want := range scores {
				if m, _ := table.Miner(uid); !slices.Equal(m.Scores, want) {
					t.Errorf("case %d, uid %d: %v, want %v", i, uid, m.Scores, want)
				}
			}
			out := table.Export()
			for uid, want := range exported {
				if !slices.Equal(out[uid], want) {
					t.Errorf("case %d, uid %d: exported %v, want %v", i, uid, out[uid], want)
				}
				stored := scores[uid]
				if r.RoundStored {
					stored = want
				}
				if m, _ := table.Miner(uid); !slices.Equal(m.Scores, stored) {
					t.Errorf("case %d, uid %d: %v after the export, want %v", i, uid, m.Scores, stored)
				}
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsIncentive(t *testing.T) {
	const file = "logicnet/incentive.json"
	var f struct {
		About string
		Curve []struct {
			Rank      int
			Incentive float64
		}
		Cases []struct {
			UIDs       [][]int
			Rewards    [][]float64
			OutUIDs    []int                `json:"out_uids"`
			Incentives []float64            `json:"out_incentives"`
			Logs       []struct{ B, I int } `json:"representative_logs"`
		}
	}
	vectortest.Decode(t, file, &f)
	r := Reference()
	for _, c := range f.Curve {
		if got := r.rankValue(c.Rank, 1); !close_(got, c.Incentive, 1e-12) {
			t.Errorf("rank %d: %v, want %v", c.Rank, got, c.Incentive)
		}
	}
	for i, c := range f.Cases {
		var results []Scored
		var first [][2]int
		for b, uids := range c.UIDs {
			for k, uid := range uids {
				results = append(results, Scored{UID: uid, Scaled: c.Rewards[b][k]})
				first = append(first, [2]int{b, k})
			}
		}
		round := r.Incentives(results)
		if len(round) != len(c.OutUIDs) {
			t.Errorf("case %d: %d miners, want %d", i, len(round), len(c.OutUIDs))
			continue
		}
		for k, got := range round {
			if got.UID != c.OutUIDs[k] || !close_(got.Value, c.Incentives[k], 1e-12) || first[got.First] != [2]int{c.Logs[k].B, c.Logs[k].I} {
				t.Errorf("case %d, result %d: %+v, want uid %d, %v, first %v", i, k, got, c.OutUIDs[k], c.Incentives[k], c.Logs[k])
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases)+len(f.Curve))
}

// TestVectorsReward holds both rule sets to the formula: the hardened one differs only where an answer is not wholly right.
func TestVectorsReward(t *testing.T) {
	const file = "logicnet/reward_grid.json"
	var f struct {
		About   string
		Weights struct{ Similarity, Correctness, Time float64 }
		Cases   []struct {
			Similarity, Correctness, Timeout, Reward float64
			Seconds                                  float64 `json:"process_time"`
		}
	}
	vectortest.Decode(t, file, &f)
	r, h := Reference(), Hardened()
	if f.Weights.Similarity != r.SimilarityWeight || f.Weights.Correctness != r.CorrectnessWeight || f.Weights.Time != -r.TimePenalty {
		t.Errorf("weights are %v, the rules have %v, %v, %v", f.Weights, r.SimilarityWeight, r.CorrectnessWeight, -r.TimePenalty)
	}
	for i, c := range f.Cases {
		if got := r.Reward(c.Similarity, c.Correctness, c.Seconds, c.Timeout); !close_(got, c.Reward, 1e-12) {
			t.Errorf("case %d: %v, want %v", i, got, c.Reward)
		}
		got := h.Reward(c.Similarity, c.Correctness, c.Seconds, c.Timeout)
		switch {
		case c.Correctness == 1 && !close_(got, c.Reward, 1e-12):
			t.Errorf("case %d, hardened: a right answer has %v, want %v", i, got, c.Reward)
		case c.Correctness <= 0 && got != 0:
			t.Errorf("case %d, hardened: a wrong answer has %v", i, got)
		case !(got >= 0 && got <= 1):
			t.Errorf("case %d, hardened: %v", i, got)
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsRewardBatch(t *testing.T) {
	const file = "logicnet/reward_batch.json"
	var f struct {
		About string
		Cases []struct {
			UIDs         []int
			Success      []bool
			Seconds      []float64      `json:"process_times"`
			Similarities []float64      `json:"valid_similarities"`
			Correctness  []float64      `json:"valid_correctness"`
			Scales       byUID[float64] `json:"reward_scales"`
			OutUIDs      []int          `json:"out_uids"`
			OutRewards   []float64      `json:"out_rewards"`
			Scaled       []float64      `json:"scaled_rewards"`
			LogUIDs      []int          `json:"log_uids"`
			LogRewards   []float64      `json:"log_rewards"`
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		responses := make([]Response, len(c.UIDs))
		valid := 0
		for k, uid := range c.UIDs {
			responses[k] = Response{UID: uid, Success: c.Success[k], Seconds: c.Seconds[k]}
			if c.Success[k] {
				responses[k].Similarity, responses[k].Correctness = c.Similarities[valid], c.Correctness[valid]
				valid++
			}
		}
		scales := c.Scales.ints(t)
		got, err := Reference().RewardBatch(responses, func(uid int) float64 { return scales[uid] })
		if err != nil || len(got) != len(c.OutUIDs) || len(got) != len(c.LogUIDs) {
			t.Errorf("case %d: %d results (%v), want %d", i, len(got), err, len(c.OutUIDs))
			continue
		}
		for k, s := range got {
			if s.UID != c.OutUIDs[k] || s.UID != c.LogUIDs[k] || c.UIDs[s.Index] != s.UID {
				t.Errorf("case %d, result %d: uid %d (%d), want %d", i, k, s.UID, c.UIDs[s.Index], c.OutUIDs[k])
			}
			if !close_(s.Reward, c.OutRewards[k], 1e-12) || !close_(s.Reward, c.LogRewards[k], 1e-12) || !close_(s.Scaled, c.Scaled[k], 1e-12) {
				t.Errorf("case %d, result %d: %v, scaled %v, want %v and %v", i, k, s.Reward, s.Scaled, c.OutRewards[k], c.Scaled[k])
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsCosine(t *testing.T) {
	const file = "logicnet/cosine.json"
	var f struct {
		About string
		Cases []struct {
			A, B       []float32
			Similarity float64
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		got, err := Cosine(c.A, c.B)
		if err != nil || !close_(got, c.Similarity, 2e-6) {
			t.Errorf("case %d: %v (%v), want %v", i, got, err, c.Similarity)
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsWeights(t *testing.T) {
	const file = "logicnet/weights.json"
	var f struct {
		About string
		Cases []struct {
			N      int
			Miners byUID[struct {
				Category string
				Scores   []float64
			}]
			Scores     []float64 `json:"scores_f32"`
			MinAllowed int       `json:"min_allowed_weights"`
			MaxWeight  float64   `json:"max_weight_limit"`
			UIDs       []uint16  `json:"processed_uids"`
			Weights    []float64 `json:"processed_weights_f32"`
			EmitUIDs   []uint16  `json:"emit_uids"`
			Emit       []uint16  `json:"emit_u16"`
			Error      *string
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		for _, r := range []Rules{Reference(), Hardened()} {
			miners := make([]Miner, c.N)
			for uid, m := range c.Miners.ints(t) {
				miners[uid] = Miner{UID: uid, Category: m.Category, Scores: m.Scores}
			}
			scores := r.Scores(miners)
			none := true
			for uid, want := range c.Scores {
				none = none && want == 0
				if !close_(scores[uid], want, 1e-6) {
					t.Errorf("case %d, uid %d: score %v, want %v", i, uid, scores[uid], want)
				}
			}
			got, err := r.ChainWeights(scores, weights.Rules{MinAllowed: c.MinAllowed, MaxWeight: c.MaxWeight})
			if none && !r.EqualWhenNone {
				if err != ErrNoScores {
					t.Errorf("case %d: %v, want %v", i, err, ErrNoScores)
				}
				continue
			}
			if (err != nil) != (c.Error != nil) {
				t.Errorf("case %d: error %v, want %v", i, err, c.Error)
			}
			if err != nil {
				continue
			}
			if !slices.Equal(got.Processed, c.UIDs) || !slices.Equal(got.UIDs, c.EmitUIDs) {
				t.Errorf("case %d: uids %v and %v, want %v and %v", i, got.Processed, got.UIDs, c.UIDs, c.EmitUIDs)
				continue
			}
			for k, want := range c.Weights {
				if !close_(got.Shares[k], want, 1e-6) {
					t.Errorf("case %d: weight %d is %v, want %v", i, k, got.Shares[k], want)
				}
			}
			for k, want := range c.Emit {
				if d := int(got.Values[k]) - int(want); d < -1 || d > 1 {
					t.Errorf("case %d: value %d is %d, want %d", i, k, got.Values[k], want)
				}
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsNormalizeMaxWeight(t *testing.T) {
	const file = "logicnet/normalize_max_weight.json"
	var f struct {
		About string
		Cases []struct {
			X     []float32 `json:"x_f32"`
			Limit float64
			Y     []float64 `json:"y_f32"`
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		got := weights.NormalizeMax(c.X, c.Limit)
		for k, want := range c.Y {
			if !close_(float64(got[k]), want, 1e-6) {
				t.Errorf("case %d: weight %d is %v, want %v", i, k, got[k], want)
			}
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

func TestVectorsEmitWeights(t *testing.T) {
	const file = "logicnet/emit_weights.json"
	var f struct {
		About string
		Cases []struct {
			UIDs    []uint16
			Weights []float64 `json:"weights_f32"`
			Out     []uint16  `json:"emit_uids"`
			Values  []uint16  `json:"emit_u16"`
		}
	}
	vectortest.Decode(t, file, &f)
	for i, c := range f.Cases {
		uids, values, err := weights.Normalize(c.UIDs, c.Weights, weights.SDK10)
		if err != nil || !slices.Equal(uids, c.Out) || !slices.Equal(values, c.Values) {
			t.Errorf("case %d: %v %v (%v), want %v %v", i, uids, values, err, c.Out, c.Values)
		}
	}
	vectortest.Count(t, file, len(f.Cases))
}

// TestVectorsFlags holds the rules to the reference's flags that name them.
func TestVectorsFlags(t *testing.T) {
	const file = "logicnet/config_flags.json"
	type flag struct {
		Flag    []string
		Type    string
		Action  string
		Default any
	}
	var f struct {
		About            string
		Validator, Miner []flag
		MinStake         float64 `json:"min_stake"`
		Cases            []any
	}
	vectortest.Decode(t, file, &f)
	r := Reference()
	want := map[string]float64{
		"--miner.min_stake": r.MinStake, "--min_stake": r.MinStake, "--miner.limit_interval": r.LimitSeconds,
		"--loop_base_time": r.RoundSeconds, "--batch_size": float64(r.BatchSize), "--batch_number": float64(r.Batches),
		"--neuron.epoch_length": float64(r.WeightBlocks),
	}
	if f.MinStake != r.MinStake {
		t.Errorf("min_stake is %v, want %v", f.MinStake, r.MinStake)
	}
	for _, flag := range slices.Concat(f.Validator, f.Miner) {
		for _, name := range flag.Flag {
			if value, ok := want[name]; ok && flag.Default != value {
				t.Errorf("%s is %v by default, the rules have %v", name, flag.Default, value)
			}
		}
	}
	vectortest.Count(t, file, len(f.Validator)+len(f.Miner))
}
