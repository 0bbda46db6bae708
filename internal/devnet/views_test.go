package devnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/nanteos/nanteos/internal/status"
)

func TestLines(t *testing.T) {
	s := newStory(t, DefaultSettings())
	scribe := NewScribe(s.members, s.now, Palette{})
	copier, victim := s.members[6].Address(), s.members[4].Address()
	yes, no, group, mean := true, false, int64(2), 0.5
	for _, c := range []struct {
		e    status.Event
		want string
	}{
		{status.Event{Kind: status.Start, Node: "miner-1"}, "miner-1        is ready"},
		{status.Event{Kind: status.Stop, Node: "miner-1"}, "miner-1        has ended"},
		{status.Event{Kind: status.Stop, Node: "miner-1", Reason: "disk is full", Hint: "make room"}, "miner-1        ended: disk is full (make room)"},
		{status.Event{Kind: status.Block, Node: "chain", Block: 31, Window: 30}, "chain          block 31 of window 30"},
		{status.Event{Kind: status.Phase, Node: "miner-1", Window: 30, Phase: "seen"}, "miner-1        window 30: seen"},
		{status.Event{Kind: status.Phase, Node: "validator-1", Window: 30, Phase: "weights", Reason: "nobody has earned a weight yet"},
			"validator-1    window 30: weights, nobody has earned a weight yet"},
		{status.Event{Kind: status.Checkpoint, Node: "miner-1", Window: 0, Text: "nanteos/base"}, "miner-1        loaded checkpoint 0, nanteos/base"},
		{status.Event{Kind: status.Group, Node: "miner-1", Window: 30, Group: &group, Rollouts: 16, Tokens: 900, Reward: &mean, Seconds: 1.24},
			"miner-1        window 30: group 2 with 16 rollouts, 900 tokens, mean reward 0.50 in 1.2s"},
		{status.Event{Kind: status.Dropped, Node: "miner-1", Window: 30, Group: &group, Check: "tokens_valid", Reason: "too short", Hint: "wait"},
			"miner-1        window 30: dropped group 2, tokens_valid: too short (wait)"},
		{status.Event{Kind: status.Upload, Node: "miner-1", Window: 30, Rollouts: 16, Bytes: 12_345}, "miner-1        window 30: uploaded 16 rollouts, 12 kB"},
		{status.Event{Kind: status.Skipped, Node: "miner-1", Window: 30, Reason: "too late"}, "miner-1        window 30: skipped, too late"},
		{status.Event{Kind: status.Verdict, Node: "validator-1", Hotkey: victim, Window: 30, Accepted: &yes, Rollouts: 48, Checked: 16, Reward: &mean},
			"validator-1    window 30: accepted miner-3, 48 rollouts, 16 checked, mean reward 0.50"},
		{status.Event{Kind: status.Verdict, Node: "validator-1", Hotkey: copier, Window: 30, Accepted: &no, Check: "copycat", Reason: copier + " copied from " + victim},
			"validator-1    window 30: refused copier, copycat: copier copied from miner-3"},
		{status.Event{Kind: status.Verdict, Node: "validator-1", Hotkey: victim, Window: 30, Accepted: &no, Check: "no_file"}, "validator-1    window 30: nothing from miner-3"},
		{status.Event{Kind: status.Verdict, Node: "validator-1", Hotkey: "5stranger", Window: 30, Reason: "store is away"},
			"validator-1    window 30: couldn't judge 5stranger: store is away"},
		{status.Event{Kind: status.Weights, Node: "validator-1", Window: 30, Weights: map[int]float64{4: 0.25, 2: 0.75}},
			"validator-1    window 30: set weights miner-1 75.0%, miner-3 25.0%"},
		{status.Event{Kind: status.Weights, Node: "validator-1", Window: 30}, "validator-1    window 30: set weights for nobody"},
		{status.Event{Kind: status.Fault, Reason: "it broke", Hint: "mend it"}, "devnet         it broke (mend it)"},
	} {
		c.e.Time = s.now.Add(1500 * time.Millisecond)
		if got, want := scribe.Line(c.e), "1.5s "+c.want; strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if c.e.Time = s.now.Add(-time.Hour); !strings.HasPrefix(scribe.Line(c.e), "    0.0s") {
			t.Errorf("an event before the start: %q", scribe.Line(c.e))
		}
	}
}

func TestVerbosity(t *testing.T) {
	for _, c := range []struct {
		e    status.Event
		from Verbosity // 3: never
	}{
		{status.Event{Kind: status.Upload}, 0}, {status.Event{Kind: status.Verdict}, 0}, {status.Event{Kind: status.Weights}, 0}, {status.Event{Kind: status.Fault}, 0},
		{status.Event{Kind: status.Skipped, Window: 30}, 0}, {status.Event{Kind: status.Stop, Reason: "x"}, 0},
		{status.Event{Kind: status.Stop}, 1}, {status.Event{Kind: status.Start}, 1}, {status.Event{Kind: status.Phase}, 1}, {status.Event{Kind: status.Group}, 1},
		{status.Event{Kind: status.Dropped}, 1}, {status.Event{Kind: status.Checkpoint}, 1},
		{status.Event{Kind: status.Skipped, Window: 0}, 2}, {status.Event{Kind: status.Block}, 2},
		{status.Event{Kind: status.Summary}, 3},
	} {
		for v := Verbosity(0); v < 3; v++ {
			if got, want := v.Shows(c.e, 30), v >= c.from; got != want {
				t.Errorf("%s at verbosity %d: %v, want %v", c.e.Kind, v, got, want)
			}
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

func TestWriteJSON(t *testing.T) {
	events := []status.Event{{Kind: status.Block, Block: 1}, {Kind: status.Fault, Reason: "a < b & c\nnext"}}
	for v, want := range map[Verbosity]int{0: 1, 1: 1, 2: 2} {
		var out bytes.Buffer
		if err := WriteJSON(&out, events, v); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n != want {
			t.Errorf("verbosity %d writes %d lines, want %d", v, n, want)
		}
		for line := range strings.Lines(out.String()) {
			var e status.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
		if !strings.Contains(out.String(), `"a < b & c\nnext"`) {
			t.Errorf("text is escaped for browsers: %s", out.String())
		}
	}
	if err := WriteJSON(brokenPipe{}, events, 0); err == nil {
		t.Error("a failed write is no error")
	}
}

func TestCutAndPad(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 5, "abc  "}, {"abc", 3, "abc"}, {"abcdef", 5, "abc.."}, {"abcdef", 2, ".."}, {"abcdef", 1, "."}, {"abcdef", 0, ""},
		{"äöüß", 4, "äöüß"}, {"äöüßé", 4, "äö.."}, {"a\x1b[31mb\nc", 12, "a [31mb c   "}, {"\xff\u0085", 2, "  "},
	} {
		if got := pad(c.in, c.width); got != c.want {
			t.Errorf("pad(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
		if got := right(c.in, c.width); utf8.RuneCountInString(got) != c.width {
			t.Errorf("right(%q, %d) = %q", c.in, c.width, got)
		}
	}
}

func TestPalette(t *testing.T) {
	if got := (Palette{}).Red("x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	if got := (Palette{On: true}).Red("x") + (Palette{On: true}).Bold(""); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("with colours: %q", got)
	}
}

// drawn is a screen of a network in its third window.
func drawn(t *testing.T, width, height int, verbosity Verbosity) (*screen, *story) {
	t.Helper()
	s := newStory(t, DefaultSettings())
	for _, m := range s.members {
		s.tell(0, status.Event{Kind: status.Start, Node: m.Name})
		s.tell(0, status.Event{Kind: status.Phase, Node: m.Name, Window: 60, Phase: "generating"})
	}
	s.tell(30*time.Second, status.Event{Kind: status.Block, Node: "chain", Block: 72})
	s.verdict("validator-1", "miner-1", 30, 48, "")
	s.verdict("validator-1", "miner-2", 30, 0, "no_file")
	s.verdict("validator-1", "copier", 30, 16, "copycat")
	s.tell(0, status.Event{Kind: status.Weights, Node: "validator-1", Window: 30, Weights: map[int]float64{2: 1}})
	v := &screen{
		ledger: s.Ledger, scribe: NewScribe(s.members, s.now, Palette{}), palette: Palette{}, verbosity: verbosity, first: 30, length: 30,
		title: "hardened rules, seed 1, temporary folder", end: func() {},
	}
	v.Update(tea.WindowSizeMsg{Width: width, Height: height})
	v.Update(redraw(s.now))
	return v, s
}

// TestScreenFits holds that whatever the terminal's size and the network's words are, no line is wider and there are no more than fit.
func TestScreenFits(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {60, 15}, {40, 10}, {20, 5}, {1, 1}, {200, 3}} {
		for v := Verbosity(0); v < 3; v++ {
			s, story := drawn(t, size[0], size[1], v)
			for i := range 50 {
				s.Update([]status.Event{{Time: story.now, Kind: status.Fault, Node: "miner-1", Reason: strings.Repeat("long\x1b[2J ", i)}})
			}
			lines := strings.Split(s.View(), "\n")
			if len(lines) > max(size[1], 1) {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > max(size[0], 26) { // the name and the clock are never cut
					t.Errorf("%v: a line of %d characters: %q", size, n, line)
				}
				if strings.ContainsRune(line, 0x1b) {
					t.Errorf("%v: escape sequences of a node's text reach the terminal: %q", size, line)
				}
			}
		}
	}
}

// TestScreenOfGuests tells what is known of members that somebody else runs, and doesn't call them stopped.
func TestScreenOfGuests(t *testing.T) {
	settings := DefaultSettings()
	settings.Guests = true
	story := newStory(t, settings)
	s := &screen{ledger: story.Ledger, scribe: NewScribe(story.members, story.now, Palette{}), first: 30, length: 30, end: func() {}}
	s.Update(tea.WindowSizeMsg{Width: 80, Height: 40})
	story.verdict("validator-1", "guest-miner", 30, 48, "")
	s.Update(redraw(story.now))
	for _, want := range []string{
		" 10 guest-miner    elsewhere        accepted 48 of window 30 ",
		"\nguest-validator: yours to run, with nanteos validate\n",
		"\nvalidator-1: stopped\n",
	} {
		if view := s.View(); !strings.Contains(view, want) {
			t.Errorf("the screen lacks %q:\n%s", want, view)
		}
	}
}

func TestScreen(t *testing.T) {
	s, _ := drawn(t, 80, 24, 0)
	view := s.View()
	for _, want := range []string{
		"nanteos devnet  hardened rules, seed 1, temporary folder                00:00:30",
		"window 60  block 13/30 [=========              ]",
		"uid miner          now        made  verdict                              weight",
		"  2 miner-1        generating    0  accepted 48 of window 30             100.0%",
		"  3 miner-2        generating    0  no file in window 30                   0.0%",
		"  6 copier         generating    0  copycat                                0.0%",
		"validator-1: window 60, weights are set",
		"1 window judged, weights set once, first after 30.0s",
		"q ends the network",
	} {
		if !strings.Contains(view, want) {
			t.Errorf("the screen lacks %q:\n%s", want, view)
		}
	}
	ended := false
	s.end = func() { ended = true }
	s.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("x")})
	if ended {
		t.Error("any key ends the network")
	}
	s.Update(tea.KeyMsg{Type: tea.KeyCtrlC})
	if !ended || !strings.Contains(s.View(), "ending") {
		t.Error("Ctrl-C does not end the network")
	}
	if s.Init() == nil {
		t.Error("the clock does not start")
	}
}

func TestScreenLog(t *testing.T) {
	s, story := drawn(t, 100, 30, 0)
	no, yes := false, true
	s.Update([]status.Event{
		{Time: story.now, Kind: status.Upload, Node: "miner-1", Rollouts: 16},
		{Time: story.now, Kind: status.Verdict, Node: "validator-1", Accepted: &yes},
		{Time: story.now, Kind: status.Verdict, Node: "validator-1", Hotkey: story.members[6].Address(), Accepted: &no, Check: "copycat", Reason: "it copied"},
		{Time: story.now, Kind: status.Fault, Node: "miner-1", Reason: "it broke"},
	})
	view := s.View()
	if strings.Contains(view, "uploaded 16") || strings.Contains(view, "accepted ,") {
		t.Errorf("the log repeats what the table shows:\n%s", view)
	}
	if !strings.Contains(view, "refused copier, copycat: it copied") || !strings.Contains(view, "it broke") {
		t.Errorf("the log lacks what went wrong:\n%s", view)
	}
	for range 3 * maxLog {
		s.Update([]status.Event{{Kind: status.Fault}})
	}
	if len(s.log) > maxLog {
		t.Errorf("the log has grown to %d lines", len(s.log))
	}
}

func TestReportText(t *testing.T) {
	members := DefaultSettings().Members()
	row := 4
	r := Report{Seconds: 54.2, FirstWeights: 20.04, Totals: Totals{Windows: 3, Settings: 3, Rollouts: 704, Faults: 1}, PeakMemory: 130 << 20, Evidence: "/tmp/my net/evidence",
		Miners: []MinerReport{
			{Standing: Standing{UID: 2, Name: "miner-1", Hotkey: members[2].Address(), Made: 192, Judged: 144, Accepted: 144, Weight: 1}, Honest: true, File: "window-90/miner-1.parquet"},
			{Standing: Standing{UID: 6, Name: "copier", Hotkey: members[6].Address(), Made: 64, Judged: 16}, File: "window-90/copier.parquet",
				Caught: &Caught{Check: "copycat", Row: &row, Reason: members[6].Address() + " copied from " + members[2].Address() + ": " + strings.Repeat("very ", 20) + "much"}},
		}}
	text := r.Text(Palette{}, 80, "nanteos")
	for _, want := range []string{
		"3 windows judged in 54s, first weights after 20.0s, 704 rollouts made, 1 fault, 130 MB of memory\n",
		"uid  miner    rollouts  judged  accepted  weight  caught by\n",
		"  2  miner-1       192     144       144  100.0%\n",
		"  6  copier         64      16         0    0.0%  copycat\n",
		"copier   copier copied from miner-1: very very",
		"  nanteos explain '/tmp/my net/evidence/window-90/copier.parquet' 4\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.Contains(line, "explain") && !strings.Contains(line, "judged in") {
			t.Errorf("a line of %d characters: %q", n, line)
		}
	}
	empty := Report{}.Text(Palette{}, 10, "nanteos")
	if !strings.Contains(empty, "0 windows judged in 0s, no weights were set") || strings.Contains(empty, "look closer") {
		t.Errorf("the report of nothing:\n%s", empty)
	}
	// Without anybody caught an honest file is worth a look.
	r.Miners = r.Miners[:1]
	if file, row, ok := r.Look(); !ok || row != 0 || file != "/tmp/my net/evidence/window-90/miner-1.parquet" {
		t.Errorf("look at %s, row %d, %v", file, row, ok)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c.d": "/a/b-c.d", "/a b": "'/a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'"} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestRatesForget(t *testing.T) {
	var r rates
	start := time.Unix(0, 0)
	for i := range 1000 {
		r.add(start.Add(time.Duration(i)*time.Second), 1, 10)
	}
	if len(r.made) > 31 {
		t.Errorf("%d samples are kept", len(r.made))
	}
	if rollouts, tokens := r.at(start.Add(1000*time.Second), start); rollouts > 1 || rollouts < 0.9 || tokens > 10 {
		t.Errorf("%v rollouts and %v tokens a second", rollouts, tokens)
	}
	if rollouts, _ := r.at(start, start); rollouts != 0 {
		t.Errorf("%v rollouts a second at the start", rollouts)
	}
}
