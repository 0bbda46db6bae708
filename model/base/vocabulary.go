package base

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Limits of the SAT problems that have tokens of their own. The environment
// draws 5 to 11 variables and 7 to 15 clauses; anything larger still encodes,
// byte by byte, because every byte is a token.
const (
	maxVariables = 11
	maxClauses   = 15
)

// Texts of the chat and of the SAT environment that occur in every prompt.
// They are single tokens: a prompt of 700 bytes becomes about 50 tokens.
const (
	imStart = "<|im_start|>"
	imEnd   = "<|im_end|>"
	pad     = "<|endoftext|>"

	systemPrompt = "You are given a problem. Think step by step.\n" +
		"Place your reasoning between <start_working_out> and </end_working_out>.\n" +
		"You may write and reason about code during your thinking.\n" +
		"After thinking, you MUST provide your final solution wrapped in <SOLUTION> and </SOLUTION> tags.\n" +
		"Any code outside <SOLUTION> tags will be ignored. Your answer will score 0 without these tags."

	thinkOpen   = "<start_working_out>"
	thinkClose  = "</end_working_out>"
	answerOpen  = "<SOLUTION>"
	answerClose = "</SOLUTION>"

	satHead = "SAT Problem:\nSAT Problem (seed: "
	satTail = "\nProvide your final assignment between <SOLUTION></SOLUTION> as space-separated 0/1 values " +
		"for x1..xN (e.g., <SOLUTION>0 1 0 1</SOLUTION>).\n"

	chatTemplate = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}" +
		"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

// Words of the worked solutions.
const (
	wordHolds    = " => holds"
	wordConflict = " => conflict"

	wordWhat   = "What is "
	wordDigits = "\ndigits: "
	wordComma  = ", "
	wordOnes   = "\nones: "
	wordTens   = "\ntens: "
	wordPlus   = " + "
	wordMinus  = " - "
	wordEqual  = " = "
	wordCarry  = ", carry "
	wordTotal  = "\ntotal: "
)

// token is one entry of the vocabulary. Features name what the token is made
// of ("variable 5", "negated", "second place of a clause"): the embedding of a
// fresh model is the sum of one random vector per feature, so that all tokens
// that speak of x5 begin as neighbours and the lookups that the reasoning needs
// are learned for all variables at once.
type token struct {
	text     string
	special  bool
	features []string
}

// Vocabulary is the base model's token table: 256 bytes, then added tokens.
// It encodes as a Hugging Face tokenizer does whose BPE has no merges: added
// tokens first, leftmost and longest, bytes for the rest. It has no mutable
// state and is safe for concurrent use.
type Vocabulary struct {
	tokens []token
	ids    map[string]int32
	byHead map[byte][]int32 // added tokens by first byte, longest first
}

// NewVocabulary builds the table. It is the same on every call.
func NewVocabulary() *Vocabulary {
	v := &Vocabulary{ids: map[string]int32{}, byHead: map[byte][]int32{}}
	for b := 0; b < 256; b++ {
		v.tokens = append(v.tokens, token{text: string([]byte{byte(b)})})
	}
	add := func(text string, special bool, features ...string) {
		v.tokens = append(v.tokens, token{text: text, special: special, features: features})
	}
	for _, s := range []string{pad, imStart, imEnd} {
		add(s, true)
	}
	for _, s := range []string{
		thinkOpen, thinkClose, answerOpen, answerClose,
		"system\n" + systemPrompt, "user\n", "assistant\n", satHead, satTail,
		wordHolds, wordConflict,
		wordWhat, wordDigits, wordComma, wordOnes, wordTens, wordPlus, wordMinus, wordEqual, wordCarry, wordTotal,
	} {
		add(s, false)
	}
	for n := 3; n <= maxClauses; n++ {
		add(satHeader(n), false, "header", "number "+strconv.Itoa(n))
	}
	for k := 1; k <= maxClauses; k++ {
		add(stepMark(k), false, "step", "number "+strconv.Itoa(k))
	}
	for _, place := range []struct{ name, before, after string }{
		{"first", "  (", ""}, {"second", " OR ", ""}, {"third", " OR ", ")\n"}, {"restated", " ", ""},
	} {
		for x := 1; x <= maxVariables; x++ {
			for _, l := range []literal{literal(x), literal(-x)} {
				add(place.before+l.String()+place.after, false, append(l.features(), place.name)...)
			}
		}
	}
	for x := 1; x <= maxVariables; x++ {
		for _, l := range []literal{literal(x), literal(-x)} {
			add(setting(l), false, append(l.features(), "setting")...)
		}
	}
	add(" 0", false, "bit", "negative")
	add(" 1", false, "bit", "positive")

	for i, t := range v.tokens {
		v.ids[t.text] = int32(i)
		if i >= 256 {
			v.byHead[t.text[0]] = append(v.byHead[t.text[0]], int32(i))
		}
	}
	for _, list := range v.byHead {
		sort.SliceStable(list, func(i, j int) bool {
			return len(v.tokens[list[i]].text) > len(v.tokens[list[j]].text)
		})
	}
	return v
}

// Size is the number of token ids, [0, Size).
func (v *Vocabulary) Size() int { return len(v.tokens) }

// EOS is the id of the token that ends a completion.
func (v *Vocabulary) EOS() int32 { return v.ids[imEnd] }

// Pad is the id that fills a batch.
func (v *Vocabulary) Pad() int32 { return v.ids[pad] }

// Encode gives the ids of a text.
func (v *Vocabulary) Encode(text string) []int32 {
	ids := make([]int32, 0, len(text)/4+8)
next:
	for len(text) > 0 {
		for _, id := range v.byHead[text[0]] {
			if strings.HasPrefix(text, v.tokens[id].text) {
				ids = append(ids, id)
				text = text[len(v.tokens[id].text):]
				continue next
			}
		}
		ids = append(ids, int32(text[0]))
		text = text[1:]
	}
	return ids
}

// Decode gives the text of ids, special tokens kept. Ids outside the table
// give nothing.
func (v *Vocabulary) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		if id >= 0 && int(id) < len(v.tokens) {
			b.WriteString(v.tokens[id].text)
		}
	}
	return b.String()
}

// literal is a variable (from 1) or, negative, its negation.
type literal int

func (l literal) variable() int {
	if l < 0 {
		return int(-l)
	}
	return int(l)
}

func (l literal) String() string {
	if l < 0 {
		return "NOT x" + strconv.Itoa(int(-l))
	}
	return "x" + strconv.Itoa(int(l))
}

func (l literal) features() []string {
	sign := "positive"
	if l < 0 {
		sign = "negative"
	}
	return []string{"variable " + strconv.Itoa(l.variable()), sign}
}

// setting is the decision that makes l true.
func setting(l literal) string {
	value := "1"
	if l < 0 {
		value = "0"
	}
	return fmt.Sprintf(" => x%d=%s", l.variable(), value)
}

func stepMark(k int) string  { return "\n" + strconv.Itoa(k) + "." }
func satHeader(n int) string { return "...):\nVariables: " + strconv.Itoa(n) + "\nClauses:\n" }
