package logicnet

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// testTable returns a table of n miners that all serve the category, each with its uid/100 as its last value.
func testTable(t testing.TB, r Rules, n int) *Table {
	t.Helper()
	table := NewTable(r)
	if changed := table.Sync(hotkeys(n)); len(changed) != n {
		t.Fatalf("%d of %d uids are new", len(changed), n)
	}
	infos := map[int]map[string]synapse.Value{}
	var round []Incentive
	for uid := range n {
		infos[uid] = InformationReply(512)
		round = append(round, Incentive{UID: uid, Value: float64(uid) / 100})
	}
	if failed := table.Refresh(replies(infos), make([]float64, n), 0); failed != nil {
		t.Fatal(failed)
	}
	table.Record(round)
	return table
}

func scores(t *testing.T, table *Table) [][]float64 {
	t.Helper()
	var all [][]float64
	for i, m := range table.Miners() {
		if m.UID != i {
			t.Fatalf("entry %d has uid %d", i, m.UID)
		}
		all = append(all, m.Scores)
	}
	return all
}

func TestSync(t *testing.T) {
	k := hotkeys(8)
	for name, c := range map[string]struct {
		hotkeys  []Hotkey
		changed  []int
		hardened [][]float64
		// reference keeps scores by uid
		reference [][]float64
	}{
		"the same":   {k[:3], nil, [][]float64{{0}, {.01}, {.02}}, [][]float64{{0}, {.01}, {.02}}},
		"replaced":   {[]Hotkey{k[0], k[5], k[2]}, []int{1}, [][]float64{{0}, nil, {.02}}, [][]float64{{0}, {.01}, {.02}}},
		"grown":      {k[:4], []int{3}, [][]float64{{0}, {.01}, {.02}, nil}, [][]float64{{0}, {.01}, {.02}, nil}},
		"shrunk":     {k[:1], nil, [][]float64{{0}}, [][]float64{{0}}},
		"moved":      {[]Hotkey{k[0], k[6], k[1]}, []int{1, 2}, [][]float64{{0}, nil, {.01}}, [][]float64{{0}, {.01}, {.02}}},
		"swapped":    {[]Hotkey{k[1], k[0], k[2]}, []int{0, 1}, [][]float64{{.01}, {0}, {.02}}, [][]float64{{0}, {.01}, {.02}}},
		"twice":      {[]Hotkey{k[0], k[0], k[0]}, []int{1, 2}, [][]float64{{0}, nil, nil}, [][]float64{{0}, {.01}, {.02}}},
		"moved on":   {[]Hotkey{k[5], k[6], k[7], k[2], k[2]}, []int{0, 1, 2, 3, 4}, [][]float64{nil, nil, nil, {.02}, nil}, [][]float64{{0}, {.01}, {.02}, nil, nil}},
		"no neurons": {nil, nil, nil, nil},
	} {
		for _, r := range []Rules{Reference(), Hardened()} {
			table := testTable(t, r, 3)
			if changed := table.Sync(c.hotkeys); !slices.Equal(changed, c.changed) {
				t.Errorf("%s: changed %v, want %v", name, changed, c.changed)
			}
			want := c.hardened
			if r.KeepScores {
				want = c.reference
			}
			if got := scores(t, table); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: scores %v, want %v (keep %t)", name, got, want, r.KeepScores)
			}
			for uid, h := range c.hotkeys {
				if m, ok := table.Miner(uid); !ok || m.Hotkey != h {
					t.Errorf("%s: uid %d has %v", name, uid, m.Hotkey)
				}
			}
		}
	}
}

// A new owner of a uid starts from nothing: category, limits, scale and silence included.
func TestSyncResets(t *testing.T) {
	table := testTable(t, Hardened(), 2)
	other := Hotkey{99}
	table.Sync([]Hotkey{other, hotkeys(2)[1]})
	if m, _ := table.Miner(0); !reflect.DeepEqual(m, Miner{UID: 0, Hotkey: other, EpochVolume: 512}) {
		t.Errorf("%+v", m)
	}
	if table.RewardScale(0) != 0 || table.RewardScale(1) != 1 {
		t.Errorf("scales %v and %v", table.RewardScale(0), table.RewardScale(1))
	}
}

func TestSyncBounds(t *testing.T) {
	table := NewTable(Hardened())
	table.Sync(make([]Hotkey, maxNeurons+5))
	if table.Len() != maxNeurons {
		t.Errorf("%d uids", table.Len())
	}
	for _, uid := range []int{-1, maxNeurons, math.MinInt64, math.MaxInt64} {
		if _, ok := table.Miner(uid); ok || table.RewardScale(uid) != 0 {
			t.Errorf("there is a uid %d", uid)
		}
	}
}

func TestRefreshIgnores(t *testing.T) {
	good := InformationReply(50)
	k := hotkeys(3)
	for name, c := range map[string]struct {
		reply               InfoReply
		reference, hardened bool // it is taken
		err                 bool // under hardened rules
	}{
		"a good one":     {InfoReply{1, k[1], true, good}, true, true, false},
		"another status": {InfoReply{1, k[1], false, good}, true, false, false},
		"an empty one":   {InfoReply{1, k[1], true, nil}, false, false, false},
		"another hotkey": {InfoReply{1, k[2], true, good}, true, false, true},
		"no such uid":    {InfoReply{3, k[1], true, good}, false, false, false},
		"a negative uid": {InfoReply{-1, k[1], true, good}, false, false, false},
	} {
		for _, r := range []Rules{Reference(), Hardened()} {
			table := NewTable(r)
			table.Sync(k)
			failed := table.Refresh([]InfoReply{c.reply}, []float64{20000, 0, 0}, 0)
			want := c.hardened
			if r.LooseInfo {
				want = c.reference
			}
			taken := false
			for _, m := range table.Miners() {
				taken = taken || m.Category != ""
			}
			if taken != want || r == Hardened() && (len(failed) > 0) != c.err {
				t.Errorf("%s: taken %t, errors %v (loose %t)", name, taken, failed, r.LooseInfo)
			}
			for _, e := range failed {
				if !errors.Is(e, ErrInfo) || e.UID != 1 || e.Error() == "" {
					t.Errorf("%s: %v", name, e)
				}
			}
		}
	}
}

// TestExpiry lets miner 1 fall silent: it leaves the queue and the weights after ExpireAfter refreshes, never in the reference, and is back
// with its first reply.
func TestExpiry(t *testing.T) {
	for _, r := range []Rules{Reference(), Hardened()} {
		table := testTable(t, r, 2)
		only0 := map[int]map[string]synapse.Value{0: InformationReply(512)}
		for i := range 10 {
			m, _ := table.Miner(1)
			if active := r.ExpireAfter == 0 || i < r.ExpireAfter; r.Active(m) != active || (r.Score(m) > 0) != active || m.Silent != i {
				t.Errorf("after %d refreshes: %+v, active %t", i, m, r.Active(m))
			}
			table.Refresh(nil, []float64{1, 1}, 0) // nobody replied: not the miner's fault
			table.Refresh(replies(only0), []float64{1, 1}, 0)
		}
		table.Refresh(replies(map[int]map[string]synapse.Value{1: InformationReply(512)}), []float64{1, 1}, 0)
		if m, _ := table.Miner(1); !r.Active(m) || m.Silent != 0 || len(m.Scores) != 1 {
			t.Errorf("back again: %+v", m)
		}
	}
}

func TestActive(t *testing.T) {
	for category, want := range map[string][2]bool{"": {false, false}, "Logic": {true, true}, "Other": {true, false}, "logic": {true, false}} {
		m := Miner{Category: category, Scores: []float64{1}}
		if got := [2]bool{Reference().Active(m), Hardened().Active(m)}; got != want {
			t.Errorf("%q: active %v, want %v", category, got, want)
		}
		for _, r := range []Rules{Reference(), Hardened()} {
			if earns := r.Score(m) > 0; earns != (category == Category) {
				t.Errorf("%q: earns %t", category, earns)
			}
		}
	}
}

func TestRecord(t *testing.T) {
	table := testTable(t, Hardened(), 2)
	for i := range 7 {
		table.Record([]Incentive{{UID: 0, Value: float64(i)}, {UID: 9, Value: 1}, {UID: -1, Value: 1}})
	}
	table.Record([]Incentive{{UID: 1, Value: math.NaN()}, {UID: 1, Value: math.Inf(1)}})
	if got := scores(t, table); !reflect.DeepEqual(got, [][]float64{{2, 3, 4, 5, 6}, {.01, 0, 0}}) {
		t.Errorf("%v", got)
	}
}

func TestMinersAreCopies(t *testing.T) {
	table := testTable(t, Hardened(), 2)
	table.Miners()[1].Scores[0] = 7
	m, _ := table.Miner(1)
	m.Scores[0] = 8
	stored := table.Miners()
	if err := table.Restore(stored); err != nil {
		t.Fatal(err)
	}
	stored[1].Scores[0] = 9
	if got := scores(t, table); got[1][0] != .01 {
		t.Errorf("somebody else wrote into the table: %v", got)
	}
}

func TestRestore(t *testing.T) {
	table := testTable(t, Hardened(), 3)
	text, err := json.Marshal(table.Miners())
	if err != nil {
		t.Fatal(err)
	}
	var stored []Miner
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	again := NewTable(Hardened())
	if err := again.Restore(stored); err != nil || !reflect.DeepEqual(again.Miners(), table.Miners()) {
		t.Errorf("%v: %+v", err, again.Miners())
	}
	long := stored[0]
	long.Scores = []float64{1, 2, 3, 4, 5, 6}
	if err := again.Restore([]Miner{long}); err != nil || !slices.Equal(again.Miners()[0].Scores, []float64{2, 3, 4, 5, 6}) {
		t.Errorf("%v: %+v", err, again.Miners())
	}
	before := again.Miners()
	nan := math.NaN()
	for name, bad := range map[string]Miner{
		"uid":      {UID: 1},
		"volume":   {EpochVolume: nan},
		"limit":    {RateLimit: nan},
		"negative": {RateLimit: -1},
		"endless":  {RateLimit: math.Inf(1)},
		"scale":    {RewardScale: 1.5},
		"no scale": {RewardScale: nan},
		"score":    {Scores: []float64{1, nan}},
		"silent":   {Silent: -1},
	} {
		if err := again.Restore([]Miner{bad}); !errors.Is(err, ErrTable) || !reflect.DeepEqual(again.Miners(), before) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := again.Restore(make([]Miner, maxNeurons+1)); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
}

func TestRound3(t *testing.T) {
	for x, want := range map[float64]float64{0.0005: 0.001, 0.0015: 0.002, 0.0025: 0.003, 0.740501: 0.741, 2.6755: 2.675, -0.0004: 0, 1e300: 1e300} {
		if got := round3(x); got != want { // as Python rounds: the decimal nearest to the binary value
			t.Errorf("%v becomes %v, want %v", x, got, want)
		}
	}
}
