package serve

import (
	"strings"
	"unicode/utf8"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/tokenizer"
)

// object is a JSON object.
type object = map[string]any

// nullable is a finish reason or what stopped a completion, null while there is none.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// stopReason is vLLM's: what stopped a completion beside the model's own end.
func (c *call) stopReason(stop any) any {
	if id, ok := stop.(int32); ok {
		for _, t := range c.s.stop {
			if t == id {
				return nil
			}
		}
	}
	return stop
}

func (c *call) usageObject() object {
	prompt, completion := c.used()
	return object{"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
}

// header is what answers and events of OpenAI begin with.
func (c *call) header(prefix, kind string) object {
	return object{"id": prefix + c.id, "object": kind, "created": c.created.Unix(), "model": c.s.cfg.Name}
}

// finite is a log-probability as JSON can write it; vLLM writes the impossible like that too.
func finite(x float64) float64 {
	if !(x > -9999) {
		return -9999
	}
	return x
}

// bytesOf are the bytes of one token, special or not.
func (c *call) bytesOf(id int32) []byte {
	return c.s.cfg.Tokenizer.AppendBytes(nil, []int32{id}, false)
}

// tokenText is the text of one token; bytes that aren't text alone are U+FFFD.
func (c *call) tokenText(id int32) string { return tokenizer.Lossy(string(c.bytesOf(id))) }

// completionForm is /v1/completions.
type completionForm struct{}

func (completionForm) choice(c *call, p piece, offset int) object {
	o := object{"index": p.index, "text": p.text, "finish_reason": nullable(p.finish), "stop_reason": c.stopReason(p.stop), "logprobs": nil}
	if c.returnIDs {
		o["token_ids"] = p.ids
	}
	if c.logProbs {
		var texts []string
		var logs []float64
		var top []map[string]float64
		var offsets []int
		for _, l := range p.logs {
			text := c.tokenText(l.ID)
			texts, logs, offsets = append(texts, text), append(logs, finite(l.LogProb)), append(offsets, offset)
			offset += utf8.RuneCountInString(text)
			place := map[string]float64{text: finite(l.LogProb)}
			for _, t := range l.top {
				place[c.tokenText(t.ID)] = finite(t.LogProb)
			}
			top = append(top, place)
		}
		o["logprobs"] = object{"tokens": texts, "token_logprobs": logs, "top_logprobs": top, "text_offset": offsets}
	}
	return o
}

func (f completionForm) whole(c *call, choices []piece) any {
	a := c.header("cmpl-", "text_completion")
	list := make([]object, len(choices))
	for i, p := range choices {
		list[i] = f.choice(c, p, 0)
		if c.returnIDs {
			list[i]["prompt_token_ids"] = c.prompt(i)
		}
	}
	a["choices"], a["usage"] = list, c.usageObject()
	return a
}

func (completionForm) first(*call) []any { return nil }

func (f completionForm) next(c *call, p piece) any {
	if c.sofar == nil {
		c.sofar = make([]string, len(c.made))
	}
	a := c.header("cmpl-", "text_completion")
	o := f.choice(c, p, utf8.RuneCountInString(c.sofar[p.index]))
	if c.returnIDs && c.made[p.index] == len(p.ids) { // the choice's first event
		o["prompt_token_ids"] = c.prompt(p.index)
	}
	if c.logProbs {
		for _, l := range p.logs {
			c.sofar[p.index] += c.tokenText(l.ID)
		}
	}
	a["choices"] = []object{o}
	if c.usage {
		a["usage"] = nil
	}
	return a
}

func (completionForm) last(c *call) []any {
	if !c.usage {
		return nil
	}
	a := c.header("cmpl-", "text_completion")
	a["choices"], a["usage"] = []object{}, c.usageObject()
	return []any{a}
}

// chatForm is /v1/chat/completions.
type chatForm struct{}

func (chatForm) logs(c *call, p piece) any {
	if !c.logProbs {
		return nil
	}
	entry := func(t model.Candidate) object {
		raw := c.bytesOf(t.ID)
		numbers := make([]int, len(raw)) // bytes would be written as base64
		for i, b := range raw {
			numbers[i] = int(b)
		}
		return object{"token": tokenizer.Lossy(string(raw)), "logprob": finite(t.LogProb), "bytes": numbers}
	}
	content := []object{}
	for _, l := range p.logs {
		o, top := entry(l.Candidate), []object{}
		for _, t := range l.top {
			top = append(top, entry(t))
		}
		o["top_logprobs"] = top
		content = append(content, o)
	}
	return object{"content": content, "refusal": nil}
}

func (f chatForm) choice(c *call, p piece) object {
	o := object{"index": p.index, "finish_reason": nullable(p.finish), "stop_reason": c.stopReason(p.stop), "logprobs": f.logs(c, p)}
	if c.returnIDs {
		o["token_ids"] = p.ids
	}
	return o
}

func (f chatForm) whole(c *call, choices []piece) any {
	a := c.header("chatcmpl-", "chat.completion")
	list := make([]object, len(choices))
	for i, p := range choices {
		list[i] = f.choice(c, p)
		list[i]["message"] = object{"role": "assistant", "content": p.text, "refusal": nil}
	}
	a["choices"], a["usage"] = list, c.usageObject()
	if c.returnIDs {
		a["prompt_token_ids"] = c.prompt(0)
	}
	return a
}

func (f chatForm) event(c *call, choices ...object) object {
	a := c.header("chatcmpl-", "chat.completion.chunk")
	a["choices"] = append([]object{}, choices...)
	if c.usage {
		a["usage"] = nil
	}
	return a
}

func (f chatForm) first(c *call) []any {
	var list []any
	for i := range c.made {
		o := object{"index": i, "delta": object{"role": "assistant", "content": ""}, "logprobs": nil, "finish_reason": nil}
		a := f.event(c, o)
		if c.returnIDs && i == 0 {
			a["prompt_token_ids"] = c.prompt(0)
		}
		list = append(list, a)
	}
	return list
}

func (f chatForm) next(c *call, p piece) any {
	o := f.choice(c, p)
	o["delta"] = object{}
	if p.text != "" {
		o["delta"] = object{"content": p.text}
	}
	return f.event(c, o)
}

func (f chatForm) last(c *call) []any {
	if !c.usage {
		return nil
	}
	a := f.event(c)
	a["usage"] = c.usageObject()
	return []any{a}
}

// sglangForm is /generate.
type sglangForm struct{}

func (sglangForm) one(c *call, p piece, made int) object {
	meta := object{"id": c.id, "prompt_tokens": len(c.prompt(p.index)), "completion_tokens": made, "cached_tokens": 0, "finish_reason": nil}
	switch p.finish {
	case "stop":
		meta["finish_reason"] = object{"type": "stop", "matched": p.stop}
	case "length":
		meta["finish_reason"] = object{"type": "length", "length": made}
	}
	if c.logProbs {
		tuple := func(t model.Candidate) []any { return []any{finite(t.LogProb), t.ID, nil} }
		logs, top := [][]any{}, [][][]any{}
		for _, l := range p.logs {
			place := [][]any{}
			for _, t := range l.top {
				place = append(place, tuple(t))
			}
			logs, top = append(logs, tuple(l.Candidate)), append(top, place)
		}
		meta["output_token_logprobs"] = logs
		if c.top > 0 {
			meta["output_top_logprobs"] = top
		}
	}
	ids := p.ids
	if ids == nil {
		ids = []int32{}
	}
	return object{"text": p.text, "output_ids": ids, "meta_info": meta}
}

func (f sglangForm) whole(c *call, choices []piece) any {
	list := make([]object, len(choices))
	for i, p := range choices {
		list[i] = f.one(c, p, c.made[i])
	}
	if len(list) == 1 && !c.list {
		return list[0]
	}
	return list
}

func (sglangForm) first(*call) []any { return nil }

// next repeats all that the choice has said, as SGLang does.
func (f sglangForm) next(c *call, p piece) any {
	if c.sofar == nil {
		c.sofar, c.sofarIDs = make([]string, len(c.made)), make([][]int32, len(c.made))
	}
	i := p.index
	c.sofar[i] = strings.Join([]string{c.sofar[i], p.text}, "")
	c.sofarIDs[i] = append(c.sofarIDs[i], p.ids...)
	p.text, p.ids = c.sofar[i], c.sofarIDs[i]
	o := f.one(c, p, c.made[i])
	if len(c.made) > 1 || c.list {
		o["index"] = i
	}
	return o
}

func (sglangForm) last(*call) []any { return nil }
