package devnet

import (
	"fmt"
	"strings"
)

// Text is the report for people, at most width columns wide: a table of the miners, why the cheaters were caught, and the command to look
// closer. program is how the user calls this program.
func (r Report) Text(p Palette, width int, program string) string {
	width = max(60, min(width, 160))
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", r.headline(p))
	line("")
	name := 5
	for _, m := range r.Miners {
		name = max(name, len(m.Name))
	}
	line("%s", p.Dim(right("uid", 3)+"  "+pad("miner", name)+"  "+right("rollouts", 8)+"  "+right("judged", 6)+"  "+right("accepted", 8)+"  "+right("weight", 6)+"  caught by"))
	for _, m := range r.Miners {
		row := right(fmt.Sprint(m.UID), 3) + "  " + pad(m.Name, name) + "  " + right(fmt.Sprint(m.Made), 8) + "  " + right(fmt.Sprint(m.Judged), 6) + "  "
		accepted := right(fmt.Sprint(m.Accepted), 8)
		if m.Accepted > 0 {
			accepted = p.Green(accepted)
		}
		weight := right(percent(m.Weight), 6)
		if m.Weight > 0 {
			weight = p.Green(weight)
		}
		row += accepted + "  " + weight
		if m.Caught != nil {
			row += "  " + p.Red(cut(m.Caught.Check, max(8, width-name-41)))
		}
		line("%s", row)
	}
	r.reasons(&b, p, width, name)
	if r.Learning != nil {
		line("")
		b.WriteString(r.Learning.Text(p, width))
	}
	if r.LogicNet != nil {
		line("")
		b.WriteString(r.LogicNet.Text(p, width))
	}
	if file, row, ok := r.Look(); ok {
		line("")
		line("look closer:")
		line("  %s explain %s %d", program, quote(file), row)
	}
	return b.String()
}

// headline says what the run was.
func (r Report) headline(p Palette) string {
	parts := []string{fmt.Sprintf("%s judged in %.0fs", count(r.Windows, "window"), r.Seconds)}
	if r.FirstWeights > 0 {
		parts = append(parts, fmt.Sprintf("first weights after %.1fs", r.FirstWeights))
	} else {
		parts = append(parts, "no weights were set")
	}
	parts = append(parts, fmt.Sprintf("%d rollouts made", r.Rollouts))
	if r.Faults > 0 {
		parts = append(parts, count(r.Faults, "fault"))
	}
	if r.PeakMemory > 0 {
		parts = append(parts, fmt.Sprintf("%d MB of memory", r.PeakMemory>>20))
	}
	return p.Bold(strings.Join(parts, ", "))
}

// reasons says in plain words why miners were caught.
func (r Report) reasons(b *strings.Builder, p Palette, width, name int) {
	var pairs []string
	for _, m := range r.Miners {
		pairs = append(pairs, m.Hotkey, m.Name)
	}
	named := strings.NewReplacer(pairs...)
	first := true
	for _, m := range r.Miners {
		if m.Caught == nil {
			continue
		}
		if first {
			fmt.Fprintln(b)
			first = false
		}
		for i, text := range wrap(named.Replace(m.Caught.Reason), width-name-2) {
			head := pad("", name)
			if i == 0 {
				head = pad(m.Name, name)
			}
			fmt.Fprintf(b, "%s  %s\n", head, p.Dim(text))
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// wrap breaks a text into lines.
func wrap(s string, width int) []string {
	var lines []string
	var now string
	for _, word := range strings.Fields(plain(s)) {
		if now != "" && len(now)+1+len(word) > width {
			lines = append(lines, now)
			now = ""
		}
		if now != "" {
			now += " "
		}
		now += word
	}
	return append(lines, now)
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	if strings.ContainsAny(path, " '\"\\$`&|;()<>*?[]#~\t\n") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
