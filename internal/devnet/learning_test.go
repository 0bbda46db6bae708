package devnet

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/status"
)

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		values []float64
		width  int
		want   string
	}{
		{nil, 10, ""}, {[]float64{1}, 0, ""}, {[]float64{0.5}, 10, "▁"}, {[]float64{0, 1}, 10, "▁█"}, {[]float64{0.5, 0.51}, 10, "▁▁"},
		{[]float64{0, 0, 1, 1}, 2, "▁█"}, {[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"}, {[]float64{3, 2, 1}, 3, "█▅▁"},
	} {
		if got := Sparkline(c.values, c.width); got != c.want {
			t.Errorf("%v in %d: %q, want %q", c.values, c.width, got, c.want)
		}
	}
}

func TestMeans(t *testing.T) {
	// Groups with mean rewards 0, 1, 1, 0 and 1: over windows as if they were in one.
	two := Lesson{Groups: 2, Reward: 0.5, Squares: 0.5}
	three := Lesson{Groups: 3, Reward: 2.0 / 3, Squares: 2.0 / 3}
	m := meanOf([]Lesson{two, three})
	want := 1.96 * math.Sqrt(0.3/5) // the sample's variance is 0.3
	if m.Windows != 2 || m.Groups != 5 || math.Abs(m.Reward-0.6) > 1e-12 || math.Abs(m.Within-want) > 1e-12 {
		t.Errorf("got %+v, want 0.6 within %v", m, want)
	}
	for _, lessons := range [][]Lesson{nil, {{}}, {{Groups: 1, Reward: 0.5, Squares: 0.25}}} {
		if m := meanOf(lessons); m.Within != 0 || math.IsNaN(m.Reward) {
			t.Errorf("of %v: %+v", lessons, m)
		}
	}
}

// learns tells the story of a network that learns for so many windows.
func learns(t *testing.T, windows int) *story {
	t.Helper()
	s := newStory(t, DefaultSettings())
	for i := range windows {
		w := int64(30 * (i + 1))
		for g := range 4 {
			mean := 0.5 + 0.4*float64(i)/float64(windows) + 0.1*float64(g%2)
			s.tell(time.Second, status.Event{Kind: status.Group, Node: "miner-1", Window: w, Rollouts: 16, Reward: &mean})
			liar := 1.135
			s.tell(0, status.Event{Kind: status.Group, Node: "false-reward", Window: w, Rollouts: 16, Reward: &liar})
		}
		s.tell(0, status.Event{Kind: status.Trained, Node: "trainer", Window: w, Valid: 4, Seconds: 2})
		u := trainer.Upload{Type: "DELTA", Bytes: 600_000, FullBytes: 1_421_056, Changed: 250, Parameters: 1000}
		s.tell(0, status.Event{Kind: status.Published, Node: "trainer", Window: w + 30, Text: u.Type, Bytes: u.Bytes, Report: u})
		s.tell(0, status.Event{Kind: status.Checkpoint, Node: "miner-1", Window: w})
	}
	return s
}

func TestCurve(t *testing.T) {
	s := learns(t, 20)
	l := s.Picture(s.now).Learning
	if l == nil || len(l.Windows) != 20 || l.Checkpoints != 20 || l.Patches != 20 || l.PatchBytes != 600_000 || l.FullBytes != 1_421_056 {
		t.Fatalf("learning: %+v", l)
	}
	if math.Abs(l.First.Reward-0.59) > 1e-9 || math.Abs(l.Last.Reward-0.89) > 1e-9 || l.First.Groups != 20 || l.First.Windows != span {
		t.Errorf("from %+v to %+v: the cheater's claims must not count", l.First, l.Last)
	}
	w := l.Windows[2]
	if w.Window != 90 || w.Groups != 4 || w.Rollouts != 64 || w.Trained != 4 || w.Checkpoint != 60 || w.PublishedWindow != 120 || w.Published == nil {
		t.Errorf("the third window: %+v", w)
	}
	if u, label := l.Newest(); u == nil || label != 630 {
		t.Errorf("the newest is %d, %+v", label, u)
	}
	if nothing := newStory(t, DefaultSettings()); nothing.Picture(nothing.now).Learning != nil {
		t.Error("a network without a trainer has learnt something")
	}
	// Kept and taken up, it is the same.
	lessons, changed := s.Lessons()
	if !changed {
		t.Fatal("nothing is to be kept")
	}
	if _, again := s.Lessons(); again {
		t.Error("it is to be kept twice")
	}
	path := filepath.Join(t.TempDir(), "learning.json")
	if err := writeCurve(path, lessons); err != nil {
		t.Fatal(err)
	}
	read, err := readCurve(path)
	if err != nil || !reflect.DeepEqual(read, lessons) {
		t.Errorf("read back: %v, %v", read, err)
	}
	next := newStory(t, DefaultSettings())
	next.Remember(read)
	if got := next.Picture(next.now).Learning; !reflect.DeepEqual(got, l) {
		t.Errorf("taken up: %+v", got)
	}
	for name, text := range map[string]string{"broken": "{", "version": `{"version": 7}`, "order": `{"version": 1, "lessons": [{"window": 60}, {"window": 30}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readCurve(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if lessons, err := readCurve(filepath.Join(t.TempDir(), "none")); lessons != nil || err != nil {
		t.Errorf("without a file: %v, %v", lessons, err)
	}
}

func TestCurveIsBounded(t *testing.T) {
	var c curve
	for i := range int64(maxLessons + 100) {
		c.at(30*i, true)
	}
	if len(c.lessons) != maxLessons || c.lessons[0].Window != 0 || c.lessons[span-1].Window != 30*(span-1) || c.lessons[span].Window != 30*(span+100) {
		t.Errorf("%d lessons, the first %v", len(c.lessons), c.lessons[:span+1])
	}
	if c.at(30*(span+1), false) != nil {
		t.Error("a window that was forgotten is there")
	}
}

// The curve and the newest checkpoint are on the screen, in lines and in the report, whatever the width.
func TestViewsOfLearning(t *testing.T) {
	for _, width := range []int{80, 120} {
		story := learns(t, 40)
		v := &screen{ledger: story.Ledger, scribe: NewScribe(story.members, story.now, Palette{}), first: 30, length: 30, width: width, height: 30, end: func() {}}
		v.Update(redraw(story.now))
		view := v.View()
		for _, want := range []string{"▁", "█", "0.57 to 0.92 ± 0.02", "trainer: checkpoint 1230 as DELTA, 600 of 1421 kB, 25.0% of weights changed"} {
			if !strings.Contains(view, want) {
				t.Errorf("the screen of %d lacks %q:\n%s", width, want, view)
			}
		}
		text := (Report{Learning: story.Picture(story.now).Learning}).Text(Palette{}, width, "nanteos")
		for _, want := range []string{"mean reward 0.57 ± 0.02 in the first 5 windows, 0.92 ± 0.02 in the last 5", "40 checkpoints published, 40 as patches of 600 kB on average (model 1421 kB)", "█"} {
			if !strings.Contains(text, want) {
				t.Errorf("the report of %d lacks %q:\n%s", width, want, text)
			}
		}
		for line := range strings.Lines(view + "\n" + text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !strings.Contains(line, "judged in") {
				t.Errorf("a line of %d characters: %q", n, line)
			}
		}
	}
	story := learns(t, 3)
	scribe := NewScribe(story.members, story.now, Palette{})
	scribe.Remember([]float64{0.5, 0.6})
	mean := 0.9
	for _, c := range []struct {
		e    status.Event
		want string
	}{
		{status.Event{Kind: status.Trained, Node: "trainer", Window: 30, Valid: 18, Reward: &mean, Seconds: 2.04}, "window 30: learnt from 18 groups, mean reward 0.90 in 2.0s  ▁▂█"},
		{status.Event{Kind: status.Published, Node: "trainer", Window: 60, Report: trainer.Upload{Type: "FULL", Bytes: 1_500_000, FullBytes: 1_421_056}}, "published checkpoint 60 as FULL, 1500 kB"},
		{status.Event{Kind: status.Published, Node: "trainer", Window: 60, Text: "DELTA"}, "published checkpoint 60 as DELTA"},
	} {
		if got := scribe.Line(c.e); !strings.HasSuffix(got, c.want) {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

// taught is set in the process that TestLearning kills.
const taught = "NANTEOS_TEST_KILLED_TRAINER"

// TestLearning kills a network that learns as soon as its trainer has something on disk, and then lets it go on: curve, training and chain of patches
// continue, everybody uses the new checkpoints, and what a cheater claims teaches nobody.
func TestLearning(t *testing.T) {
	config := func(data string) Config {
		cfg := fast(data, 2, "false-reward")
		cfg.Trainer, cfg.Windows, cfg.BlockTime = true, 3, 250*time.Millisecond
		return cfg
	}
	if data := os.Getenv(taught); data != "" {
		cfg := config(data)
		cfg.Windows = 0
		_, _, err := runNetwork(t, cfg)
		t.Fatalf("the network has ended by itself: %v", err)
	}
	if testing.Short() {
		t.Skip("a network that learns takes half a minute")
	}
	data := filepath.Join(t.TempDir(), "net")
	training := filepath.Join(data, "nodes", "trainer", "training")
	for _, until := range []string{"turn-0", "turn-1"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLearning$")
		cmd.Env = append(os.Environ(), taught+"="+data)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(filepath.Join(training, until)); err == nil {
				break
			} else if !errors.Is(err, fs.ErrNotExist) || time.Since(began) > time.Minute {
				t.Errorf("no %s after %s: %v", until, time.Since(began), err)
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	before, err := readCurve(filepath.Join(data, "learning.json"))
	if err != nil {
		t.Fatal(err)
	}
	report, events, err := runNetwork(t, config(data))
	if err != nil {
		t.Fatal(err)
	}
	l := report.Learning
	if l == nil || l.Patches != l.Checkpoints || len(before) == 0 || l.Windows[0].Window != before[0].Window {
		t.Fatalf("before %+v, then %+v", before, l)
	}
	published, loaded := map[int64]bool{}, map[string]int64{}
	for _, e := range events {
		switch e.Kind {
		case status.Published:
			if published[e.Window] || e.Text != "DELTA" || e.Bytes >= e.Report.(trainer.Upload).FullBytes {
				t.Errorf("published %+v, published before: %v", e, published)
			}
			published[e.Window] = true
		case status.Checkpoint:
			loaded[e.Node] = max(loaded[e.Node], e.Window)
		case status.Trained:
			if r := e.Report.(trainer.Report); r.Miners != 2 {
				t.Errorf("learnt from %d miners, want the honest 2: %+v", r.Miners, r)
			}
		case status.Fault:
			if e.Node == "trainer" {
				t.Errorf("the trainer: %s", e.Reason)
			}
		}
	}
	for _, name := range []string{"miner-1", "miner-2", "validator-1"} {
		if loaded[name] == 0 || !published[loaded[name]] && !slices.ContainsFunc(before, func(b Lesson) bool { return b.Window+30 == loaded[name] }) {
			t.Errorf("%s has checkpoint %d, published are %v", name, loaded[name], published)
		}
	}
	for _, m := range report.Miners {
		if m.Honest == (m.Caught != nil) && m.Judged > 0 || m.Honest && m.Accepted == 0 {
			t.Errorf("%s: accepted %d, caught %+v", m.Name, m.Accepted, m.Caught)
		}
	}
	t.Run("evidence", func(t *testing.T) { judgeAgain(t, report) })
}
