package tokenizer

import (
	"encoding/json"
	"strings"
)

type modelJSON struct {
	Type         string          `json:"type"`
	Dropout      *float64        `json:"dropout"`
	UnkToken     *string         `json:"unk_token"`
	Prefix       *string         `json:"continuing_subword_prefix"`
	Suffix       *string         `json:"end_of_word_suffix"`
	FuseUnk      bool            `json:"fuse_unk"`
	ByteFallback bool            `json:"byte_fallback"`
	IgnoreMerges bool            `json:"ignore_merges"`
	Vocab        json.RawMessage `json:"vocab"`
	Merges       json.RawMessage `json:"merges"`
}

func parseModel(m *model, raw json.RawMessage) error {
	switch k, err := kind(raw); {
	case err != nil:
		return err
	case k != "BPE":
		return unsupported("type %q", k)
	}
	var v modelJSON
	if err := strict(raw, "BPE", &v); err != nil {
		return err
	}
	switch {
	case v.Dropout != nil && *v.Dropout != 0:
		return unsupported("dropout")
	case v.Prefix != nil && *v.Prefix != "":
		return unsupported("continuing_subword_prefix")
	case v.Suffix != nil && *v.Suffix != "":
		return unsupported("end_of_word_suffix")
	case v.ByteFallback:
		return unsupported("byte_fallback")
	}
	m.ignoreMerges, m.fuseUnk = v.IgnoreMerges, v.FuseUnk
	if err := m.parseVocab(v.Vocab); err != nil {
		return err
	}
	if err := m.parseMerges(v.Merges); err != nil {
		return err
	}
	return m.finish(v.UnkToken)
}

// size is the number of tokens, which the reference takes as the first free id.
func (m *model) size() int { return len(m.ids) + len(m.odd) }

// has says whether the vocabulary uses the id.
func (m *model) has(id int32) bool { return id >= 0 && int(id) < len(m.tokens) && !m.holes[id] }

func (m *model) parseVocab(raw json.RawMessage) error {
	m.ids, m.odd = map[string]int32{}, map[string]int32{}
	type entry struct {
		raw string
		id  int
	}
	var list []entry
	highest := -1
	s := scanner{b: raw}
	var buf []byte
	err := s.list('{', '}', func() error {
		text, err := s.text()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return s.fail("a colon")
		}
		id, err := s.integer()
		if err != nil {
			return err
		}
		if id >= maxVocab {
			return unsupported("token %q has id %d, not below %d", text, id, maxVocab)
		}
		var ok bool
		if buf, ok = appendRaw(buf[:0], text); ok && text != "" {
			text = string(buf)
			if _, twice := m.ids[text]; twice {
				return corrupt("vocab has a token of id %d twice", id)
			}
			m.ids[text] = int32(id)
		} else {
			if _, twice := m.odd[text]; twice {
				return corrupt("vocab has the token %q twice", text)
			}
			m.odd[text] = int32(id)
		}
		list = append(list, entry{text, id})
		highest = max(highest, id)
		return nil
	})
	if err != nil {
		return err
	}
	if highest >= 2*len(list)+1024 {
		return unsupported("vocab of %d tokens has an id as high as %d", len(list), highest)
	}
	m.tokens = make([]string, highest+1)
	taken := make([]bool, highest+1)
	for _, e := range list {
		if taken[e.id] {
			return corrupt("vocab has the id %d twice", e.id)
		}
		taken[e.id], m.tokens[e.id] = true, e.raw
	}
	m.holes = map[int32]bool{}
	for id, ok := range taken {
		if !ok {
			m.holes[int32(id)] = true
		}
	}
	return nil
}

func (m *model) parseMerges(raw json.RawMessage) error {
	m.rules = map[uint64]int32{}
	if isNull(raw) {
		return corrupt("no merges")
	}
	s := scanner{b: raw}
	return s.list('[', ']', func() error {
		var left, right string
		var err error
		if s.peek() == '[' {
			n := 0
			err = s.list('[', ']', func() error {
				part, err := s.text()
				if n++; n == 1 {
					left = part
				} else {
					right = part
				}
				return err
			})
			if err == nil && n != 2 {
				err = s.fail("a pair")
			}
		} else {
			var line string
			line, err = s.text()
			var ok bool
			if left, right, ok = strings.Cut(line, " "); err == nil && (!ok || strings.Contains(right, " ")) {
				err = corrupt("merge %q isn't two tokens", line)
			}
		}
		if err != nil {
			return err
		}
		a, okA := m.id(left)
		b, okB := m.id(right)
		if !okA || !okB {
			return corrupt("merge of %q and %q, which the vocab lacks", left, right)
		}
		return m.addRule(a, b)
	})
}

// addRule appends a merge. A pair that comes twice keeps the later rank, as in the reference.
func (m *model) addRule(a, b int32) error {
	to, ok := m.id(m.text(a) + m.text(b))
	if !ok {
		return corrupt("merge of %q and %q gives a token that the vocab lacks", m.text(a), m.text(b))
	}
	m.rules[pair(a, b)] = int32(len(m.merged))
	m.merged = append(m.merged, to)
	m.pairs = append(m.pairs, [2]int32{a, b})
	return nil
}

// finish looks up the single bytes and the unknown token.
func (m *model) finish(unknown *string) error {
	m.cache = new(cache)
	m.unk = -1
	missing := 0
	for b := range 256 {
		id, ok := m.ids[string([]byte{byte(b)})]
		if !ok {
			id = -1
			missing++
		}
		m.byteID[b] = id
	}
	if unknown == nil || *unknown == "" {
		return nil
	}
	id, ok := m.id(*unknown)
	switch {
	case missing == 0: // unreachable: every byte is known
	case !ok:
		return corrupt("unk_token %q isn't in the vocab", *unknown)
	case m.fuseUnk:
		return unsupported("fuse_unk with a vocab that lacks %d of the 256 bytes", missing)
	default:
		m.unk = id
	}
	return nil
}
