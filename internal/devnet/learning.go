package devnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/nanteos/nanteos/internal/node/trainer"
	"github.com/nanteos/nanteos/internal/status"
)

// Lesson is one window of the curve: what the honest miners' rollouts were worth, and what was learnt from them.
type Lesson struct {
	Window int64 `json:"window"`
	// Checkpoint is the label of the model that the rollouts were made with, as far as it is known.
	Checkpoint int64 `json:"checkpoint"`
	// Groups and Rollouts were made by honest miners. Reward is the mean over groups, Squares that of their squares: groups are problems of
	// their own, so they tell how sure the mean is. Rollouts of one group don't.
	Groups   int     `json:"groups"`
	Rollouts int     `json:"rollouts"`
	Reward   float64 `json:"reward"`
	Squares  float64 `json:"squares"`
	// Trained are the groups that the trainer has learnt from, 0 for none yet; Seconds is how long its turn took.
	Trained int     `json:"trained,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// Published is the checkpoint that came of it, nil for none yet.
	Published *trainer.Upload `json:"published,omitempty"`
	// PublishedWindow is its label.
	PublishedWindow int64 `json:"published_window,omitempty"`
}

// Mean is a mean reward with the half width of its 95 % interval.
type Mean struct {
	Windows int     `json:"windows"`
	Groups  int     `json:"groups"`
	Reward  float64 `json:"reward"`
	// Within is the half width; 0 where two groups are not there.
	Within float64 `json:"within_95"`
}

func (m Mean) String() string { return fmt.Sprintf("%.2f ± %.2f", m.Reward, m.Within) }

// Learning is what a network has learnt: the curve and its ends.
type Learning struct {
	// First and Last are over the first and the last five windows (a third of all, where there are fewer than 15).
	First Mean `json:"first"`
	Last  Mean `json:"last"`
	// Checkpoints is how many were published, Patches how many of them as patches; PatchBytes and FullBytes are the means of what a patch and a whole
	// model take.
	Checkpoints int   `json:"checkpoints"`
	Patches     int   `json:"patches"`
	PatchBytes  int64 `json:"patch_bytes,omitempty"`
	FullBytes   int64 `json:"full_bytes,omitempty"`
	// Windows are in order.
	Windows []Lesson `json:"windows"`
}

// span is over how many windows the ends of a curve are taken.
const span = 5

// meanOf combines windows. Groups count the same, whatever their window.
func meanOf(lessons []Lesson) Mean {
	m := Mean{Windows: len(lessons)}
	var sum, squares float64
	for _, l := range lessons {
		m.Groups += l.Groups
		sum += l.Reward * float64(l.Groups)
		squares += l.Squares * float64(l.Groups)
	}
	if m.Groups == 0 {
		return m
	}
	n := float64(m.Groups)
	m.Reward = sum / n
	if m.Groups > 1 {
		variance := max(0, squares/n-m.Reward*m.Reward) * n / (n - 1)
		m.Within = 1.96 * math.Sqrt(variance/n)
	}
	return m
}

// curve is the history of lessons, oldest first. The ledger guards it.
type curve struct {
	lessons []Lesson
	changed bool // since it was kept
	label   map[string]int64
}

// maxLessons bounds the curve: what is older is forgotten, but for the first windows, which everything is compared with.
const maxLessons = 2000

// at is the lesson of a window, nil where it is neither known nor new.
func (c *curve) at(window int64, add bool) *Lesson {
	i, found := slices.BinarySearchFunc(c.lessons, window, func(l Lesson, w int64) int { return int(min(max(l.Window-w, -1), 1)) })
	if !found {
		if !add {
			return nil
		}
		c.lessons = slices.Insert(c.lessons, i, Lesson{Window: window, Checkpoint: -1})
		if len(c.lessons) > maxLessons {
			c.lessons = slices.Delete(c.lessons, span, span+1)
			return c.at(window, false)
		}
	}
	return &c.lessons[i]
}

// take takes an event of a member in.
func (c *curve) take(s *Standing, e status.Event, length int64) {
	switch {
	case e.Kind == status.Checkpoint && s.Kind == Honest:
		if c.label == nil {
			c.label = map[string]int64{}
		}
		c.label[s.Name] = e.Window
	case e.Kind == status.Group && s.Kind == Honest && e.Reward != nil && e.Rollouts > 0:
		l := c.at(e.Window, true)
		if l == nil {
			return
		}
		if label, ok := c.label[s.Name]; ok {
			l.Checkpoint = label
		}
		n := float64(l.Groups)
		l.Groups++
		l.Rollouts += e.Rollouts
		l.Reward = (l.Reward*n + *e.Reward) / (n + 1)
		l.Squares = (l.Squares*n + *e.Reward**e.Reward) / (n + 1)
		c.changed = true
	case e.Kind == status.Trained && s.Role == Trainer:
		if l := c.at(e.Window, true); l != nil {
			l.Trained, l.Seconds, c.changed = e.Valid, e.Seconds, true
		}
	case e.Kind == status.Published && s.Role == Trainer:
		// What is published in a window was learnt from the one before.
		if u, ok := e.Report.(trainer.Upload); ok && e.Window >= length {
			if l := c.at(e.Window-length, true); l != nil {
				l.Published, l.PublishedWindow, c.changed = &u, e.Window, true
			}
		}
	}
}

// learning sums up the windows that have rollouts. nil where nothing was published.
func (c *curve) learning() *Learning {
	var out Learning
	for _, l := range c.lessons {
		if p := l.Published; p != nil {
			out.Checkpoints++
			out.FullBytes += (p.FullBytes - out.FullBytes) / int64(out.Checkpoints)
			if p.Type == deltaType {
				out.Patches++
				out.PatchBytes += (p.Bytes - out.PatchBytes) / int64(out.Patches)
			}
		}
		if l.Groups > 0 {
			out.Windows = append(out.Windows, l)
		}
	}
	if out.Checkpoints == 0 {
		return nil
	}
	n := len(out.Windows)
	k := max(1, min(span, n/3))
	if n > 0 {
		out.First, out.Last = meanOf(out.Windows[:k]), meanOf(out.Windows[n-k:])
	}
	return &out
}

// deltaType is the type of a checkpoint that was published as a patch.
const deltaType = "DELTA"

// Rewards are the mean rewards of the windows.
func (l *Learning) Rewards() []float64 {
	if l == nil {
		return nil
	}
	out := make([]float64, len(l.Windows))
	for i, w := range l.Windows {
		out[i] = w.Reward
	}
	return out
}

// Newest is the checkpoint that was published last, nil for none, and its label.
func (l *Learning) Newest() (*trainer.Upload, int64) {
	for _, w := range slices.Backward(l.Windows) {
		if w.Published != nil {
			return w.Published, w.PublishedWindow
		}
	}
	return nil, 0
}

// learned is the file of the curve.
type learned struct {
	Version int      `json:"version"`
	Lessons []Lesson `json:"lessons"`
}

const learnedVersion = 1

// readCurve reads the curve of a network that is continued. A curve that can't be read is told and begun anew: it is for people.
func readCurve(path string) ([]Lesson, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var l learned
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err == nil && (l.Version != learnedVersion || !slices.IsSortedFunc(l.Lessons, func(a, b Lesson) int { return int(min(max(a.Window-b.Window, -1), 1)) })) {
		err = fmt.Errorf("version %d", l.Version)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the curve %s: %w", path, err)
	}
	return l.Lessons[:min(len(l.Lessons), maxLessons)], nil
}

// writeCurve writes it in one move.
func writeCurve(path string, lessons []Lesson) error {
	text, err := json.Marshal(learned{learnedVersion, lessons})
	if err == nil {
		err = writeFile(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("couldn't keep the curve: %w", err)
	}
	return nil
}

// sparks are the heights of a sparkline.
var sparks = []rune("▁▂▃▄▅▆▇█")

// leastRise is the span of values that a sparkline fills its height with at least, so that noise looks like noise.
const leastRise = 0.25

// Sparkline draws values in at most width characters, the mean of neighbours where there are more values. It begins at the least value.
func Sparkline(values []float64, width int) string {
	if len(values) == 0 || width < 1 {
		return ""
	}
	n := min(len(values), width)
	means := make([]float64, n)
	for i := range means {
		from, to := i*len(values)/n, (i+1)*len(values)/n
		for _, v := range values[from:to] {
			means[i] += v / float64(to-from)
		}
	}
	low := slices.Min(means)
	rise := max(leastRise, slices.Max(means)-low)
	out := make([]rune, n)
	for i, v := range means {
		out[i] = sparks[min(len(sparks)-1, max(0, int((v-low)/rise*float64(len(sparks)))))]
	}
	return string(out)
}

// Line is the curve in one line of at most width characters.
func (l *Learning) Line(width int) string {
	tail := fmt.Sprintf(" %.2f to %s", l.First.Reward, l.Last)
	head := fmt.Sprintf("reward by window, %d: ", len(l.Windows))
	room := min(60, width-len([]rune(head))-len([]rune(tail)))
	if room < 8 {
		head = "reward "
		room = min(60, width-len([]rune(head))-len([]rune(tail)))
	}
	return cut(head+Sparkline(l.Rewards(), room)+tail, width)
}

// Text is the curve for people, below the table of miners.
func (l *Learning) Text(p Palette, width int) string {
	text := p.Bold(fmt.Sprintf("mean reward %s in the first %s, %s in the last %d", l.First, count(l.First.Windows, "window"), l.Last, l.Last.Windows)) +
		p.Dim(" (95 %)") + "\n" + Sparkline(l.Rewards(), width) + "\n"
	text += fmt.Sprintf("%s published", count(l.Checkpoints, "checkpoint"))
	if l.Patches > 0 {
		text += fmt.Sprintf(", %d as patches of %s on average (model %s)", l.Patches, kilobytes(l.PatchBytes), kilobytes(l.FullBytes))
	}
	return text + "\n"
}

// publishedText says how a checkpoint went.
func publishedText(label int64, u *trainer.Upload) string {
	size := kilobytes(u.Bytes)
	if u.Type == deltaType {
		size = fmt.Sprintf("%.0f of %s", float64(u.Bytes)/1000, kilobytes(u.FullBytes))
	}
	text := fmt.Sprintf("checkpoint %d as %s, %s", label, u.Type, size)
	if u.Parameters > 0 {
		text += fmt.Sprintf(", %s of weights changed", percent(float64(u.Changed)/float64(u.Parameters)))
	}
	return text
}

func kilobytes(n int64) string { return fmt.Sprintf("%.0f kB", float64(n)/1000) }
