package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nanteos/nanteos/internal/hub"
)

// pullView shows how a pull goes on: a bar on a terminal, plain lines elsewhere, or JSON lines.
type pullView struct {
	t    terminal
	json bool
	now  func() time.Time
	// drawn says that the bar is on the terminal's last line.
	drawn bool
	// rate is smoothed, in bytes a second; at and seen are when it was last told, and how much had arrived then.
	rate float64
	at   time.Time
	seen int64
	// failed is the first error of writing.
	failed error
}

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 10 * time.Second
	barWidth  = 30
)

func newPullView(t terminal, asJSON bool) *pullView {
	return &pullView{t: t, json: asJSON, now: time.Now}
}

// tell shows an event.
func (v *pullView) tell(e hub.Event) {
	if v.json {
		text, err := json.Marshal(e)
		if err != nil {
			v.failed = err
		}
		v.print(string(text) + "\n")
		return
	}
	switch e.Event {
	case "resolved":
		v.at, v.seen = v.now(), e.Done
		v.line(fmt.Sprintf("%s at commit %s: %s, %s", e.Model, e.Commit[:min(12, len(e.Commit))], filesText(e.Files), bytesText(e.Total)))
	case "verified":
		v.line(fmt.Sprintf("got %s, %s", e.File, bytesText(e.Size)))
	case "kept":
		v.line(fmt.Sprintf("have %s, %s", e.File, bytesText(e.Size)))
		v.seen = e.Done
	case "retry":
		what := orElse(e.File, e.Model)
		v.line(fmt.Sprintf("trying %s again in %s: %s", what, (time.Duration(e.WaitMS) * time.Millisecond).Round(time.Second/10), e.Reason))
	case "progress":
		v.progress(e)
	case "done":
		v.done(e)
	}
}

// done tells the result.
func (v *pullView) done(e hub.Event) {
	if e.Unchanged {
		v.line(fmt.Sprintf("%s is complete at commit %s: %s, %s", e.Folder, e.Commit[:min(12, len(e.Commit))], filesText(e.Files), bytesText(e.Total)))
	} else {
		v.line(fmt.Sprintf("the model is in %s: %s, %s", e.Folder, filesText(e.Files), bytesText(e.Done)))
	}
	for _, name := range e.Unverified {
		v.line("note: the endpoint has no checksum for " + name)
	}
}

// progress draws the bar, or prints a line now and then.
func (v *pullView) progress(e hub.Event) {
	now := v.now()
	every := lineEvery
	if v.t.live {
		every = barEvery
	}
	past := now.Sub(v.at)
	if past < every {
		return
	}
	if s := past.Seconds(); s > 0 {
		fresh := max(float64(e.Done-v.seen)/s, 0)
		// Half of what is shown is from the last three seconds.
		weight := min(s/(s+3), 1)
		if v.rate == 0 {
			weight = 1
		}
		v.rate += float64(weight * (fresh - v.rate))
	}
	v.at, v.seen = now, e.Done
	if !v.t.live {
		v.line(progressText(e, v.rate))
		return
	}
	v.drawn = true
	text := progressText(e, v.rate)
	if bar := barText(e) + " "; len(bar)+len(text) < width(v.t) {
		text = bar + text
	}
	v.print("\r" + fitted(v.t, text) + "\x1b[K")
}

// fitted is as much of a line of ASCII as a narrow terminal shows in one, so that it can be drawn over.
func fitted(t terminal, line string) string { return line[:min(len(line), max(width(t)-1, 0))] }

// barText is the bar of what has arrived.
func barText(e hub.Event) string {
	full := 0
	if e.Total > 0 {
		full = int(float64(barWidth) * min(max(float64(e.Done)/float64(e.Total), 0), 1))
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

// progressText is what has arrived, how fast, and how long the rest takes at that rate.
func progressText(e hub.Event, rate float64) string {
	if e.Total <= 0 {
		return fmt.Sprintf("%s, %s/s", bytesText(e.Done), bytesText(int64(rate)))
	}
	if e.Done >= e.Total {
		return fmt.Sprintf("100 %%  %s, checking", bytesText(e.Total))
	}
	text := fmt.Sprintf("%3d %%  %s of %s, %s/s", int(100*float64(e.Done)/float64(e.Total)), bytesText(e.Done), bytesText(e.Total), bytesText(int64(rate)))
	if left := float64(e.Total-e.Done) / rate; rate >= 1 && left < 100*3600 {
		text += fmt.Sprintf(", %s left", time.Duration(left*float64(time.Second)).Round(time.Second))
	}
	return text
}

// line prints a line above the bar.
func (v *pullView) line(text string) {
	if v.drawn {
		v.print("\r\x1b[K")
		v.drawn = false
	}
	v.print(escape(text) + "\n")
}

// end leaves the terminal on a line of its own and tells whether everything could be written.
func (v *pullView) end() error {
	if v.drawn {
		v.print("\n")
		v.drawn = false
	}
	if v.failed != nil {
		return fmt.Errorf("couldn't write the output: %w", v.failed)
	}
	return nil
}

func (v *pullView) print(text string) {
	if v.failed == nil {
		_, v.failed = fmt.Fprint(v.t.out, text)
	}
}

// bytesText is a number of bytes as people read it, in powers of 1000.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if value /= 1000; value < 999.95 {
			return fmt.Sprintf("%.1f %s", value, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", value/1000)
}

// filesText is a number of files.
func filesText(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}
