package devnet

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/nanteos/nanteos/internal/status"
)

// Live is the network on a terminal, redrawn four times a second.
type Live struct {
	program *tea.Program
}

// NewLive makes the view. end is called when the user wants the network to end.
func NewLive(n *Network, v Verbosity, p Palette, in io.Reader, out io.Writer, end func()) *Live {
	s := &screen{
		ledger: n.ledger, palette: p, verbosity: v, first: n.first, end: end, width: 80, height: 24,
		scribe: NewScribe(slices.Concat(n.members, n.LogicMembers()), n.began, p), length: int(n.rules.WindowLength),
		title: fmt.Sprintf("%s rules, seed %d, %s", n.folder.made.RulesName, n.folder.made.Seed, orTemporary(n.folder)),
	}
	if n.logic != nil {
		s.logic = n.logic.report
	}
	s.scribe.Remember(s.ledger.Picture(time.Now()).Learning.Rewards())
	s.scribe.Palette = Palette{} // the screen cuts lines, and paints them afterwards
	s.picture = s.ledger.Picture(time.Now())
	return &Live{tea.NewProgram(s, tea.WithAltScreen(), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())}
}

func orTemporary(f *folder) string {
	if f.temporary {
		return "temporary folder"
	}
	return f.root
}

// Run draws until Quit.
func (l *Live) Run() error {
	if _, err := l.program.Run(); err != nil {
		return fmt.Errorf("couldn't draw: %w", err)
	}
	return nil
}

// Tell shows events.
func (l *Live) Tell(events []status.Event) { l.program.Send(events) }

// Quit ends the view and gives the terminal back.
func (l *Live) Quit() { l.program.Quit() }

// screen is the view's state.
type screen struct {
	ledger        *Ledger
	scribe        *Scribe
	palette       Palette
	verbosity     Verbosity
	first         int64
	title         string
	length        int
	end           func()
	ending        bool
	width, height int
	picture       Picture
	log           []note
	logic         func() *LogicReport // nil where there is no LogicNet
}

// note is a line of the log with its colour.
type note struct {
	text  string
	paint func(string) string
}

// maxLog bounds the log.
const maxLog = 200

type redraw time.Time

func later() tea.Cmd {
	return tea.Tick(250*time.Millisecond, func(t time.Time) tea.Msg { return redraw(t) })
}

// Init starts the clock.
func (s *screen) Init() tea.Cmd { return later() }

// Update takes keys, sizes, ticks and events.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
	case tea.KeyMsg:
		switch msg.String() {
		case "ctrl+c", "q", "esc":
			s.ending = true
			s.end()
		}
	case redraw:
		s.picture = s.ledger.Picture(time.Time(msg))
		return s, later()
	case []status.Event:
		for _, e := range msg {
			s.note(e)
		}
	}
	return s, nil
}

// note writes an event into the log. Verdicts have their place in the table.
func (s *screen) note(e status.Event) {
	if !s.verbosity.Shows(e, s.first) || s.verbosity == 0 && (e.Kind == status.Upload || e.Kind == status.Published || e.Kind == status.Verdict && e.Accepted != nil && (*e.Accepted || e.Check == "no_file")) {
		return
	}
	n := note{text: plain(s.scribe.Line(e)), paint: func(t string) string { return t }}
	switch e.Kind {
	case status.Fault, status.Skipped, status.Dropped:
		n.paint = s.palette.Yellow
	case status.Stop:
		if e.Reason != "" {
			n.paint = s.palette.Red
		}
	case status.Phase, status.Group, status.Upload, status.Block:
		n.paint = s.palette.Dim
	}
	if s.log = append(s.log, n); len(s.log) > maxLog {
		s.log = s.log[len(s.log)-maxLog:]
	}
}

// View draws the screen: head, miners, others, log.
func (s *screen) View() string {
	p := s.picture
	lines := []string{s.head(p), s.clock(p), "", s.palette.Dim(cut(s.columns("uid", "miner", "now", "made", "verdict", "weight"), s.width))}
	for _, m := range p.Members {
		if m.Role == Miner {
			lines = append(lines, s.miner(m))
		}
	}
	lines = append(lines, "")
	for _, m := range p.Members {
		if m.Role == Validator {
			lines = append(lines, cut(s.validator(m), s.width))
		}
	}
	lines = append(lines, s.learning(p)...)
	lines = append(lines, cut(s.sums(p), s.width))
	if s.logic != nil {
		lines = append(lines, cut(s.logic().Line(), s.width))
	}
	lines = append(lines, "")
	foot := "q ends the network"
	if s.ending {
		foot = "ending: what is complete is uploaded"
	}
	if room := s.height - len(lines) - 1; room > 0 {
		tail := s.log[max(0, len(s.log)-room):]
		for _, n := range tail {
			lines = append(lines, n.paint(cut(n.text, s.width)))
		}
		for range room - len(tail) {
			lines = append(lines, "")
		}
	} else {
		lines = lines[:max(0, min(len(lines), s.height-1))]
	}
	return strings.Join(append(lines, s.palette.Dim(cut(foot, s.width))), "\n")
}

func (s *screen) head(p Picture) string {
	elapsed := p.Elapsed.Truncate(time.Second)
	clock := fmt.Sprintf("%02d:%02d:%02d", int(elapsed.Hours()), int(elapsed.Minutes())%60, int(elapsed.Seconds())%60)
	const name = "nanteos devnet"
	room := max(0, s.width-len(name)-len(clock)-4)
	return s.palette.Bold(name) + "  " + s.palette.Dim(pad(s.title, room)) + "  " + s.palette.Bold(clock)
}

// clock is the window, how much of it has passed, and the speed.
func (s *screen) clock(p Picture) string {
	left := fmt.Sprintf("window %d  block %2d/%d ", p.Window, p.Block, s.length)
	speed := fmt.Sprintf(" %4.1f rollouts/s %6.0f tokens/s", p.Rollouts, p.Tokens)
	room := min(40, s.width-len(left)-len(speed)-2)
	bar := ""
	if room >= 5 {
		done := min(room, room*p.Block/max(1, s.length))
		bar = "[" + strings.Repeat("=", done) + strings.Repeat(" ", room-done) + "]"
	}
	return cut(left+bar+speed, s.width)
}

// columns lays a row out. The verdict takes the room that is left.
func (s *screen) columns(uid, name, now, made, verdict, weight string) string {
	return right(uid, 3) + " " + pad(name, 14) + " " + pad(now, 10) + " " + right(made, 4) + "  " + pad(verdict, s.verdictRoom()) + " " + right(weight, 6)
}

func (s *screen) verdictRoom() int { return max(8, s.width-44) }

func (s *screen) miner(m Standing) string {
	verdict, paint := "", func(t string) string { return t }
	if e := m.Verdict; e != nil {
		switch {
		case e.Accepted == nil:
			verdict, paint = "not judged: "+e.Reason, s.palette.Yellow
		case *e.Accepted:
			verdict, paint = fmt.Sprintf("accepted %d of window %d", e.Rollouts, e.Window), s.palette.Green
		case e.Check == "no_file":
			verdict, paint = fmt.Sprintf("no file in window %d", e.Window), s.palette.Yellow
			if m.Caught != nil {
				verdict, paint = s.refusal(m.Caught.Check, m.Caught.Reason), s.palette.Red
			}
		default:
			verdict, paint = s.refusal(e.Check, e.Reason), s.palette.Red
		}
	}
	phase := m.Phase
	made := fmt.Sprint(m.Rollouts)
	switch {
	case !m.Running && m.Kind == Guest:
		phase, made = "elsewhere", "" // what it does is seen in its files only
	case !m.Running:
		phase = "-"
	}
	weight := percent(m.Weight)
	if s.picture.Totals.Settings == 0 {
		weight = ""
	}
	row := []rune(s.columns(fmt.Sprint(m.UID), m.Name, phase, made, verdict, weight))
	from, to := 36, 36+s.verdictRoom()
	if len(row) > s.width || to > len(row) {
		return cut(string(row), s.width)
	}
	tail := string(row[to:])
	if m.Weight > 0 {
		tail = s.palette.Bold(tail)
	}
	return string(row[:from]) + paint(string(row[from:to])) + tail
}

// refusal is check and reason, without the row for which there is no room.
func (s *screen) refusal(check, reason string) string {
	var row int
	if n, _ := fmt.Sscanf(reason, "row %d:", &row); n == 1 {
		_, reason, _ = strings.Cut(reason, ": ")
	}
	return join(": ", check, s.scribe.named.Replace(reason))
}

func (s *screen) validator(m Standing) string {
	switch {
	case !m.Running && m.Kind == Guest:
		return m.Name + ": yours to run, with nanteos validate"
	case !m.Running:
		return m.Name + ": stopped"
	case m.Window < s.first:
		return m.Name + ": waiting for the first window to end"
	case m.Phase == "judging":
		return fmt.Sprintf("%s: judging window %d", m.Name, m.Window)
	}
	return fmt.Sprintf("%s: window %d, %s", m.Name, m.Window, m.Phase)
}

// learning is the trainer's part: the curve, and what it does.
func (s *screen) learning(p Picture) (lines []string) {
	if p.Learning == nil {
		return nil
	}
	if len(p.Learning.Windows) > 0 {
		lines = append(lines, s.palette.Green(p.Learning.Line(s.width)))
	}
	if u, label := p.Learning.Newest(); u != nil {
		lines = append(lines, cut("trainer: "+publishedText(label, u), s.width))
	}
	return lines
}

func (s *screen) sums(p Picture) string {
	line := fmt.Sprintf("%s judged, weights set %s", count(p.Totals.Windows, "window"), times(p.Totals.Settings))
	if p.Totals.FirstWeights > 0 {
		line += fmt.Sprintf(", first after %.1fs", p.Totals.FirstWeights.Seconds())
	}
	if p.Totals.Faults > 0 {
		line += ", " + count(p.Totals.Faults, "fault")
	}
	return line
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
