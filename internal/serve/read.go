package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/chat"
)

// Bounds of a request beside its size.
const (
	maxChoices   = 128
	maxTop       = 20  // most likely tokens a place
	maxStops     = 16  // stop strings
	maxStopBytes = 512 // of one of them
)

// generation is what a request for completions asks for, in whatever form it came.
type generation struct {
	model       string
	prompts     []prompt
	n           int // choices a prompt
	maxTokens   int // -1: as many as there is room for
	sampling    model.Sampling
	seed        *uint64 // of the first choice; the others count up from it
	stops       []string
	stopTokens  []int32
	ignoreEOS   bool
	keepStop    bool // the stop belongs to the text
	keepSpecial bool // so do special tokens
	logProbs    bool
	top         int
	returnIDs   bool
	stream      bool
	usage       bool // a stream ends with the figures
	special     bool // the tokenizer's special tokens are put around a text
	thinking    *bool
	list        bool // SGLang: the answer is a list even of one
}

// prompt is one of: ids, messages, a text.
type prompt struct {
	ids      []int32
	messages []chat.Message
	text     string
}

// A setter reads one field; nil passes it over, since it can't change the result.
type setter func(raw json.RawMessage) error

// fields are the ones that a form knows.
type fields map[string]setter

// read takes an object's fields; at, if not empty, is where it lies in the request. A field that is null counts as absent,
// of one that occurs twice the last counts, and one that nobody knows is an error.
func (f fields) read(at string, object []byte) *problem {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil || all == nil {
		if err == nil {
			err = fmt.Errorf("it is null")
		}
		return invalid(at, "the body, or the part %q of it, isn't a JSON object: %v", at, err)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		raw, param := all[name], name
		if at != "" {
			param = at + "." + name
		}
		set, known := f[name]
		if !known {
			if len(param) > 100 {
				param = strings.ToValidUTF8(param[:100], "") + "..."
			}
			p := invalid(param, "field %q isn't known here; leave it out", param)
			p.code = "unknown_parameter"
			return p
		}
		if set == nil || string(raw) == "null" {
			continue
		}
		if err := set(raw); err != nil {
			if inner := (*problem)(nil); errors.As(err, &inner) {
				return inner
			}
			return invalid(param, "field %q: %v", param, err)
		}
	}
	return nil
}

// value reads a plain value.
func value[T any](dst *T) setter {
	return func(raw json.RawMessage) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("it is not a %T", v)
		}
		*dst = v
		return nil
	}
}

// whole reads a whole number from lo to hi.
func whole(dst *int, lo, hi int) setter {
	return func(raw json.RawMessage) error {
		var v int
		if json.Unmarshal(raw, &v) != nil || v < lo || v > hi {
			return fmt.Errorf("it is not a whole number from %d to %d", lo, hi)
		}
		*dst = v
		return nil
	}
}

// real reads a number from lo to hi.
func real(dst *float64, lo, hi float64) setter {
	return func(raw json.RawMessage) error {
		var v float64
		if json.Unmarshal(raw, &v) != nil || !(v >= lo && v <= hi) {
			return fmt.Errorf("it is not a number from %g to %g", lo, hi)
		}
		*dst = v
		return nil
	}
}

// only accepts the values that ask for nothing special; others would change the result in a
// way that this server doesn't have.
func only(values ...string) setter {
	return func(raw json.RawMessage) error {
		var b bytes.Buffer
		if json.Compact(&b, raw) != nil || !slices.Contains(values, b.String()) {
			return fmt.Errorf("this server can only do %s; leave the field out", strings.Join(values, " or "))
		}
		return nil
	}
}

// zero accepts the number 0 and what else asks for nothing.
var zero = only("0", "0.0", "-0", "false", `""`, "[]", "{}")

// seed reads a seed; negative ones count like their bit patterns.
func (g *generation) readSeed(raw json.RawMessage) error {
	var signed int64
	var unsigned uint64
	if json.Unmarshal(raw, &signed) == nil {
		unsigned = uint64(signed)
	} else if json.Unmarshal(raw, &unsigned) != nil {
		return fmt.Errorf("it is not a whole number of 64 bits")
	}
	g.seed = &unsigned
	return nil
}

// readStops reads one string or a list.
func (g *generation) readStops(raw json.RawMessage) error {
	list := make([]string, 1)
	if json.Unmarshal(raw, &list[0]) != nil && json.Unmarshal(raw, &list) != nil {
		return fmt.Errorf("it is not a string or a list of strings")
	}
	if len(list) > maxStops {
		return fmt.Errorf("it has %d strings, want up to %d", len(list), maxStops)
	}
	for _, s := range list {
		if s == "" || len(s) > maxStopBytes {
			return fmt.Errorf("one has %d bytes, want 1 to %d", len(s), maxStopBytes)
		}
	}
	g.stops = list
	return nil
}

// readTopK reads top_k: 0 and -1 mean all.
func (g *generation) readTopK(raw json.RawMessage) error {
	k := 0
	if err := whole(&k, -1, math.MaxInt32)(raw); err != nil {
		return err
	}
	g.sampling.TopK = max(k, 0)
	return nil
}

// readTemperature reads temperature: 0 means the most likely token.
func (g *generation) readTemperature(raw json.RawMessage) error {
	err := real(&g.sampling.Temperature, 0, 100)(raw)
	g.sampling.Greedy = err == nil && g.sampling.Temperature == 0
	return err
}

// readTopP reads top_p: 0 means the most likely token only.
func (g *generation) readTopP(raw json.RawMessage) error {
	err := real(&g.sampling.TopP, 0, 1)(raw)
	if err == nil && g.sampling.TopP == 0 {
		g.sampling.TopP = math.SmallestNonzeroFloat64
	}
	return err
}

// readPrompts reads one prompt or a list, as text or as ids.
func (g *generation) readPrompts(raw json.RawMessage) error {
	what := fmt.Errorf("it is not a string, a list of strings, a list of token ids or a list of such lists")
	first := func(s []byte) byte {
		if s = bytes.TrimLeft(s, " \t\r\n"); len(s) > 0 {
			return s[0]
		}
		return 0
	}
	var texts []string
	var ids [][]int32
	switch first(raw) {
	case '"':
		texts = make([]string, 1)
		if json.Unmarshal(raw, &texts[0]) != nil {
			return what
		}
	case '[':
		switch first(bytes.TrimLeft(raw, " \t\r\n")[1:]) {
		case '"':
			if json.Unmarshal(raw, &texts) != nil {
				return what
			}
			g.list = true
		case '[':
			if json.Unmarshal(raw, &ids) != nil {
				return what
			}
			g.list = true
		default:
			ids = make([][]int32, 1)
			if json.Unmarshal(raw, &ids[0]) != nil {
				return what
			}
		}
	default:
		return what
	}
	if g.prompts != nil {
		return fmt.Errorf("there is a prompt already")
	}
	for _, t := range texts {
		g.prompts = append(g.prompts, prompt{text: t})
	}
	for _, x := range ids {
		if len(x) == 0 {
			return fmt.Errorf("a list of token ids is empty")
		}
		g.prompts = append(g.prompts, prompt{ids: x})
	}
	return nil
}
