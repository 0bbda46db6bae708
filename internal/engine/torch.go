package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nanteos/nanteos/grail/grpo"
)

// Errors of training with PyTorch.
var (
	// ErrTorchMissing: there is no interpreter, no PyTorch, or no such device. Something is to be installed.
	ErrTorchMissing = errors.New("PyTorch is not there")
	// ErrTorchMemory: memory of the device or machine is full. The gradient of the step is lost, the weights are as they were; where the model is sharded
	// the worker has ended (the error then wraps ErrTorchDied, too).
	ErrTorchMemory = errors.New("PyTorch is out of memory")
	// ErrTorchDied: the worker has ended, or was ended because it did not answer. Open a trainer again and load the last state.
	ErrTorchDied = errors.New("the PyTorch worker has ended")
)

// TorchHow says how to prepare an interpreter.
const TorchHow = "Prepare one with: python3 -m venv venv && venv/bin/pip install torch==2.6.0 transformers==4.57.3, and name its bin/python"

// TorchOptions say how to train with PyTorch.
type TorchOptions struct {
	// Python is an interpreter with torch and transformers; "": python3.
	Python string
	// Processes is the number of processes, on GPUs one each; 0: 1.
	Processes int
	// Device is cuda or cpu; "": cuda where PyTorch sees a device.
	Device string
	// Threads of each process; 0: the processors divided by the processes. They can change last bits.
	Threads int
	// WeightDecay is AdamW's, on matrices: the reference has 0.1.
	WeightDecay float64
	// Precision is what is computed in: bfloat16 (the default on GPUs) or float32 (on CPUs). Masters, moments and gradients are f32, always.
	Precision string
	// Shard spreads the model over the processes with FSDP2 on CPUs, too. On GPUs it is always spread when there are several, or in bfloat16.
	Shard bool
	// KeepActivations keeps what the layers computed for the way back, rather than computing it again.
	KeepActivations bool
	// PassTokens bounds the tokens, with padding, that a process computes at a time; 0: 16,384 on GPUs, 4,096 on CPUs. A longer sequence is alone.
	PassTokens int
	// StartTimeout is for starting and loading the model, and for each file that is written or read; 0: 30 minutes.
	StartTimeout time.Duration
	// Timeout is for every other command; 0: 30 minutes.
	Timeout time.Duration
	// Env is added to the little environment that the processes get: CUDA_VISIBLE_DEVICES=0,1 or NCCL_DEBUG=WARN.
	Env []string
}

// TorchInfo says what trains.
type TorchInfo struct {
	Torch        string `json:"torch"`
	Transformers string `json:"transformers"`
	Python       string `json:"python"`
	Device       string `json:"device"` // cuda or cpu
	Name         string `json:"name"`   // of the device
	Processes    int    `json:"processes"`
}

// TorchTrainer trains with PyTorch in processes of its own: python/torch_train.py. Losses, clipping and schedules are those of the native engine: it only
// scores, differentiates and steps. With one process on a CPU and the same threads the same batches give the same bits.
type TorchTrainer struct {
	source     string
	process    *torchProcess
	info       TorchInfo
	vocabulary int
	sharded    bool
	parameters int
	steps      int
	long       time.Duration // for commands with files
	short      time.Duration
}

var _ Trainer = (*TorchTrainer)(nil)

// OpenTorch starts the processes and begins to train the model of a Hugging Face folder, which must stay until Close: Save takes its other files. ctx bounds
// the opening only. Errors wrap ErrTorchMissing where something is to be installed, and ErrModel where the folder is no usable model.
func OpenTorch(ctx context.Context, dir string, opt TorchOptions) (*TorchTrainer, error) {
	fail := func(err error) (*TorchTrainer, error) {
		return nil, fmt.Errorf("couldn't train model %s with PyTorch: %w", dir, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if opt.Python == "" {
		opt.Python = "python3"
	}
	opt.Processes = max(1, opt.Processes)
	if opt.StartTimeout <= 0 {
		opt.StartTimeout = 30 * time.Minute
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 30 * time.Minute
	}
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrModel, err))
	}
	text, err := json.Marshal(map[string]any{"processes": opt.Processes, "device": opt.Device, "threads": opt.Threads})
	if err != nil {
		return fail(err)
	}
	p, err := startTorch(opt.Python, string(text), opt.Env, opt.StartTimeout)
	if err != nil {
		return fail(err)
	}
	t := &TorchTrainer{process: p, long: opt.StartTimeout, short: opt.Timeout}
	hello, _, err := p.exchange(ctx, nil, 0)
	if err == nil {
		t.info = hello.TorchInfo
		err = t.open(ctx, dir, opt)
	}
	if err != nil {
		p.kill()
		return fail(err)
	}
	return t, nil
}

// open lets the processes take a model.
func (t *TorchTrainer) open(ctx context.Context, dir string, opt TorchOptions) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	h, _, err := t.ask(ctx, t.long, map[string]any{"op": "open", "dir": dir, "options": map[string]any{
		"weight_decay": opt.WeightDecay, "precision": opt.Precision, "shard": opt.Shard, "keep_activations": opt.KeepActivations, "pass_tokens": opt.PassTokens,
	}}, 0)
	if err != nil {
		return err
	}
	t.source, t.vocabulary, t.sharded, t.parameters, t.steps = dir, h.Vocabulary, h.Sharded, h.Parameters, 0
	return nil
}

// Info says what trains.
func (t *TorchTrainer) Info() TorchInfo { return t.info }

// Sharded says that the model is spread over the processes with FSDP2.
func (t *TorchTrainer) Sharded() bool { return t.sharded }

// ask makes an exchange.
func (t *TorchTrainer) ask(ctx context.Context, limit time.Duration, command map[string]any, most int, payload ...[]byte) (torchReply, []byte, error) {
	t.process.limit = limit
	return t.process.exchange(ctx, command, most, payload...)
}

// batchCommand lays out a batch.
func (t *TorchTrainer) batchCommand(op string, batch []grpo.Sequence) (command map[string]any, tokens []byte, values int, err error) {
	if err := completions(batch); err != nil {
		return nil, nil, 0, err
	}
	lengths, prompts, counts := make([]int, len(batch)), make([]int, len(batch)), make([]int, len(batch))
	for i, s := range batch {
		if len(s.Tokens) != s.Prompt+s.Completion {
			return nil, nil, 0, fmt.Errorf("sequence %d has %d tokens, %d of prompt and %d of completion: %w", i, len(s.Tokens), s.Prompt, s.Completion, ErrTokens)
		}
		for _, x := range s.Tokens {
			if x < 0 || int(x) >= t.vocabulary {
				return nil, nil, 0, fmt.Errorf("sequence %d has token %d, the vocabulary has %d: %w", i, x, t.vocabulary, ErrTokens)
			}
			tokens = binary.LittleEndian.AppendUint32(tokens, uint32(x))
		}
		lengths[i], prompts[i], counts[i] = len(s.Tokens), s.Prompt, s.Completion
		values += s.Completion
	}
	return map[string]any{"op": op, "lengths": lengths, "prompts": prompts, "completions": counts}, tokens, values, nil
}

// Score computes the log-probabilities of the completions.
func (t *TorchTrainer) Score(ctx context.Context, batch []grpo.Sequence) (grpo.Scores, error) {
	fail := func(err error) (grpo.Scores, error) { return grpo.Scores{}, fmt.Errorf("couldn't score: %w", err) }
	command, tokens, values, err := t.batchCommand("score", batch)
	if err != nil {
		return fail(err)
	}
	_, b, err := t.ask(ctx, t.short, command, 8*(values+len(batch)), tokens)
	if err != nil {
		return fail(err)
	}
	xs, err := floats(b, values+len(batch))
	if err != nil {
		return fail(err)
	}
	s := grpo.Scores{LogProbs: make([][]float64, len(batch)), Entropy: xs[values:]}
	for i, q := range batch {
		s.LogProbs[i], xs = xs[:q.Completion:q.Completion], xs[q.Completion:]
	}
	return s, nil
}

// Backward adds the gradient of a micro-batch.
func (t *TorchTrainer) Backward(ctx context.Context, batch []grpo.Sequence, l grpo.Loss) error {
	command, tokens, values, err := t.batchCommand("backward", batch)
	if err != nil {
		return fmt.Errorf("couldn't add a gradient: %w", err)
	}
	if len(l.ByLogProb) != len(batch) || len(l.ByEntropy) != len(batch) {
		return fmt.Errorf("couldn't add a gradient: derivatives are for %d sequences, the batch has %d", len(l.ByLogProb), len(batch))
	}
	derivatives := make([]byte, 0, 8*(values+len(batch)))
	for i, d := range l.ByLogProb {
		if len(d) != batch[i].Completion {
			return fmt.Errorf("couldn't add a gradient: sequence %d has %d derivatives, want %d", i, len(d), batch[i].Completion)
		}
		derivatives = appendFloats(derivatives, d)
	}
	derivatives = appendFloats(derivatives, l.ByEntropy)
	if _, _, err := t.ask(ctx, t.short, command, 0, tokens, derivatives); err != nil {
		return fmt.Errorf("couldn't add a gradient: %w", err)
	}
	return nil
}

// Step makes an AdamW step.
func (t *TorchTrainer) Step(ctx context.Context, rate, clip float64) (norm float64, err error) {
	h, b, err := t.ask(ctx, t.short, map[string]any{"op": "step", "rate": rate, "clip": clip}, 8)
	if err != nil {
		return 0, fmt.Errorf("couldn't make a step: %w", err)
	}
	xs, err := floats(b, 1)
	if err != nil {
		return 0, fmt.Errorf("couldn't make a step: %w", err)
	}
	t.steps = h.Steps
	if !h.Finite {
		return xs[0], fmt.Errorf("couldn't make step %d: the gradient's norm is %g: %w", t.steps+1, xs[0], grpo.ErrNotFinite)
	}
	return xs[0], nil
}

// Steps is how many optimizer steps were made.
func (t *TorchTrainer) Steps() int { return t.steps }

// Save writes the model as a folder.
func (t *TorchTrainer) Save(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("couldn't save the model: %w", err)
	}
	return saveFolder(ctx, t.source, dir, func(dir string) error {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("couldn't save the model: %w", err)
		}
		if _, _, err := t.ask(ctx, t.long, map[string]any{"op": "save", "path": dir}, 0); err != nil {
			return fmt.Errorf("couldn't save the model: %w", err)
		}
		return nil
	})
}

// SaveState writes the training's state. Any number of processes takes it up.
func (t *TorchTrainer) SaveState(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err == nil {
		_, _, err = t.ask(ctx, t.long, map[string]any{"op": "save_state", "path": path}, 0)
	}
	if err != nil {
		return fmt.Errorf("couldn't save the training state: %w", err)
	}
	return nil
}

// LoadState takes a state up, of this engine: the native one has its own. A gradient that was begun is dropped. Errors wrap train.ErrState where the file is
// no state of this model.
func (t *TorchTrainer) LoadState(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	var h torchReply
	if err == nil {
		h, _, err = t.ask(ctx, t.long, map[string]any{"op": "load_state", "path": path}, 0)
	}
	if err != nil {
		return fmt.Errorf("couldn't load the training state: %w", err)
	}
	t.steps = h.Steps
	return nil
}

// Close ends the processes. It waits for no command that is under way.
func (t *TorchTrainer) Close() error {
	t.process.close()
	return nil
}
