// Package bert turns sentences into vectors with encoders of the BERT family, such as all-MiniLM-L6-v2.
//
// # What is computed
//
// A folder is one of sentence-transformers: a BERT model, a pooling and, mostly, a normalisation (see ReadConfig). A text becomes word
// pieces (package wordpiece), truncated to MaxTokens; each token is the sum of its word's, its segment's (always the
// first) and its position's embedding; layers of attention over all tokens of the text and of two-layer networks follow, each with
// its residual and layer norm behind it. The mean over all tokens, the special ones included, is the vector; most folders
// then scale it to length 1, so that a dot product is the cosine.
//
// # What is the same
//
// The vector of a text depends on the weights and on the text, and on nothing else: not on the other texts of the call, their
// lengths and order, the threads or the instruction set. Products run through package kernel; texts lie behind each other without
// padding, so nothing is masked; means, variances and softmax sum in an order fixed by index; and the error function of GELU
// is this package's own, from correctly rounded operations.
//
// # Memory
//
// The matrices are repacked for the kernels. The embedding tables, half of a small encoder, stay in the mapped file until
// Close: replace a model's files by renaming, not by writing into them. A call works on bounded batches, and
// Options.Concurrent bounds how many calls compute at a time.
package bert

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/nanteos/nanteos/model/kernel"
	"github.com/nanteos/nanteos/model/safetensors"
	"github.com/nanteos/nanteos/model/wordpiece"
)

// Errors that a caller decides by. Errors of packages safetensors and wordpiece come through as they are.
var (
	// ErrUnsupported marks a folder that asks for what this package doesn't compute; the text names the field.
	ErrUnsupported = errors.New("unsupported by the sentence encoder")
	// ErrCorrupt marks a folder whose files are malformed or contradict each other: fetch it again.
	ErrCorrupt = errors.New("encoder's files are not valid")
	// ErrNotFinite marks a result with an infinity or no number in it: the weights are damaged.
	ErrNotFinite = errors.New("vector is not finite")
	// ErrTokens marks token ids that the encoder doesn't have, or too many of them.
	ErrTokens = errors.New("tokens can't be encoded")
	// ErrClosed marks use after Close.
	ErrClosed = errors.New("encoder is closed")
)

// Options of a loaded encoder; none changes a result.
type Options struct {
	// Threads is the number of threads of a pool of the encoder's own, which Close ends; 0 shares one pool of GOMAXPROCS threads.
	Threads int
	// Pool, if not nil, is the pool to use instead; its owner closes it.
	Pool *kernel.Pool
	// BatchTokens bounds the tokens that one step works on, each text rounded up to a multiple of 32; 0 is 2048. A text of
	// MaxTokens always fits.
	BatchTokens int
	// Concurrent is the number of calls that compute at a time, others wait; 0 is 2.
	Concurrent int
}

// Encoder is a loaded model. Any number of goroutines may use it.
type Encoder struct {
	cfg       Config
	tokenizer *wordpiece.Tokenizer
	weights   weights
	budget    int

	pool  *kernel.Pool
	owned bool
	turns chan *workspace // as many as may compute at a time; nil where there is none yet

	closing sync.RWMutex // held for reading while a call computes
	folder  *safetensors.Folder
}

var sharedPool = sync.OnceValue(func() *kernel.Pool { return kernel.NewPool(runtime.GOMAXPROCS(0)) })

// Load reads a sentence-transformers folder, or a plain Hugging Face folder of a BERT model (mean pooling, no normalisation).
func Load(dir string, opt ...Options) (*Encoder, error) {
	e := &Encoder{}
	err := e.load(dir)
	if err != nil {
		if e.folder != nil {
			_ = e.folder.Close()
		}
		return nil, fmt.Errorf("couldn't load the encoder in %s: %w", dir, err)
	}
	var o Options
	if len(opt) > 0 {
		o = opt[0]
	}
	e.budget = max(o.BatchTokens, roundUp(e.cfg.MaxTokens))
	if o.BatchTokens <= 0 {
		e.budget = max(2048, roundUp(e.cfg.MaxTokens))
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 2
	}
	e.turns = make(chan *workspace, o.Concurrent)
	for range o.Concurrent {
		e.turns <- nil
	}
	switch {
	case o.Pool != nil:
		e.pool = o.Pool
	case o.Threads > 0:
		e.pool, e.owned = kernel.NewPool(o.Threads), true
	default:
		e.pool = sharedPool()
	}
	return e, nil
}

func (e *Encoder) load(dir string) (err error) {
	f, err := readFolder(dir)
	if err != nil {
		return err
	}
	if e.tokenizer, err = wordpiece.Load(f.transformer); err != nil {
		return err
	}
	if e.cfg, err = f.config(e.tokenizer); err != nil {
		return err
	}
	if err := refusePickle(f.transformer); err != nil {
		return err
	}
	if e.folder, err = safetensors.OpenDir(f.transformer); err != nil {
		return err
	}
	return guard(func() error { return e.weights.load(e.folder, &e.cfg) })
}

// refusePickle says what to do about a folder whose weights are of another form only.
func refusePickle(dir string) error {
	there := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	if there(safetensors.SingleName) || there(safetensors.IndexName) {
		return nil
	}
	for _, name := range []string{"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5"} {
		if there(name) {
			return unsupported("its weights are in %s only, which isn't read (a pickle can run code): fetch %s, or save it in Python with SentenceTransformer(DIR).save(NEW)",
				name, safetensors.SingleName)
		}
	}
	return nil
}

// Dim is the number of components of a vector.
func (e *Encoder) Dim() int { return e.cfg.Hidden }

// MaxTokens is the number of tokens, special ones included, that a text is truncated to.
func (e *Encoder) MaxTokens() int { return e.cfg.MaxTokens }

// Config gives the shape of the encoder.
func (e *Encoder) Config() Config { return e.cfg }

// Tokens gives the ids that the encoder sees of a text, special ones included, at most MaxTokens.
func (e *Encoder) Tokens(text string) []int32 { return e.tokenizer.Encode(text, e.cfg.MaxTokens) }

// Tokenizer gives the encoder's tokenizer.
func (e *Encoder) Tokenizer() *wordpiece.Tokenizer { return e.tokenizer }

// Close waits for the calls in progress and gives the mapped file back.
func (e *Encoder) Close() error {
	e.closing.Lock()
	defer e.closing.Unlock()
	if e.folder == nil {
		return nil
	}
	err := e.folder.Close()
	e.folder, e.weights = nil, weights{}
	if e.owned {
		e.pool.Close()
	}
	return err
}

// Embed gives the vector of each text, [len(texts)][Dim], of length 1 if the folder says so. It stops with the context's error
// between the layers of a step. An error of ErrNotFinite names the text.
func (e *Encoder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	return e.embed(ctx, len(texts), func(i int) ([]int32, error) { return e.Tokens(texts[i]), nil })
}

// EmbedTokens is Embed for texts that are tokens already, special ones included. Ids that the model doesn't have, no ids, and
// more than MaxTokens give ErrTokens.
func (e *Encoder) EmbedTokens(ctx context.Context, tokens [][]int32) ([][]float32, error) {
	return e.embed(ctx, len(tokens), func(i int) ([]int32, error) {
		if n := len(tokens[i]); n == 0 || n > e.cfg.MaxTokens {
			return nil, fmt.Errorf("text %d has %d tokens, not 1 to %d: %w", i, n, e.cfg.MaxTokens, ErrTokens)
		}
		for _, id := range tokens[i] {
			if id < 0 || int(id) >= e.cfg.VocabSize {
				return nil, fmt.Errorf("text %d has token %d, which isn't in 0..%d: %w", i, id, e.cfg.VocabSize-1, ErrTokens)
			}
		}
		return tokens[i], nil
	})
}

// embed collects texts into steps and runs them.
func (e *Encoder) embed(ctx context.Context, n int, tokens func(i int) ([]int32, error)) ([][]float32, error) {
	var w *workspace
	select {
	case w = <-e.turns:
	case <-ctx.Done():
		return nil, fmt.Errorf("couldn't embed: %w", context.Cause(ctx))
	}
	if w == nil {
		w = &workspace{}
	}
	defer func() { e.turns <- w }()
	e.closing.RLock()
	defer e.closing.RUnlock()
	if e.folder == nil {
		return nil, fmt.Errorf("couldn't embed: %w", ErrClosed)
	}
	vectors := make([][]float32, 0, n)
	for i := 0; i < n; {
		w.clear()
		for ; i < n; i++ {
			ids, err := tokens(i)
			if err != nil {
				return nil, fmt.Errorf("couldn't embed: %w", err)
			}
			if w.padded > 0 && w.padded+roundUp(len(ids)) > e.budget {
				break
			}
			w.add(ids)
		}
		if err := e.step(ctx, w); err != nil {
			return nil, fmt.Errorf("couldn't embed: %w", err)
		}
		for s := range w.seqs {
			v, err := e.pooled(w, &w.seqs[s])
			if err != nil {
				return nil, fmt.Errorf("couldn't embed text %d: %w", len(vectors), err)
			}
			vectors = append(vectors, v)
		}
	}
	return vectors, nil
}

// guard runs f and turns a fault in the mapped file, which somebody has cut short, into an error. f must touch the mapping in
// the goroutine of guard.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface{ Addr() uintptr }); !ok || fault.Addr() == 0 {
			panic(r)
		}
		err = fmt.Errorf("the weights file has changed under its mapping, load it again: %w", ErrCorrupt)
	}()
	return f()
}

func roundUp(n int) int { return (n + block - 1) / block * block }
