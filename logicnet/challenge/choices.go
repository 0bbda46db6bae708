package challenge

import "strings"

// Choice returns one of the possible answers of a multiple-choice problem, "A) 3 B) 4" or "A. 3 B. 4", as "A. 3"; ok is false when id,
// a letter from A to D, is not among them. An answer ends with its line. The reference has it for the older sources. Section 6.4.
func Choice(possible, id string) (answer string, ok bool) {
	for i := 0; i < len(possible); i++ {
		if !mark(possible[i:]) {
			continue
		}
		from := i + 2 + spaces(possible[i+2:])
		for to := from; to <= len(possible); to++ {
			rest := possible[to:]
			if rest == "" || rest == "\n" || mark(rest[spaces(rest):]) {
				if possible[i:i+1] == id {
					return id + ". " + possible[from:to], true
				}
				i = to - 1
				break
			}
			if rest[0] == '\n' {
				break
			}
		}
	}
	return "", false
}

// mark says whether a text begins with the letter of an answer.
func mark(s string) bool {
	return len(s) > 1 && s[0] >= 'A' && s[0] <= 'D' && (s[1] == ')' || s[1] == '.')
}

func spaces(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\n\r\f\v")) }
