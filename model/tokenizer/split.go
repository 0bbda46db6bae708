package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// Pattern names a pre-tokenizer: the rule by which text is cut into words before BPE.
type Pattern string

// The pre-tokenizers that New offers. Files may combine them otherwise.
const (
	GPT2    Pattern = "gpt2"    // runs of letters, of digits and of the rest, each with one space before it
	Qwen2   Pattern = "qwen2"   // each digit alone; line breaks stay with the punctuation before them
	Llama3  Pattern = "llama3"  // as Qwen2 with up to three digits (also OpenAI's cl100k)
	SmolLM2 Pattern = "smollm2" // each digit alone, then as GPT2
)

// The regular expressions as files write them. Their exact text selects a splitter; no other text is accepted.
const (
	regexQwen2   = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	regexLlama3  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	regexGPT2    = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	regexGPT2New = `'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
)

// splitter gives the length of the first word of s, which isn't empty and is valid UTF-8.
type splitter func(s string) int

// splitters are the regular expressions, by their exact text.
var splitters = map[string]splitter{
	regexQwen2:   func(s string) int { return nextCL100K(s, 1) },
	regexLlama3:  func(s string) int { return nextCL100K(s, 3) },
	regexGPT2:    nextGPT2,
	regexGPT2New: nextGPT2,
}

// class is what the regular expressions distinguish.
type class uint8

const (
	other class = iota
	letter
	number
	space
	newline // \r and \n, which are white space too
)

func (c class) white() bool { return c >= space }

var asciiClass [utf8.RuneSelf]class

func init() {
	for i := range asciiClass {
		asciiClass[i] = classOf(rune(i))
	}
}

// classOf classifies like the reference's regular expression engine, which knows Unicode 16.
func classOf(r rune) class {
	switch {
	case r == '\r' || r == '\n':
		return newline
	case unicode.IsSpace(r):
		return space
	case isLetter(r):
		return letter
	case isNumber(r):
		return number
	}
	return other
}

// at classifies the character at s[i:] and gives its length, 0 at the end.
func at(s string, i int) (class, int) {
	if i >= len(s) {
		return other, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classOf(r), n
}

// run gives the end of the run of class want that begins at i, after at most limit characters.
func run(s string, i int, want class, limit int) int {
	for ; limit > 0; limit-- {
		c, n := at(s, i)
		if n == 0 || c != want {
			break
		}
		i += n
	}
	return i
}

const noLimit = int(^uint(0) >> 1)

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd at the start of s. Folded case includes the long s.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	if fold && len(s) > 2 && s[1:3] == "ſ" {
		return 3
	}
	lower := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		if c := s[i]; fold && c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return s[i]
	}
	switch a, b := lower(1), lower(2); {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	}
	return 0
}

// blanks is the length of \s+(?!\S)|\s+ at the start of s: white space, but for the last character when a word follows.
func blanks(s string) int {
	end, last := 0, 0
	for {
		c, n := at(s, end)
		if n == 0 {
			return end
		}
		if !c.white() {
			break
		}
		end, last = end+n, n
	}
	if end > last {
		return end - last
	}
	return end
}

// nextCL100K is the splitter of Qwen2 (digits 1) and Llama 3 (digits 3).
func nextCL100K(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, n := at(s, 0)
	switch c { // [^\r\n\p{L}\p{N}]?\p{L}+
	case letter:
		return run(s, n, letter, noLimit)
	case other, space:
		if end := run(s, n, letter, noLimit); end > n {
			return end
		}
	case number:
		return run(s, 0, number, digits)
	}
	begin := 0 // ` ?[^\s\p{L}\p{N}]+[\r\n]*`
	if s[0] == ' ' {
		begin = 1
	}
	if end := run(s, begin, other, noLimit); end > begin {
		return run(s, end, newline, noLimit)
	}
	brk := 0 // \s*[\r\n]+ ends behind the last line break of the white space
	for end := 0; ; {
		c, n := at(s, end)
		if n == 0 || !c.white() {
			break
		}
		if end += n; c == newline {
			brk = end
		}
	}
	if brk > 0 {
		return brk
	}
	return blanks(s)
}

// nextGPT2 is the splitter of the ByteLevel pre-tokenizer.
func nextGPT2(s string) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	begin := 0
	if s[0] == ' ' {
		begin = 1
	}
	if c, n := at(s, begin); n > 0 && !c.white() {
		return run(s, begin, c, noLimit)
	}
	return blanks(s)
}

// nextDigit splits off each digit, nextDigits each run of digits.
func nextDigit(s string) int  { return digits(s, 1) }
func nextDigits(s string) int { return digits(s, noLimit) }

func digits(s string, limit int) int {
	end, count := 0, 0
	numeric := false
	for i, r := range s {
		is := isNumber(r)
		if i == 0 {
			numeric = is
		}
		if is != numeric || (numeric && count == limit) {
			return end
		}
		end = i + utf8.RuneLen(r)
		count++
	}
	return end
}
