package serve

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nanteos/nanteos/model/chat"
)

// openai are the fields that chat and plain completions have in common.
func (g *generation) openai() fields {
	g.n, g.sampling.Temperature, g.sampling.TopP, g.sampling.RepetitionPenalty = 1, 1, 1, 1
	return fields{
		"model": value(&g.model), "n": whole(&g.n, 1, maxChoices), "seed": g.readSeed, "stop": g.readStops, "stream": value(&g.stream),
		"max_tokens": whole(&g.maxTokens, 1, 1<<30), "temperature": g.readTemperature, "top_p": g.readTopP,
		"stream_options": func(raw json.RawMessage) error {
			if p := (fields{"include_usage": value(&g.usage), "include_obfuscation": nil, "continuous_usage_stats": only("false")}).read("stream_options", raw); p != nil {
				return p
			}
			return nil
		},
		// vLLM's.
		"top_k": g.readTopK, "repetition_penalty": real(&g.sampling.RepetitionPenalty, 0.01, 100), "ignore_eos": value(&g.ignoreEOS),
		"stop_token_ids": value(&g.stopTokens), "include_stop_str_in_output": value(&g.keepStop), "return_token_ids": value(&g.returnIDs),
		"skip_special_tokens": func(raw json.RawMessage) error {
			skip := true
			err := value(&skip)(raw)
			g.keepSpecial = !skip
			return err
		},
		"spaces_between_special_tokens": nil, // byte-level tokenizers put none
		"add_special_tokens":            value(&g.special),
		// Fields of either that only have one value here.
		"frequency_penalty": zero, "presence_penalty": zero, "logit_bias": zero, "min_p": zero, "min_tokens": zero, "use_beam_search": zero,
		"length_penalty": only("1", "1.0"), "truncate_prompt_tokens": only(), "prompt_logprobs": only(), "logits_processors": zero,
		"structured_outputs": zero, "guided_json": zero, "guided_regex": zero, "guided_choice": zero, "guided_grammar": zero, "bad_words": zero,
		"response_format": only(`{"type":"text"}`), "allowed_token_ids": zero,
		// Fields about whoever asks.
		"user": nil, "metadata": nil, "store": nil, "service_tier": nil, "safety_identifier": nil, "prompt_cache_key": nil, "prompt_cache_retention": nil,
		"priority": nil, "request_id": nil, "cache_salt": nil,
	}
}

// readCompletion reads the body of /v1/completions.
func readCompletion(body []byte) (*generation, *problem) {
	g := &generation{maxTokens: 16, special: true}
	f := g.openai()
	f["prompt"] = g.readPrompts
	f["logprobs"] = func(raw json.RawMessage) error {
		g.logProbs = true
		return whole(&g.top, 0, maxTop)(raw)
	}
	f["echo"], f["suffix"] = only("false"), zero
	bestOf := 0
	f["best_of"] = whole(&bestOf, 1, maxChoices)
	if p := f.read("", body); p != nil {
		return nil, p
	}
	if bestOf != 0 && bestOf != g.n {
		return nil, invalid("best_of", "best_of is %d; this server can only do as many as n, %d", bestOf, g.n)
	}
	if len(g.prompts) == 0 {
		return nil, invalid("prompt", "there is no prompt")
	}
	return g, nil
}

// readChat reads the body of /v1/chat/completions.
func readChat(body []byte) (*generation, *problem) {
	g := &generation{maxTokens: -1}
	f := g.openai()
	var messages []chat.Message
	f["messages"] = func(raw json.RawMessage) (err error) {
		messages, err = readMessages(raw)
		return err
	}
	most := -1
	f["max_completion_tokens"] = whole(&most, 1, 1<<30)
	f["logprobs"], f["top_logprobs"] = value(&g.logProbs), whole(&g.top, 0, maxTop)
	f["tools"], f["functions"], f["tool_choice"], f["function_call"] = zero, zero, only(`"none"`, `"auto"`), only(`"none"`, `"auto"`)
	f["parallel_tool_calls"], f["modalities"], f["audio"], f["prediction"] = nil, only(`["text"]`), only(), nil
	f["reasoning_effort"], f["verbosity"], f["web_search_options"] = only(`"none"`), only(`"medium"`), only()
	f["add_generation_prompt"], f["continue_final_message"], f["echo"] = only("true"), only("false"), only("false")
	f["documents"], f["chat_template"] = zero, only()
	f["chat_template_kwargs"] = func(raw json.RawMessage) error {
		if p := (fields{"enable_thinking": value(&g.thinking)}).read("chat_template_kwargs", raw); p != nil {
			return p
		}
		return nil
	}
	if p := f.read("", body); p != nil {
		return nil, p
	}
	if most >= 0 {
		g.maxTokens = most
	}
	if len(messages) == 0 {
		return nil, invalid("messages", "there are no messages")
	}
	if g.top > 0 && !g.logProbs {
		return nil, invalid("top_logprobs", "top_logprobs needs logprobs to be true")
	}
	g.prompts = []prompt{{messages: messages}}
	return g, nil
}

// readMessages reads a conversation. Content may come in parts, of text only.
func readMessages(raw json.RawMessage) ([]chat.Message, error) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil, fmt.Errorf("it is not a list")
	}
	out := make([]chat.Message, len(list))
	for i, x := range list {
		m := &out[i]
		content := false
		f := fields{
			"role": func(raw json.RawMessage) error {
				if err := value(&m.Role)(raw); err != nil {
					return err
				}
				switch m.Role {
				case "developer":
					m.Role = "system" // the newer name of it
				case "system", "user", "assistant", "tool":
				default:
					return fmt.Errorf("it is not system, user, assistant or tool")
				}
				return nil
			},
			"content": func(raw json.RawMessage) (err error) {
				content = true
				m.Content, err = readContent(raw)
				return err
			},
			"name": nil, "refusal": nil, "annotations": nil, "tool_call_id": nil, "audio": only(), "tool_calls": zero, "function_call": only(),
		}
		if p := f.read(fmt.Sprintf("messages[%d]", i), x); p != nil {
			return nil, p
		}
		if m.Role == "" || !content && m.Role != "assistant" {
			return nil, fmt.Errorf("message %d has no role or no content", i)
		}
	}
	return out, nil
}

func readContent(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return "", fmt.Errorf("it is not a string or a list of parts")
	}
	var b strings.Builder
	for i, x := range parts {
		text = ""
		f := fields{"type": only(`"text"`), "text": value(&text)}
		if p := f.read(fmt.Sprintf("content[%d]", i), x); p != nil {
			return "", p
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// readEmbedding reads the body of /v1/embeddings; floats says that vectors are lists of numbers,
// otherwise they are base64 of little-endian float32.
func readEmbedding(body []byte) (name string, texts []string, floats bool, problem *problem) {
	format := "float"
	f := fields{
		"model": value(&name), "user": nil, "encoding_format": value(&format),
		"input": func(raw json.RawMessage) error {
			texts = make([]string, 1)
			if json.Unmarshal(raw, &texts[0]) != nil && json.Unmarshal(raw, &texts) != nil {
				return fmt.Errorf("it is not a string or a list of strings")
			}
			return nil
		},
		"dimensions": only(),
	}
	if p := f.read("", body); p != nil {
		return "", nil, false, p
	}
	if len(texts) == 0 {
		return "", nil, false, invalid("input", "there is no input")
	}
	if format != "float" && format != "base64" {
		return "", nil, false, invalid("encoding_format", "encoding_format is not float or base64")
	}
	return name, texts, format == "float", nil
}
