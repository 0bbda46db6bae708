package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func get(t *testing.T, r *Registry, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestMetricsCountEvents(t *testing.T) {
	r := New(Options{})
	yes, no := true, false
	for _, e := range []Event{
		{Kind: Block, Node: "chain", Block: 42},
		{Kind: Phase, Node: "miner-1", Window: 30},
		{Kind: Group, Node: "miner-1", Rollouts: 16, Tokens: 900, Seconds: 2},
		{Kind: Group, Node: "miner-1", Rollouts: 16, Tokens: 100},
		{Kind: Dropped, Node: "miner-1", Rollouts: 16},
		{Kind: Upload, Node: "miner-1", Rollouts: 16, Bytes: 1234},
		{Kind: Verdict, Node: "validator-1", Accepted: &yes, Checked: 16, Valid: 16},
		{Kind: Verdict, Node: "validator-1", Accepted: &no, Check: "proof_valid", Checked: 1, Valid: 0},
		{Kind: Verdict, Node: "validator-1"},
		{Kind: Weights, Node: "validator-1", Weights: map[int]float64{3: 0.75}},
		{Kind: Group, Node: "evil", Rollouts: -5, Tokens: -5}, // counters must not panic
	} {
		r.Emit(e)
	}
	code, text := get(t, r, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	for _, want := range []string{
		`nanteos_block 42`,
		`nanteos_window{node="miner-1"} 30`,
		`nanteos_rollouts_total{fate="made",node="miner-1"} 32`,
		`nanteos_rollouts_total{fate="dropped",node="miner-1"} 16`,
		`nanteos_rollouts_total{fate="uploaded",node="miner-1"} 16`,
		`nanteos_tokens_total{node="miner-1"} 1000`,
		`nanteos_uploaded_bytes_total{node="miner-1"} 1234`,
		`nanteos_verdicts_total{check="",node="validator-1",result="accepted"} 1`,
		`nanteos_verdicts_total{check="proof_valid",node="validator-1",result="refused"} 1`,
		`nanteos_verdicts_total{check="",node="validator-1",result="unjudged"} 1`,
		`nanteos_checked_rollouts_total{node="validator-1",result="valid"} 16`,
		`nanteos_checked_rollouts_total{node="validator-1",result="invalid"} 1`,
		`nanteos_weight{node="validator-1",uid="3"} 0.75`,
		`nanteos_events_total{kind="group",node="miner-1"} 2`,
		`nanteos_duration_seconds_count{kind="group",node="miner-1"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestHealth(t *testing.T) {
	r := New(Options{})
	uid := 2
	at := time.Unix(100, 0).UTC()
	r.Emit(Event{Time: at, Kind: Start, Node: "miner-1", Role: "miner", Hotkey: "5a", UID: &uid})
	r.Emit(Event{Time: at.Add(time.Second), Kind: Phase, Node: "miner-1", Role: "miner", Window: 60, Phase: "generating"})
	r.Emit(Event{Time: at.Add(2 * time.Second), Kind: Fault, Node: "miner-1", Role: "miner", Reason: "the store is away", Hint: "look"})
	r.Emit(Event{Kind: Block, Node: "chain"})
	h := r.Nodes()
	if len(h) != 2 || h[0].Node != "miner-1" || h[1].Node != "chain" {
		t.Fatalf("nodes are %+v", h)
	}
	want := Health{Node: "miner-1", Role: "miner", Hotkey: "5a", UID: &uid, Running: true, Window: 60, Phase: "generating",
		Seen: at.Add(2 * time.Second), Fault: "the store is away", Hint: "look", FaultTime: at.Add(2 * time.Second)}
	if marshal(t, h[0]) != marshal(t, want) {
		t.Errorf("got  %s\nwant %s", marshal(t, h[0]), marshal(t, want))
	}
	if code, text := get(t, r, "/health"); code != http.StatusOK || !strings.Contains(text, `"phase":"generating"`) {
		t.Errorf("status %d: %s", code, text)
	}
	r.Emit(Event{Kind: Upload, Node: "miner-1", Role: "miner"})
	if h := r.Nodes()[0]; h.Fault != "" || h.Hint != "" {
		t.Errorf("the fault outlived a finished window: %+v", h)
	}
	r.Emit(Event{Kind: Stop, Node: "miner-1", Role: "miner", Reason: "disk is full"})
	if h := r.Nodes()[0]; h.Running || h.Fault != "disk is full" {
		t.Errorf("after its end: %+v", h)
	}
	if code, _ := get(t, r, "/health"); code != http.StatusServiceUnavailable {
		t.Errorf("status %d with a node that has ended", code)
	}
}

func TestLogLevels(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		e    Event
		want slog.Level
	}{
		{Event{Kind: Block}, slog.LevelDebug},
		{Event{Kind: Phase}, slog.LevelDebug},
		{Event{Kind: Upload}, slog.LevelInfo},
		{Event{Kind: Stop}, slog.LevelInfo},
		{Event{Kind: Stop, Reason: "x"}, slog.LevelError},
		{Event{Kind: Verdict, Accepted: &yes}, slog.LevelInfo},
		{Event{Kind: Verdict, Accepted: &no}, slog.LevelWarn},
		{Event{Kind: Fault}, slog.LevelWarn},
		{Event{Kind: Skipped}, slog.LevelWarn},
		{Event{Kind: Dropped}, slog.LevelWarn},
	} {
		if got := c.e.Level(); got != c.want {
			t.Errorf("%s (reason %q): level %v, want %v", c.e.Kind, c.e.Reason, got, c.want)
		}
	}
}

func TestLogWritesWhatIsThere(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	no, row, uid, group, reward := false, 4, 2, int64(9), 0.25
	Log(context.Background(), logger, Event{Kind: Verdict, Node: "validator-1", Hotkey: "5a", UID: &uid, Window: 60, Rollouts: 16, Accepted: &no, Check: "proof_valid", Row: &row, Reason: "too far"})
	Log(context.Background(), logger, Event{Kind: Group, Node: "miner-1", Window: 60, Group: &group, Reward: &reward, Seconds: 1.5, Bytes: 3, File: "f"})
	Log(context.Background(), logger, Event{Kind: Block, Node: "chain"}) // below the logger's level
	const want = "level=WARN msg=verdict node=validator-1 window=60 hotkey=5a uid=2 rollouts=16 accepted=false check=proof_valid row=4 reason=\"too far\"\n" +
		"level=INFO msg=group node=miner-1 window=60 group=9 reward=0.25 bytes=3 seconds=1.5 file=f\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestLogHandlerMakesFaults(t *testing.T) {
	var got []Event
	l := slog.New(LogHandler(Func(func(e Event) { got = append(got, e) }), "chain", slog.LevelWarn))
	l.Info("nothing")
	l.With("block", 7).WithGroup("db").Error("couldn't produce block", "error", errors.New("disk is full"))
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	if e := got[0]; e.Kind != Fault || e.Node != "chain" || e.Reason != "couldn't produce block block=7 db.error=disk is full" || e.Time.IsZero() {
		t.Errorf("got %+v", e)
	}
}
