package grade

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Attack names what an answer contains besides an answer.
type Attack string

// The attacks.
const (
	// None is an answer in which nothing was found.
	None Attack = ""
	// Hidden is text that is not seen: bidirectional controls, Unicode tags, zero-width characters, variation selectors, private use.
	Hidden Attack = "hidden characters"
	// Encoding is text that is no UTF-8, or has control characters.
	Encoding Attack = "broken encoding"
	// Foreign is a script that neither question nor truth has, or digits of another script.
	Foreign Attack = "foreign script"
	// Lookalike is a word in letters of several scripts.
	Lookalike Attack = "look-alike letters"
	// Template is a chat template's token, a role marker or markup.
	Template Attack = "chat template"
	// Echo is a placeholder of a prompt.
	Echo Attack = "template echo"
	// FakeVerdict is a verdict or score in the form of data.
	FakeVerdict Attack = "fake verdict"
	// Dialogue is a question, truth or answer of the miner's own.
	Dialogue Attack = "fake question"
	// Instruction is text that addresses the judge.
	Instruction Attack = "instruction"
	// Fence is a code fence, a rule or a comment that pretends to end the data.
	Fence Attack = "fence or comment"
	// Macro is LaTeX that hides, defines, reads or writes.
	Macro Attack = "LaTeX macro"
	// Blob is encoded text, or an address.
	Blob Attack = "encoded text"
	// Padding is the same over and over.
	Padding Attack = "padding"
)

// Finding is what Inspect found.
type Finding struct {
	Attack Attack
	// Sure says that honest answers do not look so: the answer is a cheat (-1) rather than wrong (0).
	Sure bool
}

// Inspect looks for text that speaks to a judge rather than answers the question. It knows known classes of attacks, not all attacks:
// what it passes is still only data to the judges, whose votes are held against controls.
//
// Words that the question or the truth contains do not count, so that a question about judges may have one in its answer.
func Inspect(t Task, answer string) Finding {
	if f := inspectCharacters(t, answer); f.Attack != None {
		return f
	}
	context := fold(t.Question + "\n" + t.Truth)
	plain := fold(answer)
	for _, p := range patterns {
		if p.found(plain, context) {
			return Finding{p.attack, p.sure}
		}
	}
	seen := []string{plain}
	for _, variant := range disguises(plain) {
		if slices.Contains(seen, variant) {
			continue
		}
		seen = append(seen, variant)
		for _, p := range patterns {
			if p.attack == Instruction && p.found(variant, context) {
				return Finding{p.attack, p.sure}
			}
		}
	}
	if padded(answer) {
		return Finding{Padding, false}
	}
	return Finding{}
}

// inspectCharacters looks at characters one by one, and at the scripts of words.
func inspectCharacters(t Task, answer string) Finding {
	if !utf8.ValidString(answer) {
		return Finding{Encoding, true}
	}
	allowed := scripts(t.Question + t.Truth)
	allowed["Latin"] = true
	wordScripts := map[string]bool{}
	letters := 0
	for _, r := range answer + " " {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
		case unicode.Is(unicode.Cc, r):
			return Finding{Encoding, true}
		case soft(r):
			return Finding{Hidden, false}
		case hidden(r):
			return Finding{Hidden, true}
		case r >= 0x80 && unicode.Is(unicode.Nd, r) && !strings.ContainsRune(t.Question+t.Truth, r):
			return Finding{Foreign, false}
		case r >= 0x80 && enclosed(r):
			return Finding{Lookalike, false}
		}
		if unicode.IsLetter(r) {
			if letters++; strings.ContainsRune(formulaLetters, r) {
				continue // 2πr
			}
			wordScripts[script(r)] = true
			continue
		}
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if letters > 1 && len(wordScripts) > 1 && !japanese(wordScripts) {
			return Finding{Lookalike, true}
		}
		for s := range wordScripts {
			if !allowed[s] && !(s == "Greek" && letters <= 2) {
				return Finding{Foreign, false}
			}
		}
		if letters > 0 {
			letters = 0
			clear(wordScripts)
		}
	}
	return Finding{}
}

// formulaLetters are the Greek letters of formulas that look like no Latin ones; they stand beside all letters.
const formulaLetters = "πθλμσφωδψξζγβΔΣΩΠΓΦΨΛΘΞ"

// soft reports whether r is an invisible character that honest text may contain by accident.
func soft(r rune) bool {
	switch r {
	case 0xad, 0x200b, 0x200c, 0x200d, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xfeff, 0xfe0e, 0xfe0f:
		return true
	}
	return false
}

// hidden reports whether r is not seen: other format characters (tags and bidirectional controls are among them), private use, not
// assigned, variation selectors, fillers.
func hidden(r rune) bool {
	switch {
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe0fff, r == 0x34f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800:
		return true
	case r == 0x2028 || r == 0x2029:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc)
}

// enclosed reports whether r is a letter or digit in a circle, of mathematical, phonetic or full width: other characters for the same
// signs.
func enclosed(r rune) bool {
	return r >= 0x2460 && r <= 0x24ff || r >= 0x2776 && r <= 0x2793 || r >= 0x1d400 && r <= 0x1d7ff || r >= 0x1f100 && r <= 0x1f2ff ||
		r >= 0xff01 && r <= 0xff5e || r >= 0x250 && r <= 0x2af || r >= 0x1d00 && r <= 0x1dbf || r >= 0xa720 && r <= 0xa7ff
}

// scripts returns the scripts of the letters in s.
func scripts(s string) map[string]bool {
	m := map[string]bool{}
	for _, r := range s {
		if unicode.IsLetter(r) {
			m[script(r)] = true
		}
	}
	return m
}

// common are the scripts to look at first.
var common = []string{"Latin", "Greek", "Cyrillic", "Han", "Hiragana", "Katakana", "Hangul", "Arabic", "Hebrew", "Devanagari"}

func script(r rune) string {
	for _, name := range common {
		if unicode.Is(unicode.Scripts[name], r) {
			return name
		}
	}
	best := "other"
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			best = name
			break
		}
	}
	return best
}

func japanese(scripts map[string]bool) bool {
	for s := range scripts {
		if s != "Han" && s != "Hiragana" && s != "Katakana" && s != "Common" {
			return false
		}
	}
	return true
}

// lookalikes maps letters to the Latin ones that they look like.
var lookalikes = func() map[rune]rune {
	m := map[rune]rune{}
	put := func(from, to string) {
		f, t := []rune(from), []rune(to)
		for i := range f {
			m[f[i]] = t[i]
		}
	}
	put("авеікмнорсстухѕјһԁԛԝңүӏ", "abeikmhopcctyxsjhdqwnyl")
	put("αβεηικνορτυχγω", "abenikvoptuxyw")
	put("ıłøđðħŧæœßþ", "ilodohtaosp")
	put("ɑɡɩʟɴʀᴀᴄᴅᴇɢʜᴊᴋᴍᴏᴘᴛᴜᴠᴡʏᴢ", "agilnracdeghjkmoptuvwyz")
	put("օոսցհѵ", "ouuqhv")
	return m
}()

// fold writes text in small Latin letters without accents, white space as one blank, and letters as what they look like.
func fold(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r) || soft(r) || hidden(r):
			continue
		case r == '\n':
			b.WriteByte('\n')
			space = false
			continue
		case unicode.IsSpace(r):
			space = true
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		if l, ok := lookalikes[r]; ok {
			r = l
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// disguises returns folded text with common disguises removed: figures and signs for letters, letters set apart, words run together by
// signs, text written backwards, and rot13.
func disguises(s string) []string {
	leet := strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i", "|", "l").Replace(s)
	signs := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\n' || r == '.' {
			return r
		}
		return ' '
	}, s)
	back := []rune(s)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	rot := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return 'a' + (r-'a'+13)%26
		}
		return r
	}, s)
	return []string{leet, strings.Join(strings.Fields(signs), " "), apart.ReplaceAllStringFunc(s, func(m string) string {
		return strings.NewReplacer(" ", "", ".", "", "-", "", "_", "", "*", "").Replace(m) + " "
	}), string(back), rot}
}

// apart finds letters that stand one by one.
var apart = regexp.MustCompile(`(?:\b[a-z][ ._*-]){4,}[a-z]?`)

// padded reports whether one character, or one word, repeats without end.
func padded(s string) bool {
	run, last := 0, rune(-1)
	for _, r := range s {
		if r == last {
			run++
		} else {
			run, last = 1, r
		}
		if run >= 40 && !unicode.IsDigit(r) || run >= 8 && r == '\n' {
			return true
		}
	}
	words := strings.Fields(s)
	counts := map[string]int{}
	for _, w := range words {
		counts[w]++
		if counts[w] > 20 && counts[w]*2 > len(words) {
			return true
		}
	}
	return false
}
