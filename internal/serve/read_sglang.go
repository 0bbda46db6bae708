package serve

import "encoding/json"

// readSGLang reads the body of /generate.
func readSGLang(body []byte) (*generation, *problem) {
	g := &generation{maxTokens: 128, n: 1, special: true, returnIDs: true}
	g.sampling.Temperature, g.sampling.TopP, g.sampling.RepetitionPenalty = 1, 1, 1
	skip := true
	sampling := fields{
		"max_new_tokens": whole(&g.maxTokens, 1, 1<<30), "temperature": g.readTemperature, "top_p": g.readTopP, "top_k": g.readTopK,
		"repetition_penalty": real(&g.sampling.RepetitionPenalty, 0.01, 100), "sampling_seed": g.readSeed, "stop": g.readStops, "n": whole(&g.n, 1, maxChoices),
		"stop_token_ids": value(&g.stopTokens), "ignore_eos": value(&g.ignoreEOS), "skip_special_tokens": value(&skip), "no_stop_trim": value(&g.keepStop),
		"spaces_between_special_tokens": nil,
		"min_p":                         zero, "min_new_tokens": zero, "frequency_penalty": zero, "presence_penalty": zero, "logit_bias": zero, "stop_regex": zero,
		"json_schema": only(), "regex": only(), "ebnf": only(), "structural_tag": only(), "custom_params": only(),
	}
	f := fields{
		"text": g.readPrompts, "input_ids": g.readPrompts, "stream": value(&g.stream),
		"return_token_ids": nil, // they always come
		"return_logprob":   value(&g.logProbs), "top_logprobs_num": whole(&g.top, 0, maxTop), "logprob_start_len": only("-1"),
		"return_text_in_logprobs": nil, "rid": nil, "log_metrics": nil, "priority": nil, "background": only("false"), "model": value(&g.model),
		"input_embeds": only(), "image_data": only(), "audio_data": only(), "video_data": only(), "lora_path": only(), "session_params": only(),
		"return_hidden_states": only("false"), "token_ids_logprob": only(), "custom_logit_processor": only(),
		"sampling_params": func(raw json.RawMessage) error {
			if p := sampling.read("sampling_params", raw); p != nil {
				return p
			}
			return nil
		},
	}
	if p := f.read("", body); p != nil {
		return nil, p
	}
	g.keepSpecial = !skip
	if len(g.prompts) == 0 {
		return nil, invalid("input_ids", "there is neither text nor input_ids")
	}
	return g, nil
}
