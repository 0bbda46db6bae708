package grail

import (
	"bytes"
	"strconv"
)

// parseRegular reads the regular form of commitments, [{"sketch": 925}, …] with any JSON whitespace, integers of 64 bits and no other
// keys. It is the fast path; everything else goes through the general reader.
func parseRegular(text []byte) ([]int64, bool) {
	p := regular{text: text}
	if !p.take('[') {
		return nil, false
	}
	out := make([]int64, 0, bytes.Count(text, []byte{'{'}))
	if p.take(']') {
		return out, p.end()
	}
	for {
		if !p.take('{') || !p.word(`"sketch"`) || !p.take(':') {
			return nil, false
		}
		v, ok := p.integer()
		if !ok || !p.take('}') {
			return nil, false
		}
		out = append(out, v)
		if p.take(']') {
			return out, p.end()
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

type regular struct {
	text []byte
	at   int
}

func (p *regular) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *regular) take(b byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == b {
		p.at++
		return true
	}
	return false
}

func (p *regular) word(w string) bool {
	p.space()
	if !bytes.HasPrefix(p.text[p.at:], []byte(w)) {
		return false
	}
	p.at += len(w)
	return true
}

func (p *regular) integer() (int64, bool) {
	p.space()
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '-' {
		p.at++
	}
	digits := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	n := p.at - digits
	if n == 0 || (n > 1 && p.text[digits] == '0') {
		return 0, false
	}
	v, err := strconv.ParseInt(string(p.text[start:p.at]), 10, 64)
	return v, err == nil
}

func (p *regular) end() bool {
	p.space()
	return p.at == len(p.text)
}
