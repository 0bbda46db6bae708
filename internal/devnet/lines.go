package devnet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/status"
)

// Verbosity says how much is told: 0 what matters, 1 phases and groups too, 2 every event.
type Verbosity int

// Shows says whether an event is told.
func (v Verbosity) Shows(e status.Event, first int64) bool {
	switch e.Kind {
	case status.Block:
		return v >= 2
	case status.Phase, status.Group, status.Dropped, status.Start, status.Checkpoint:
		return v >= 1
	case status.Answered, status.Graded:
		return v >= 2
	case status.Stop:
		return v >= 1 || e.Reason != ""
	case status.Skipped:
		return v >= 2 || e.Window >= first
	case status.Summary:
		return false // told as a table
	}
	return true
}

// WriteJSON writes events as JSON, one a line, until w fails. Blocks are left out below the highest verbosity, since they come twice a second.
func WriteJSON(w io.Writer, events []status.Event, v Verbosity) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, event := range events {
		if event.Kind == status.Block && v < 2 {
			continue
		}
		if err := e.Encode(event); err != nil {
			return fmt.Errorf("couldn't write event: %w", err)
		}
	}
	return nil
}

// Scribe puts events into words.
type Scribe struct {
	Palette Palette
	// Start is where times are counted from.
	Start time.Time
	names map[string]string // by hotkey
	uids  map[int]string
	// logicNames are LogicNet's members by UID.
	logicNames map[int]string
	named      *strings.Replacer
	width      int
	curve      []float64 // mean rewards of the last windows
}

// linesCurve is how many windows the curve in a line shows.
const linesCurve = 24

// Remember takes up the curve of an earlier run.
func (s *Scribe) Remember(rewards []float64) {
	s.curve = slices.Clone(rewards[max(0, len(rewards)-linesCurve):])
}

// NewScribe makes a scribe who knows the members by name.
func NewScribe(members []Member, start time.Time, p Palette) *Scribe {
	s := &Scribe{Palette: p, Start: start, names: map[string]string{}, uids: map[int]string{}, logicNames: map[int]string{}}
	for _, m := range members {
		s.names[m.Address()] = m.Name
		if m.Role == LogicMiner || m.Role == LogicValidator {
			s.logicNames[m.UID] = m.Name
		} else {
			s.uids[m.UID] = m.Name
		}
		s.width = max(s.width, len(m.Name))
	}
	s.named = nameHotkeys(members)
	return s
}

// Line is the event in one line: time, who, what.
func (s *Scribe) Line(e status.Event) string {
	t := e.Time.Sub(s.Start).Seconds()
	if t < 0 {
		t = 0
	}
	node := e.Node
	if node == "" {
		node = "devnet"
	}
	e.Reason, e.Hint = s.named.Replace(e.Reason), s.named.Replace(e.Hint)
	line := s.Palette.Dim(fmt.Sprintf("%7.1fs", t)) + "  " + pad(node, s.width) + "  " + s.text(e)
	if e.Hint != "" && (e.Kind == status.Fault || e.Kind == status.Skipped || e.Kind == status.Dropped || e.Kind == status.Stop) {
		line += s.Palette.Dim(" (" + e.Hint + ")")
	}
	return line
}

// nameHotkeys puts names in the place of hotkeys.
func nameHotkeys(members []Member) *strings.Replacer {
	var pairs []string
	for _, m := range members {
		pairs = append(pairs, m.Address(), m.Name)
	}
	return strings.NewReplacer(pairs...)
}

func (s *Scribe) text(e status.Event) string {
	p := s.Palette
	switch e.Kind {
	case status.Start:
		return "is ready"
	case status.Stop:
		if e.Reason != "" {
			return p.Red("ended: " + e.Reason)
		}
		return "has ended"
	case status.Block:
		return fmt.Sprintf("block %d of window %d", e.Block, e.Window)
	case status.Phase:
		if e.Role == string(LogicValidator) {
			return fmt.Sprintf("round %d: %s", e.Window, e.Phase)
		}
		if e.Reason != "" {
			return fmt.Sprintf("window %d: %s, %s", e.Window, e.Phase, e.Reason)
		}
		return fmt.Sprintf("window %d: %s", e.Window, e.Phase)
	case status.Checkpoint:
		return fmt.Sprintf("loaded checkpoint %d, %s", e.Window, e.Text)
	case status.Group:
		return fmt.Sprintf("window %d: group %s with %d rollouts, %d tokens%s in %.1fs", e.Window, number(e.Group), e.Rollouts, e.Tokens, reward(e.Reward), e.Seconds)
	case status.Dropped:
		return p.Yellow(fmt.Sprintf("window %d: dropped group %s, %s", e.Window, number(e.Group), join(": ", e.Check, e.Reason)))
	case status.Upload:
		return fmt.Sprintf("window %d: uploaded %d rollouts, %.0f kB", e.Window, e.Rollouts, float64(e.Bytes)/1000)
	case status.Skipped:
		return p.Yellow(fmt.Sprintf("window %d: skipped, %s", e.Window, e.Reason))
	case status.Verdict:
		return s.verdict(e)
	case status.Weights:
		return fmt.Sprintf("window %d: ", e.Window) + p.Bold("set weights") + " " + s.weights(e)
	case LogicWeights:
		return p.Bold("set weights") + " on LogicNet: " + s.logic(e)
	case status.Fault:
		return p.Yellow(e.Reason)
	case status.Answered:
		if e.Accepted != nil && *e.Accepted {
			return fmt.Sprintf("answered %s of %s, %s, in %.2fs", e.Text, s.nameOf(e.Hotkey), e.Check, e.Seconds)
		}
		return p.Yellow(fmt.Sprintf("didn't answer %s of %s, %s", e.Text, s.nameOf(e.Hotkey), join(": ", e.Check, e.Reason)))
	case status.Graded:
		if e.Reward == nil {
			return p.Yellow(fmt.Sprintf("left %s of %s unscored, %s", e.Text, s.nameOf(e.Hotkey), join(": ", e.Check, e.Reason)))
		}
		return fmt.Sprintf("gave %s %.3f for %s, %s", s.nameOf(e.Hotkey), *e.Reward, e.Text, join(": ", e.Check, e.Reason))
	case status.Trained:
		text := fmt.Sprintf("window %d: learnt from %s%s in %.1fs", e.Window, count(e.Valid, "group"), reward(e.Reward), e.Seconds)
		if e.Reward != nil {
			if s.curve = append(s.curve, *e.Reward); len(s.curve) > linesCurve {
				s.curve = s.curve[1:]
			}
			text += "  " + Sparkline(s.curve, linesCurve)
		}
		return text
	case status.Published:
		if u, ok := e.Report.(trainer.Upload); ok {
			return "published " + publishedText(e.Window, &u)
		}
		return fmt.Sprintf("published checkpoint %d as %s", e.Window, e.Text)
	case status.Exposed:
		return fmt.Sprintf("lets others take part on %s, as %s tells them", e.Text, e.File)
	}
	return join(" ", string(e.Kind), e.Text, e.Reason)
}

func (s *Scribe) verdict(e status.Event) string {
	p := s.Palette
	name := s.nameOf(e.Hotkey)
	head := fmt.Sprintf("window %d: ", e.Window)
	switch {
	case e.Accepted == nil:
		return head + p.Yellow("couldn't judge "+name) + ": " + e.Reason
	case *e.Accepted:
		return head + p.Green("accepted "+name) + fmt.Sprintf(", %d rollouts, %d checked%s", e.Rollouts, e.Checked, reward(e.Reward))
	case e.Check == "no_file":
		return head + "nothing from " + name
	}
	return head + p.Red("refused "+name) + ", " + p.Bold(e.Check) + ": " + e.Reason
}

// nameOf is the name of a hotkey, itself where nobody knows one.
func (s *Scribe) nameOf(hotkey string) string {
	if name := s.names[hotkey]; name != "" {
		return name
	}
	return hotkey
}

// weights lists a vector by name, in percent.
func (s *Scribe) weights(e status.Event) string {
	var parts []string
	for _, uid := range uids(e.Weights) {
		name := s.uids[uid]
		switch {
		case name != "":
		case len(s.uids) == 0:
			name = fmt.Sprintf("UID %d", uid)
		default:
			continue
		}
		parts = append(parts, name+" "+percent(e.Weights[uid]))
	}
	if len(parts) == 0 {
		return "for nobody"
	}
	return strings.Join(parts, ", ")
}

// logic lists a vector of LogicNet by name.
func (s *Scribe) logic(e status.Event) string {
	var parts []string
	for _, uid := range uids(e.Weights) {
		if x := e.Weights[uid]; x > 0 {
			parts = append(parts, cmp.Or(s.logicNames[uid], fmt.Sprintf("UID %d", uid))+" "+percent(x))
		}
	}
	if len(parts) == 0 {
		return "for nobody"
	}
	return strings.Join(parts, ", ")
}

func percent(x float64) string { return fmt.Sprintf("%.1f%%", 100*x) }

func number(n *int64) string {
	if n == nil {
		return "?"
	}
	return fmt.Sprint(*n)
}

func reward(x *float64) string {
	if x == nil {
		return ""
	}
	return fmt.Sprintf(", mean reward %.2f", *x)
}

// join joins what isn't empty.
func join(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}
