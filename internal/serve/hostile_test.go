package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRefused holds requests that can't be served against the status and the words of the answer.
func TestRefused(t *testing.T) {
	s, web := start(t, func(c *Config) { c.Body = 64 << 10 })
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	for _, c := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"nothing", "/v1/completions", ``, 400, "JSON object"},
		{"no JSON", "/v1/completions", `{"prompt":`, 400, "JSON object"},
		{"two values", "/v1/completions", `{"prompt":"x"} {}`, 400, "JSON object"},
		{"list", "/v1/completions", `[]`, 400, "JSON object"},
		{"null", "/v1/completions", `null`, 400, "JSON object"},
		{"deep", "/v1/completions", `{"prompt":` + deep + `}`, 400, ""},
		{"bytes", "/v1/completions", "\xff\xfe", 400, "JSON object"},
		{"no prompt", "/v1/completions", `{}`, 400, "no prompt"},
		{"null prompt", "/v1/completions", `{"prompt":null}`, 400, "no prompt"},
		{"no prompts", "/v1/completions", `{"prompt":[]}`, 400, "empty"},
		{"empty prompt", "/v1/completions", `{"prompt":""}`, 400, "empty"},
		{"empty ids", "/v1/completions", `{"prompt":[[1],[]]}`, 400, "empty"},
		{"mixed", "/v1/completions", `{"prompt":[1,"x"]}`, 400, "token ids"},
		{"fraction", "/v1/completions", `{"prompt":[1.5]}`, 400, "token ids"},
		{"number", "/v1/completions", `{"prompt":7}`, 400, "prompt"},
		{"negative id", "/v1/completions", `{"prompt":[-1]}`, 400, "vocabulary"},
		{"large id", "/v1/completions", `{"prompt":[100000]}`, 400, "vocabulary"},
		{"huge id", "/v1/completions", `{"prompt":[99999999999]}`, 400, "token ids"},
		{"long", "/v1/completions", `{"prompt":[` + strings.Repeat("1,", 1024) + `1]}`, 400, "context_length_exceeded"},
		{"long completion", "/v1/completions", `{"prompt":[1],"max_tokens":1024}`, 400, "context_length_exceeded"},
		{"large", "/v1/completions", `{"prompt":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "larger"},
		{"many choices", "/v1/completions", `{"prompt":"x","n":1000}`, 400, `"n"`},
		{"many in all", "/v1/completions", `{"prompt":["x","y"],"n":100}`, 400, "200 completions"},
		{"more than the server takes", "/v1/completions", `{"prompt":"x","n":100}`, 400, "up to 80"},
		{"no tokens", "/v1/completions", `{"prompt":"x","max_tokens":0}`, 400, "max_tokens"},
		{"temperature", "/v1/completions", `{"prompt":"x","temperature":-1}`, 400, "temperature"},
		{"temperature text", "/v1/completions", `{"prompt":"x","temperature":"hot"}`, 400, "temperature"},
		{"infinite", "/v1/completions", `{"prompt":"x","temperature":1e999}`, 400, "temperature"},
		{"top p", "/v1/completions", `{"prompt":"x","top_p":1.1}`, 400, "top_p"},
		{"top k", "/v1/completions", `{"prompt":"x","top_k":-2}`, 400, "top_k"},
		{"penalty", "/v1/completions", `{"prompt":"x","repetition_penalty":0}`, 400, "repetition_penalty"},
		{"seed", "/v1/completions", `{"prompt":"x","seed":1e30}`, 400, "seed"},
		{"stop", "/v1/completions", `{"prompt":"x","stop":[""]}`, 400, "stop"},
		{"stops", "/v1/completions", `{"prompt":"x","stop":[` + strings.Repeat(`"x",`, 16) + `"x"]}`, 400, "stop"},
		{"long stop", "/v1/completions", `{"prompt":"x","stop":"` + strings.Repeat("x", 600) + `"}`, 400, "stop"},
		{"log-probabilities", "/v1/completions", `{"prompt":"x","logprobs":21}`, 400, "logprobs"},
		{"echo", "/v1/completions", `{"prompt":"x","echo":true}`, 400, "echo"},
		{"best of", "/v1/completions", `{"prompt":"x","best_of":2}`, 400, "best_of"},
		{"frequency", "/v1/completions", `{"prompt":"x","frequency_penalty":0.5}`, 400, "frequency_penalty"},
		{"bias", "/v1/completions", `{"prompt":"x","logit_bias":{"5":1}}`, 400, "logit_bias"},
		{"unknown", "/v1/completions", `{"prompt":"x","fast":true}`, 400, "unknown_parameter"},
		{"unknown and long", "/v1/completions", `{"prompt":"x","` + strings.Repeat("é", 500) + `":true}`, 400, "unknown_parameter"},
		{"case", "/v1/completions", `{"Prompt":"x"}`, 400, "unknown_parameter"},
		{"model", "/v1/completions", `{"model":"gpt-4","prompt":"x"}`, 404, "model_not_found"},
		{"no messages", "/v1/chat/completions", `{}`, 400, "no messages"},
		{"messages empty", "/v1/chat/completions", `{"messages":[]}`, 400, "no messages"},
		{"messages text", "/v1/chat/completions", `{"messages":"x"}`, 400, "messages"},
		{"message text", "/v1/chat/completions", `{"messages":["x"]}`, 400, "messages[0]"},
		{"role", "/v1/chat/completions", `{"messages":[{"role":"king","content":"x"}]}`, 400, "messages[0].role"},
		{"no role", "/v1/chat/completions", `{"messages":[{"content":"x"}]}`, 400, "no role"},
		{"no content", "/v1/chat/completions", `{"messages":[{"role":"user"}]}`, 400, "no content"},
		{"image", "/v1/chat/completions", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}`, 400, "image_url"},
		{"tools", "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}`, 400, "tools"},
		{"JSON mode", "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}`, 400, "response_format"},
		{"top without", "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"top_logprobs":3}`, 400, "top_logprobs"},
		{"template variable", "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"chat_template_kwargs":{"x":1}}`, 400, "chat_template_kwargs.x"},
		{"SGLang nothing", "/generate", `{"sampling_params":{}}`, 400, "input_ids"},
		{"SGLang both", "/generate", `{"text":"x","input_ids":[1]}`, 400, "already"},
		{"SGLang sampling", "/generate", `{"text":"x","sampling_params":{"min_p":0.1}}`, 400, "sampling_params.min_p"},
		{"SGLang list of sampling", "/generate", `{"text":"x","sampling_params":[{}]}`, 400, "sampling_params"},
		{"embeddings", "/v1/embeddings", `{"input":"x"}`, 400, "embeddings"},
		{"path", "/v1/nothing", `{}`, 404, "not_found"},
		{"method", "/v1/models", `{}`, 404, "not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, _, text := post(t, web.URL+c.path, c.body)
			if status != c.status || !strings.Contains(text, c.want) {
				t.Errorf("got %d %s, want %d with %q", status, text, c.status, c.want)
			}
			if e := parse(t, text).Error; e == nil || e.Message == "" || e.Type == "" {
				t.Errorf("no error in OpenAI's form: %s", text)
			}
			if len(text) > 2000 {
				t.Errorf("the error has %d bytes", len(text))
			}
		})
	}
	settled(t, s)
	if status, text := get(t, web.URL+"/v1/completions"); status != 405 || !strings.Contains(text, "method_not_allowed") {
		t.Errorf("GET: %d %s", status, text)
	}
}

func TestWhoMay(t *testing.T) {
	_, keyed := start(t, func(c *Config) { c.Key = "correct horse" })
	_, open := start(t, nil)
	body := `{"prompt":"x","max_tokens":1}`
	for _, c := range []struct {
		name    string
		web     *httptest.Server
		headers []string
		status  int
	}{
		{"right key", keyed, []string{"Authorization", "Bearer correct horse"}, 200},
		{"right key, lower case", keyed, []string{"Authorization", "bearer correct horse"}, 200},
		{"right key, other name", keyed, []string{"Authorization", "Bearer correct horse", "Host", "models.example"}, 200},
		{"no key", keyed, nil, 401},
		{"wrong key", keyed, []string{"Authorization", "Bearer correct hors"}, 401},
		{"empty key", keyed, []string{"Authorization", "Bearer "}, 401},
		{"other scheme", keyed, []string{"Authorization", "Basic correct horse"}, 401},
		{"any key where none is asked", open, []string{"Authorization", "Bearer EMPTY"}, 200},
		{"name of this machine", open, []string{"Host", "localhost:8000"}, 200},
		{"v6 name of this machine", open, []string{"Host", "[::1]:8000"}, 200},
		{"rebound name", open, []string{"Host", "evil.example:8000"}, 403},
		{"page of others", open, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"origin of others", open, []string{"Origin", "https://evil.example"}, 403},
		{"plain text", open, []string{"Content-Type", "text/plain"}, 415},
		{"form", open, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"charset", open, []string{"Content-Type", "application/json; charset=utf-8"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, _, text := post(t, c.web.URL+"/v1/completions", body, c.headers...); status != c.status || strings.Contains(text, "horse") {
				t.Errorf("got %d %s, want %d", status, text, c.status)
			}
		})
	}
	for _, path := range []string{"/metrics", "/v1/models"} {
		if status, _ := get(t, keyed.URL+path); status != 401 {
			t.Errorf("%s without a key: %d", path, status)
		}
	}
	if status, _ := get(t, keyed.URL+"/health"); status != 200 {
		t.Errorf("health without a key: %d", status)
	}
}

func TestCheckListen(t *testing.T) {
	for _, c := range []struct {
		address, key string
		ok           bool
	}{
		{"127.0.0.1:8000", "", true}, {"localhost:0", "", true}, {"[::1]:80", "", true}, {"127.9.9.9:1", "", true},
		{":8000", "", false}, {"0.0.0.0:8000", "", false}, {"[::]:8000", "", false}, {"192.168.1.2:8000", "", false}, {"example.com:80", "", false},
		{":8000", "key", true}, {"0.0.0.0:8000", "key", true},
	} {
		if err := CheckListen(c.address, c.key); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrOpen) {
			t.Errorf("%s with key %q: %v", c.address, c.key, err)
		}
	}
	if err := CheckListen("8000", ""); err == nil || errors.Is(err, ErrOpen) {
		t.Errorf("an address without a port: %v", err)
	}
}

// TestFull fills the server: who comes then is told to come later, and what was accepted is served.
func TestFull(t *testing.T) {
	s, web := start(t, func(c *Config) { c.Sequences, c.Queue = 1, 2 })
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() { ask(t, web.URL+"/v1/completions", `{"prompt":"x","max_tokens":1000,"ignore_eos":true}`) })
	}
	for {
		if _, open, _, _ := s.scheduler.state(); open == 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	status, h, text := post(t, web.URL+"/v1/completions", `{"prompt":"x"}`)
	if status != 503 || h.Get("Retry-After") == "" || !strings.Contains(text, "overloaded") {
		t.Errorf("got %d %v %s", status, h, text)
	}
	wait.Wait()
	ask(t, web.URL+"/v1/completions", `{"prompt":"x","max_tokens":1}`)
}

// TestDeadlines lets requests wait and take too long.
func TestDeadlines(t *testing.T) {
	s, web := start(t, func(c *Config) { c.Sequences, c.QueueTimeout, c.Timeout = 1, 300*time.Millisecond, time.Second })
	long := `{"prompt":"x","max_tokens":1000,"ignore_eos":true,"n":64`
	if status, _, text := post(t, web.URL+"/v1/completions", long+`}`); status != 504 || !strings.Contains(text, "timeout") {
		t.Errorf("a long request: %d %s", status, text)
	}
	settled(t, s)
	if status, _, text := post(t, web.URL+"/v1/completions", long+`,"stream":true}`); status != 200 || !strings.Contains(text, `"code":"timeout"`) || strings.Contains(text, "[DONE]") {
		t.Errorf("a long stream: %d %s", status, text[max(0, len(text)-500):])
	}
	settled(t, s)
	var wait sync.WaitGroup
	wait.Go(func() { post(t, web.URL+"/v1/completions", long+`}`) })
	for {
		if l, _, _, _ := s.scheduler.state(); l.Running > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if status, h, text := post(t, web.URL+"/v1/completions", `{"prompt":"y"}`); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("a request that waits: %d %s", status, text)
	}
	wait.Wait()
}

// TestSlowReader lets a client stop reading: it is cut off, others go on.
func TestSlowReader(t *testing.T) {
	s, _ := start(t, func(c *Config) { c.Write = 50 * time.Millisecond })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	small := &http.Server{Handler: s.Handler(), ConnState: func(c net.Conn, _ http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(4096)
		}
	}}
	go func() { _ = small.Serve(l) }()
	defer small.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	body := `{"prompt":"x","max_tokens":1000,"ignore_eos":true,"n":64,"stream":true,"logprobs":20}`
	fmt.Fprintf(c, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for {
		if l, _, _, _ := s.scheduler.state(); l.Running > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, open, _, _ := s.scheduler.state(); open == 0 {
			break
		}
		if time.Since(start) > 30*time.Second {
			t.Fatal("the reader that doesn't read isn't cut off")
		}
	}
	if l, _, _, _ := s.scheduler.state(); l.Generated >= 64*1000 {
		t.Errorf("it was served to the end: %+v", l)
	}
}

// TestSlowSender lets a client send half a body, and another ask again after more than the time to read and write.
func TestSlowSender(t *testing.T) {
	s, web := start(t, func(c *Config) { c.Read, c.Write = 300*time.Millisecond, 300*time.Millisecond })
	c, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), " 408 ") {
		t.Errorf("half a body: %v, %s", err, answer)
	}
	for range 2 {
		ask(t, web.URL+"/v1/completions", `{"prompt":"x","max_tokens":1000,"ignore_eos":true,"n":4}`)
		time.Sleep(2 * s.cfg.Write)
		if status, _, text := post(t, web.URL+"/v1/completions", `{}`); status != 400 {
			t.Errorf("after a pause: %d %s", status, text)
		}
	}
}

// TestRun ends a server with requests in progress: within five seconds, and each gets an answer.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		tokens int
		n      int
		want   int
	}{{"short requests finish", 100, 1, 200}, {"long requests are ended", 1000, 80, 503}} {
		t.Run(c.name, func(t *testing.T) {
			m, tokens := loaded()
			s, err := New(Config{Name: "base", Model: m, Tokenizer: tokens, Sequences: 2, Queue: 100, Grace: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx, l) }()
			got := make(chan int, 1)
			go func() {
				res, err := http.Post("http://"+l.Addr().String()+"/v1/completions", "application/json",
					bytes.NewReader(fmt.Appendf(nil, `{"prompt":"x","max_tokens":%d,"ignore_eos":true,"n":%d}`, c.tokens, c.n)))
				if err != nil {
					t.Error(err)
					got <- 0
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				got <- res.StatusCode
			}()
			for {
				if l, _, _, _ := s.scheduler.state(); l.Running > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			start := time.Now()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if status := <-got; status != c.want {
				t.Errorf("status %d, want %d", status, c.want)
			}
			s.Close()
		})
	}
}
