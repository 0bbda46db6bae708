package logicnet

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// response reads the response_dict of a reply.
func response(t testing.TB, text string) map[string]synapse.Value {
	t.Helper()
	var s Information
	if _, _, err := synapse.MustTypeOf[Information]().ParseJSON([]byte(`{"response_dict": `+text+`}`), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Response
}

func TestParseInfo(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		text           string
		reference      Info
		stops, refuses bool // the reference fails, hardened rules do
	}{
		{text: `{"epoch_volume": 50, "category": "Logic"}`, reference: Info{"Logic", 50}},
		{text: `{"category": "Logic"}`, reference: Info{"Logic", 512}},
		{text: `{"x": 1}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": 0, "category": null}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": 0.0, "category": 0}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": -0.0, "category": false}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": "", "category": []}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": {}, "category": {}}`, reference: Info{"", 512}},
		{text: `{"epoch_volume": 12.5, "category": "Other"}`, reference: Info{"Other", 12.5}},
		{text: `{"epoch_volume": 1000000, "category": "Logic"}`, reference: Info{"Logic", 1e6}},
		{text: `{"epoch_volume": 1000001, "category": "Logic"}`, reference: Info{"Logic", 1000001}, refuses: true},
		{text: `{"epoch_volume": 1e308, "category": "Logic"}`, reference: Info{"Logic", 1e308}, refuses: true},
		{text: `{"epoch_volume": Infinity, "category": "Logic"}`, reference: Info{"Logic", inf}, refuses: true},
		{text: `{"epoch_volume": -Infinity, "category": "Logic"}`, reference: Info{"Logic", -inf}, refuses: true},
		{text: `{"epoch_volume": -5, "category": "Logic"}`, reference: Info{"Logic", -5}, refuses: true},
		{text: `{"epoch_volume": true, "category": "Logic"}`, reference: Info{"Logic", 1}, refuses: true},
		{text: `{"epoch_volume": 50, "category": 5}`, reference: Info{"5", 50}, refuses: true},
		{text: `{"epoch_volume": 50, "category": true}`, reference: Info{"true", 50}, refuses: true},
		{text: `{"epoch_volume": 50, "category": "` + strings.Repeat("x", 65) + `"}`, reference: Info{strings.Repeat("x", 65), 50}, refuses: true},
		{text: `{"epoch_volume": 50, "category": "` + strings.Repeat("x", 64) + `"}`, reference: Info{strings.Repeat("x", 64), 50}},
		{text: `{"epoch_volume": NaN, "category": "Logic"}`, stops: true, refuses: true},
		{text: `{"epoch_volume": "50", "category": "Logic"}`, stops: true, refuses: true},
		{text: `{"epoch_volume": [1], "category": "Logic"}`, stops: true, refuses: true},
		{text: `{"epoch_volume": {"a": 1}, "category": "Logic"}`, stops: true, refuses: true},
		{text: `{"epoch_volume": 1` + strings.Repeat("0", 400) + `, "category": "Logic"}`, stops: true, refuses: true},
		{text: `{"epoch_volume": 50, "category": ["Logic"]}`, stops: true, refuses: true},
		{text: `{"epoch_volume": 50, "category": {"Logic": 1}}`, stops: true, refuses: true},
	} {
		got, err := Reference().ParseInfo(response(t, c.text))
		if c.stops != errors.Is(err, ErrInfo) || got != c.reference {
			t.Errorf("%s: reference gives %+v, %v", shorten(c.text), got, err)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: error of %d bytes", shorten(c.text), len(err.Error()))
		}
		got, err = Hardened().ParseInfo(response(t, c.text))
		want := c.reference
		if c.refuses {
			want = Info{}
		}
		if c.refuses != errors.Is(err, ErrInfo) || got != want {
			t.Errorf("%s: hardened gives %+v, %v", shorten(c.text), got, err)
		}
	}
}

func TestParseInfoNil(t *testing.T) {
	for _, r := range []Rules{Reference(), Hardened()} {
		if got, err := r.ParseInfo(nil); err != nil || got != (Info{"", 512}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// FuzzInformation reads replies as they come from miners and takes them into a table: nothing a miner says may break it, make a number
// that is none, or reach the miner after it.
func FuzzInformation(f *testing.F) {
	for _, seed := range []string{
		`{"response_dict": {"epoch_volume": 50, "category": "Logic"}}`,
		`{"response_dict": {"epoch_volume": "50", "category": ["Logic"]}}`,
		`{"response_dict": {"epoch_volume": NaN, "category": {"a": -0.0}}}`,
		`{"response_dict": {"epoch_volume": -1e400, "category": "\ud800"}}`,
		`{"response_dict": {"epoch_volume": true}}`,
		`{"response_dict": []}`, `{"response_dict": null}`, `{}`, `[]`, ``,
		`{"response_dict": {"epoch_volume": 123456789012345678901234567890}}`,
		`{"axon": {"status_code": 200}, "request_dict": {"": 1}, "response_dict": {"epoch_volume": 1e-320, "category": ""}}`,
	} {
		f.Add([]byte(seed))
	}
	class := synapse.MustTypeOf[Information]()
	good := InformationReply(50)
	stakes := []float64{20000, 10000, 0}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 {
			return
		}
		var s Information
		if _, _, err := class.ParseJSON(body, &s); err != nil {
			return
		}
		for _, r := range []Rules{Reference(), Hardened()} {
			info, err := r.ParseInfo(s.Response)
			if math.IsNaN(info.EpochVolume) || err != nil && (info != Info{} || !errors.Is(err, ErrInfo)) {
				t.Errorf("%+v, %v", info, err)
			}
			table := NewTable(r)
			table.Sync(hotkeys(3))
			failed := table.Refresh(replies(map[int]map[string]synapse.Value{1: s.Response, 2: good}), stakes, 0)
			m, _ := table.Miner(1)
			if !(m.RateLimit >= 0 && m.RateLimit <= r.MaxQuota && m.RewardScale >= 0 && m.RewardScale <= 1) {
				t.Errorf("%+v", m)
			}
			if r == Hardened() {
				if !(m.EpochVolume >= 0 && m.EpochVolume <= r.MaxVolume) || len(m.Category) > maxCategory {
					t.Errorf("%+v", m)
				}
				if next, _ := table.Miner(2); next.EpochVolume != 50 || len(failed) > 1 {
					t.Errorf("the next miner has %+v, errors %v", next, failed)
				}
			}
			if err := NewTable(r).Restore(table.Miners()); err != nil {
				t.Errorf("couldn't restore: %v", err)
			}
			if q := table.Queue(); q.Active() > 0 && len(q.Batch(NewRand([32]byte{}))) == 0 {
				t.Error("an active miner cannot be drawn")
			}
		}
	})
}
