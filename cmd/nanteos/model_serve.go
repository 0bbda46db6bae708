package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/serve"
	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/bert"
	"github.com/nanteos/nanteos/model/gguf"
	"github.com/nanteos/nanteos/model/tokenizer"
)

const modelServeLong = `serve lets programs use a model over HTTP. It speaks OpenAI's form (/v1/models, /v1/chat/completions, /v1/completions,
streaming too) with vLLM's further fields, and SGLang's /generate, so a miner of the Python implementation can generate
here. A sentence encoder of the BERT family is served as /v1/embeddings. /health and /metrics are there for machines.

Requests are decoded together and join and leave between any two tokens. The same seed gives the same tokens, however
many others there are. When more come than fit, the answer is 503 with Retry-After.

Without a key the server listens to this machine only. Clients send the key as bearer token, as OpenAI's do.`

// serveFlags are the flags of `nanteos model serve`.
type serveFlags struct {
	listen, name, keyFile, memory string
	sequences, queue              int
}

// newModelServe is `nanteos model serve`.
func newModelServe(t terminal) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:     "serve DIR",
		Short:   "serve a model over HTTP to OpenAI's clients and others",
		Long:    modelServeLong + "\n\n" + modelPlaces,
		Example: "  nanteos model serve base\n  nanteos model serve Qwen3-0.6B --listen 0.0.0.0:8000 --api-key-file key --kv-memory 4GiB",
		Args:    arguments("DIR", 1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, t, args[0]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8000", "address and port; port 0 takes a free one")
	flags.StringVar(&f.keyFile, "api-key-file", "", "file with the key that clients must send (default: variable NANTEOS_API_KEY, or none)")
	flags.StringVar(&f.name, "name", "", "name of the model for clients (default: the folder's)")
	flags.IntVar(&f.sequences, "max-sequences", 16, "completions decoded together, 1 to 1024")
	flags.StringVar(&f.memory, "kv-memory", "1GiB", "memory for keys and values, such as 512MiB or 8GiB")
	flags.IntVar(&f.queue, "queue", 64, "completions that may wait, up to 100000")
	return cmd
}

func (f *serveFlags) run(cmd *cobra.Command, t terminal, place string) error {
	cfg, err := f.config(t, place)
	if err != nil {
		return err
	}
	if err := serve.CheckListen(f.listen, cfg.Key); err != nil {
		if errors.Is(err, serve.ErrOpen) {
			return hinted{err, "set a key with --api-key-file or NANTEOS_API_KEY, or listen on 127.0.0.1"}
		}
		return usageError{err, cmd.CommandPath()}
	}
	l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", f.listen) // before loading: a port that is taken is told at once
	if err != nil {
		return hinted{fmt.Errorf("couldn't listen on %s: %w", f.listen, err), "another program may listen there; --listen takes another port"}
	}
	defer l.Close()
	done, err := openServed(place, &cfg)
	if err != nil {
		return aboutModel(err)
	}
	defer done()
	s, err := serve.New(cfg)
	if err != nil {
		if errors.Is(err, model.ErrNoMemory) {
			return hinted{err, "give more with --kv-memory"}
		}
		return err
	}
	defer s.Close()
	what := fmt.Sprintf("up to %d tokens a completion with its prompt", s.Context())
	if cfg.Embedder != nil {
		what = "embeddings"
	}
	text := fmt.Sprintf("serving %s on http://%s/v1 (%s)\n", escape(cfg.Name), l.Addr(), what)
	if _, err := io.WriteString(t.out, text); err != nil {
		return fmt.Errorf("couldn't write: %w", err)
	}
	return s.Run(cmd.Context(), l)
}

// config is what the flags ask for.
func (f *serveFlags) config(t terminal, place string) (serve.Config, error) {
	usage := func(err error) error { return usageError{err, t.program + " model serve"} }
	c := serve.Config{Name: f.name, Sequences: f.sequences, Queue: f.queue, Key: string(t.env.APIKey), Log: slog.New(slog.NewTextHandler(t.err, nil))}
	if f.sequences < 1 || f.sequences > 1024 || f.queue < 1 || f.queue > 100000 {
		return c, usage(fmt.Errorf("couldn't serve with --max-sequences %d and --queue %d: want 1 to 1024 and 1 to 100000", f.sequences, f.queue))
	}
	var err error
	if c.CacheBytes, err = parseSize(f.memory); err != nil {
		return c, usage(fmt.Errorf("couldn't read --kv-memory: %w", err))
	}
	from := "NANTEOS_API_KEY"
	if f.keyFile != "" {
		from = f.keyFile
		b, err := os.ReadFile(from)
		if err != nil {
			return c, fmt.Errorf("couldn't read the API key: %w", err)
		}
		c.Key = strings.TrimSpace(string(b))
	}
	if (c.Key != "" || f.keyFile != "") && !isKey(c.Key) {
		return c, fmt.Errorf("couldn't use the API key of %s: want one line of 1 to 1024 printable characters without spaces", from)
	}
	if c.Name == "" {
		path, err := filepath.Abs(place)
		if err != nil {
			return c, fmt.Errorf("couldn't name the model: %w", err)
		}
		c.Name = strings.TrimSuffix(filepath.Base(path), ".gguf")
	}
	return c, nil
}

// openServed loads what is to be served into cfg; done gives it back.
func openServed(place string, cfg *serve.Config) (done func(), err error) {
	path, remove, err := placeModel(place)
	if err != nil {
		return nil, err
	}
	defer remove()
	if _, err := bert.ReadConfig(path); err == nil {
		e, err := bert.Load(path)
		if err != nil {
			return nil, err
		}
		cfg.Embedder = e
		return func() { _ = e.Close() }, nil
	}
	m, err := model.Load(path)
	if err != nil {
		return nil, err
	}
	tokens, err := loadTokenizer(path)
	if err != nil {
		m.Close()
		return nil, err
	}
	cfg.Model, cfg.Tokenizer = m, tokens
	return m.Close, nil
}

// loadTokenizer reads the tokenizer of a model folder or a .gguf file.
func loadTokenizer(path string) (*tokenizer.Tokenizer, error) {
	if filepath.Ext(path) != ".gguf" {
		return tokenizer.Load(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Tokenizer()
}

// isKey says whether a key can be sent in a header.
func isKey(key string) bool {
	return key != "" && len(key) <= 1024 && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// units of sizes. Without an i they are powers of a thousand.
var units = []struct {
	name  string
	bytes float64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1}}

// parseSize reads a number of bytes such as 512MiB.
func parseSize(text string) (int64, error) {
	number, unit := strings.ToLower(strings.TrimSpace(text)), 1.0
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if bytes := v * unit; err == nil && bytes >= 1 && bytes <= math.MaxInt64/2 {
		return int64(bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size such as 512MiB or 8GiB", text)
}
