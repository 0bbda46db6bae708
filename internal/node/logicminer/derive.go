package logicminer

import (
	"regexp"
	"strings"
)

// said finds where a reasoning states its result. The last statement counts.
var said = regexp.MustCompile(`(?i)(?:final answer|the answer|answer|result|therefore|thus|hence|so)\s*(?:is|are|:|=|equals)+\s*:?\s*([^\n]{1,200})`)

var lastNumber = regexp.MustCompile(`-?\d[\d,]*(?:\.\d+)?(?:/\d+)?`)

// derive takes a short answer out of a reasoning: the last \boxed{…}, else what the text calls its answer, else its last number. It is empty where
// there is none of these.
func derive(reasoning string) string {
	if s := boxed(reasoning); s != "" {
		return s
	}
	if all := said.FindAllStringSubmatch(reasoning, -1); len(all) > 0 {
		text := all[len(all)-1][1]
		if i := strings.Index(text, ". "); i >= 0 {
			text = text[:i]
		}
		if text = strings.Trim(text, " \t.*_:;"); text != "" {
			return text
		}
	}
	if all := lastNumber.FindAllString(reasoning, -1); len(all) > 0 {
		return strings.TrimRight(all[len(all)-1], ",")
	}
	return ""
}

// boxed is the content of the last \boxed{…} with matching braces.
func boxed(text string) string {
	const open = `\boxed{`
	for {
		i := strings.LastIndex(text, open)
		if i < 0 {
			return ""
		}
		depth := 1
		for j := i + len(open); j < len(text) && j < i+1000; j++ {
			switch text[j] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					if s := strings.TrimSpace(text[i+len(open) : j]); s != "" {
						return s
					}
				}
			}
			if depth == 0 {
				break
			}
		}
		text = text[:i]
	}
}
