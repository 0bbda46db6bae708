// Package answer finds the thinking and the answer in a completion.
//
// A completion is free text with tags in it: some reasoning that ends with the closing thinking tag, then the answer between the answer tags.
// Models get this wrong in every way, and each way has a score, so the scanner is lenient in exactly the reference's manner:
//
//   - only the closing thinking tag counts; the opening one is never needed;
//   - an answer after the thinking is preferred, one inside or before it still counts;
//   - what follows the answer costs a little for each code point. Special tokens are part of the text, so a completion that ends with its
//     end-of-sequence token always has some;
//   - tags match in any case. The answer search folds like Python's re (ſ, K, İ and ı match s, k and i), the presence of thinking is
//     decided by str.lower (of these only K matches). Both are kept: a tag written with İ closes the thinking for one and not for the other.
//
// All lengths are in code points. Specification: grail-environments, sections 4.4 and 6.
package answer

import (
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/task"
)

// Result is what a scan found. Content shares memory with the scanned text.
type Result struct {
	HasThinking bool   // the closing thinking tag is somewhere in the text
	HasAnswer   bool   // there is an opening answer tag and a closing one after it
	Content     string // what stands between the answer tags of the preferred answer, untrimmed
	Trailing    int    // code points after the preferred answer's closing tag; 0 without an answer
	Ordered     bool   // the preferred answer comes after the thinking
}

// block is a place in a text: the byte range between two tags and the end of the closing one.
type block struct{ start, end, after int }

// Scan looks for the preferred answer in a completion.
func Scan(text string, tags task.Tags) Result {
	r := Result{HasThinking: cpython.ContainsLower(text, tags.ThinkingClose)}
	b, ok := block{}, false
	if r.HasThinking {
		if _, after := cpython.IndexFold(text, tags.ThinkingClose); after >= 0 {
			b, ok = find(text, after, tags)
			r.Ordered = ok
		}
	}
	if !ok {
		b, ok = find(text, 0, tags)
	}
	if ok {
		r.HasAnswer = true
		r.Content = text[b.start:b.end]
		r.Trailing = cpython.RuneCount(text[b.after:])
	}
	return r
}

// find returns the first answer block at or after a byte offset.
func find(text string, from int, tags task.Tags) (block, bool) {
	_, start := cpython.IndexFold(text[from:], tags.AnswerOpen)
	if start < 0 {
		return block{}, false
	}
	start += from
	end, after := cpython.IndexFold(text[start:], tags.AnswerClose)
	if end < 0 {
		return block{}, false
	}
	return block{start, start + end, start + after}, true
}

// First returns the content of the first answer block, wherever the thinking is.
func First(text string, tags task.Tags) (content string, ok bool) {
	b, ok := find(text, 0, tags)
	if !ok {
		return "", false
	}
	return text[b.start:b.end], true
}

// Thinking returns the text up to and including the first closing thinking tag, found by folding.
func Thinking(text string, tags task.Tags) (block string, ok bool) {
	_, after := cpython.IndexFold(text, tags.ThinkingClose)
	if after < 0 {
		return "", false
	}
	return text[:after], true
}

// Count returns how often tag occurs in text, folded, without overlaps.
func Count(text, tag string) int {
	n := 0
	for {
		_, after := cpython.IndexFold(text, tag)
		if after < 0 {
			return n
		}
		n++
		text = text[after:]
	}
}

// ThinkingFormat is the shared component for a closed thinking part: 0.5 or 0.
func (r Result) ThinkingFormat() float64 { return reward(r.HasThinking, 0.5) }

// AnswerFormat is the shared component for an answer block: 0.3 or 0.
func (r Result) AnswerFormat() float64 { return reward(r.HasAnswer, 0.3) }

// SoftFormat is the lenient shared component for an answer block: 0.2 or 0.
func (r Result) SoftFormat() float64 { return reward(r.HasAnswer, 0.2) }

// NoTrailing is the shared component for an answer that ends the text: 0.2 less 0.001 for each code point after it, not below 0; 0 without an answer.
func (r Result) NoTrailing() float64 {
	if !r.HasAnswer {
		return 0
	}
	penalty := float64(0.001 * float64(r.Trailing))
	return max(0.0, 0.2-penalty)
}

func reward(earned bool, value float64) float64 {
	if earned {
		return value
	}
	return 0
}
