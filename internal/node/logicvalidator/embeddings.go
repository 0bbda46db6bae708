package logicvalidator

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
)

// EmbeddingsConfig says which server makes embeddings.
type EmbeddingsConfig struct {
	// URL is what clients of OpenAI call base_url, Model the encoder there: sentence-transformers/all-MiniLM-L6-v2 is the network's.
	URL, Model string
	// Key is sent as a bearer token, nothing when empty.
	Key Password
	// Timeout bounds one request, 30 s when zero.
	Timeout time.Duration
	// Client makes the requests, one of its own when nil. Redirects are not followed in any case.
	Client *http.Client
}

// Embeddings is an Encoder behind OpenAI's /v1/embeddings, such as nanteos model serve. It is safe for concurrent use.
type Embeddings struct {
	cfg  EmbeddingsConfig
	http *http.Client
}

// bounds of embeddings.
const (
	maxDimension       = 8192
	bytesPerCoordinate = 32 // of a number in JSON
)

// NewEmbeddings returns an encoder. Nothing is sent. Errors wrap ErrConfig.
func NewEmbeddings(cfg EmbeddingsConfig) (*Embeddings, error) {
	var err error
	if cfg.URL, err = base(cfg.URL); err != nil {
		return nil, fmt.Errorf("couldn't use embeddings: %w: %w", ErrConfig, err)
	}
	if cfg.Model == "" {
		return nil, fmt.Errorf("couldn't use embeddings: %w: the model has no name", ErrConfig)
	}
	orDuration(&cfg.Timeout, 30*time.Second)
	return &Embeddings{cfg: cfg, http: noRedirect(cfg.Client)}, nil
}

// Embed gives the vector of each text.
func (e *Embeddings) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	body := map[string]any{"model": e.cfg.Model, "input": texts, "encoding_format": "float"}
	text, err := exchange(ctx, e.http, e.cfg.URL+"/embeddings", string(e.cfg.Key), body, int64(len(texts))*maxDimension*bytesPerCoordinate)
	if err != nil {
		return nil, fmt.Errorf("couldn't embed: %w", err)
	}
	return parseEmbeddings(text, len(texts))
}

// parseEmbeddings reads n vectors of one dimension, which a server may send in any order.
func parseEmbeddings(text []byte, n int) ([][]float32, error) {
	var reply struct {
		Data []struct {
			Index     *int      `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &reply); err != nil || len(reply.Data) != n {
		return nil, fmt.Errorf("couldn't embed: %w", errReply)
	}
	out := make([][]float32, n)
	for i, d := range reply.Data {
		at := i
		if d.Index != nil {
			at = *d.Index
		}
		if at < 0 || at >= n || out[at] != nil || len(d.Embedding) == 0 || len(d.Embedding) > maxDimension || len(d.Embedding) != len(reply.Data[0].Embedding) {
			return nil, fmt.Errorf("couldn't embed: %w", errReply)
		}
		for _, x := range d.Embedding {
			if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("couldn't embed: %w", errReply)
			}
		}
		out[at] = d.Embedding
	}
	return out, nil
}
