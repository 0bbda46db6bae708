package tokenizer

import (
	"encoding/json"
	"strings"
)

// step is one stage of the pre-tokenizer.
type step struct {
	next        splitter        // nil: don't split
	prefixSpace bool            // put a space before each piece that doesn't begin with one
	byteLevel   bool            // the stage behind which text is in the byte alphabet
	spec        json.RawMessage // as the file writes it
}

type byteLevelJSON struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex,omitempty"`
}

type digitsJSON struct {
	Type       string `json:"type"`
	Individual bool   `json:"individual_digits"`
}

type splitJSON struct {
	Type    string `json:"type"`
	Pattern struct {
		Regex  *string `json:"Regex,omitempty"`
		String *string `json:"String,omitempty"`
	} `json:"pattern"`
	Behavior string `json:"behavior"`
	Invert   bool   `json:"invert"`
}

// parsePreTokenizer gives the stages in order; ByteLevel must be the last one and the only one of its kind.
func parsePreTokenizer(raw json.RawMessage) ([]step, error) {
	steps, err := appendSteps(nil, raw, 0)
	if err != nil {
		return nil, err
	}
	for i, s := range steps {
		if s.byteLevel != (i == len(steps)-1) {
			return nil, unsupported("ByteLevel isn't the last stage")
		}
	}
	if len(steps) == 0 {
		return nil, unsupported("no ByteLevel stage")
	}
	return steps, nil
}

func appendSteps(steps []step, raw json.RawMessage, depth int) ([]step, error) {
	k, err := kind(raw)
	if err != nil || k == "" {
		return steps, err
	}
	if depth > maxSteps || len(steps) > maxSteps {
		return nil, unsupported("more than %d stages", maxSteps)
	}
	s := step{spec: raw}
	switch k {
	case "Sequence":
		var v struct {
			Type          string
			PreTokenizers []json.RawMessage `json:"pretokenizers"`
		}
		if err := strict(raw, k, &v); err != nil {
			return nil, err
		}
		for _, p := range v.PreTokenizers {
			if steps, err = appendSteps(steps, p, depth+1); err != nil {
				return nil, err
			}
		}
		return steps, nil
	case "ByteLevel":
		var v byteLevelJSON
		if err := strict(raw, k, &v); err != nil {
			return nil, err
		}
		s.byteLevel, s.prefixSpace = true, v.AddPrefixSpace
		if v.UseRegex == nil || *v.UseRegex { // old files lack it
			s.next = nextGPT2
		}
	case "Digits":
		var v digitsJSON
		if err := strict(raw, k, &v); err != nil {
			return nil, err
		}
		if s.next = nextDigits; v.Individual {
			s.next = nextDigit
		}
	case "Split":
		var v splitJSON
		if err := strict(raw, k, &v); err != nil {
			return nil, err
		}
		// Every character matches these expressions, so keeping only the matches is the same as isolating them.
		if !(v.Behavior == "Isolated" && !v.Invert) && !(v.Behavior == "Removed" && v.Invert) {
			return nil, unsupported("Split with behavior %q and invert %t", v.Behavior, v.Invert)
		}
		if v.Pattern.Regex == nil {
			return nil, unsupported("Split by a string")
		}
		if s.next = splitters[*v.Pattern.Regex]; s.next == nil {
			return nil, unsupported("Split by the regular expression %s", *v.Pattern.Regex)
		}
	default:
		return nil, unsupported("type %q", k)
	}
	return append(steps, s), nil
}

// stages gives the JSON of a pattern that New offers.
func (p Pattern) stages() ([]any, error) {
	yes, no := true, false
	byteLevel := byteLevelJSON{Type: "ByteLevel", UseRegex: &no}
	split := func(regex string) splitJSON {
		s := splitJSON{Type: "Split", Behavior: "Isolated"}
		s.Pattern.Regex = &regex
		return s
	}
	switch p {
	case GPT2:
		byteLevel.TrimOffsets, byteLevel.UseRegex = true, &yes
		return []any{byteLevel}, nil
	case Qwen2:
		return []any{split(regexQwen2), byteLevel}, nil
	case Llama3:
		return []any{split(regexLlama3), byteLevel}, nil
	case SmolLM2:
		byteLevel.TrimOffsets, byteLevel.UseRegex = true, &yes
		return []any{digitsJSON{"Digits", true}, byteLevel}, nil
	}
	names := []string{string(GPT2), string(Qwen2), string(Llama3), string(SmolLM2)}
	return nil, unsupported("pattern %q (there are %s)", p, strings.Join(names, ", "))
}
