// Package config is the one place that reads the environment: the variables of the process and the file .env in the working directory. A test
// of the house holds everybody else to that.
//
// Variables configure the machine that nanteos runs on (how fast, how the terminal looks, where models are got from) and who it is: wallet, network
// and object store of a role, under the names that the Python implementation has for them. None of them can change a result: the engine gives the
// same bits on every instruction set and number of threads, and what a network is, its rules fix. The exception is GRAIL_GPU_EVAL, which turns on what a
// network's checkpoints may leave off, as it does in the Python implementation. What a command does is told by flags.
//
// The process's own variables win over the file. A name of ours that nobody knows is an error in the file, since it is most likely misspelt;
// names of other programs are left alone, because a miner's .env holds those of the Python implementation too. Values are never
// repeated in errors: the same file may hold secrets.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrVariable says that a variable has a value that can't be used.
var ErrVariable = errors.New("unusable variable")

// Config is what the environment says. The zero value is an environment that says nothing.
type Config struct {
	// ISA is the instruction set that the engine is held to: avx512, avx2 or generic. Empty: the fastest that the processor has.
	// NANTEOS_ISA.
	ISA string
	// Threads is the number of threads that compute at the same time. 0: one per processor. NANTEOS_THREADS.
	Threads int
	// NoColor asks for text without colours: NO_COLOR is set to anything but nothing (no-color.org).
	NoColor bool
	// Dumb says that the terminal can't be drawn on: TERM is dumb.
	Dumb bool
	// HFEndpoint is the server that models are got from, HFToken the access token for it, HFHome the folder in which Hugging Face's own tools
	// keep a token after a login. Empty: huggingface.co, none, not looked for. HF_ENDPOINT, HF_TOKEN, HF_HOME.
	HFEndpoint string
	HFToken    Secret
	HFHome     string
	// APIKey is what clients of nanteos model serve must send. Empty: none. NANTEOS_API_KEY.
	APIKey Secret
	// LLMKey is the key of the language model that LogicNet roles ask, LLMFallbackKey that of the one they fall back to. Where it is empty, TogetherKey
	// and OpenAIKey are sent to these services and to no other. NANTEOS_LLM_KEY, NANTEOS_LLM_FALLBACK_KEY, TOGETHER_API_KEY, OPENAI_API_KEY.
	LLMKey, LLMFallbackKey, TogetherKey, OpenAIKey Secret
	// TaskPool is where LogicNet validators get questions. TASK_POOL_URL, VALIDATOR_USERNAME, VALIDATOR_PASSWORD.
	TaskPool TaskPool
	// Network is the file that describes the network to take part in; empty for the public one on Chain. NANTEOS_NETWORK.
	Network string
	// ChainNetwork is finney, test, local or custom, ChainEndpoint a WebSocket address that beats it, NetUID the subnet. What these and
	// SafetyBlocks say is checked where it is used: a file for the Python implementation must not keep other commands from working.
	// BT_NETWORK, BT_CHAIN_ENDPOINT, BT_NETUID or NETUID.
	ChainNetwork, ChainEndpoint, NetUID string
	// WalletCold and WalletHot are the names of the wallet and its hotkey, WalletPath is the folder of wallets; empty: what btcli uses by itself.
	// BT_WALLET_COLD, otherwise BT_WALLET_NAME; BT_WALLET_HOT, otherwise BT_WALLET_HOTKEY; BT_WALLET_PATH.
	WalletCold, WalletHot, WalletPath string
	// CacheDir is where checkpoints are kept: in its folder checkpoints. Empty: ~/.cache/grail. GRAIL_CACHE_DIR.
	CacheDir string
	// SafetyBlocks are kept free at the end of a window by a miner. GRAIL_MINER_SAFETY_BLOCKS.
	SafetyBlocks string
	// Store is the object store as the R2_ variables have it.
	Store Store
	// Environments is what the environments of tasks need of this machine.
	Environments Environments
	// Training is what a trainer is told.
	Training Training
}

// Environments is what environments need of this machine. What the KERNEL_ variables and GRAIL_GPU_EVAL say is read where it is used, as the Python
// implementation reads it.
type Environments struct {
	// DataDir is the folder of datasets; empty: the folder nanteos/data of the user's data. NANTEOS_DATA_DIR.
	DataDir string
	// GraderPython is the interpreter that grades programs, in a sandbox. Empty: python3.12 or python3 of the path. NANTEOS_GRADER_PYTHON.
	GraderPython string
	// GraderWorkers is how many programs are graded at the same time. 0: one per processor. NANTEOS_GRADER_WORKERS.
	GraderWorkers int
	// Sympy is the folder that has sympy in it, a site-packages; empty: that of the interpreter. NANTEOS_SYMPY.
	Sympy string
	// KernelPython is the interpreter that has torch and triton. Empty: python3 of the path. NANTEOS_KERNEL_PYTHON.
	KernelPython string
	// GPUEval, KernelGPUs, KernelBackend and KernelTimeout say whether, where, how and for how long kernels run on GPUs. GRAIL_GPU_EVAL,
	// KERNEL_EVAL_GPU_IDS, KERNEL_EVAL_BACKEND, KERNEL_EVAL_TIMEOUT.
	GPUEval, KernelGPUs, KernelBackend, KernelTimeout string
}

// Store is what the R2_ variables say, each value as it was written.
type Store struct {
	AccountID, BucketID                            string // R2_ACCOUNT_ID, R2_BUCKET_ID
	WriteKeyID, WriteSecret, ReadKeyID, ReadSecret Secret // R2_WRITE_ACCESS_KEY_ID, R2_WRITE_SECRET_ACCESS_KEY, and READ
	EndpointURL, Region, ForcePathStyle            string // R2_ENDPOINT_URL, R2_REGION, R2_FORCE_PATH_STYLE
}

// TaskPool is a task pool and who asks there. What it says is checked where it is used.
type TaskPool struct {
	URL, Username string
	Password      Secret
}

// Secret is text that is never printed or encoded. Convert it to string where it is used.
type Secret string

const redacted = "[secret]"

// Format hides the text from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Variable is one variable of the environment.
type Variable struct {
	Name string
	// Text says what it does, Example is a value.
	Text, Example string
	// Process says that the file .env is not asked: the variable tells of the terminal that the process runs in.
	Process bool

	read func(c *Config, value string) error
}

// prefix begins the names that are ours.
const prefix = "NANTEOS_"

// maxThreads is far above what any machine has.
const maxThreads = 4096

// Variables lists everything that is read, in the order of .env.example.
func Variables() []Variable {
	return append(variables(), trainingVariables()...)
}

func variables() []Variable {
	return []Variable{
		{Name: "NANTEOS_ISA", Example: "avx2", Text: "instruction set of the engine: avx512, avx2 or generic; the fastest otherwise",
			read: func(c *Config, v string) error {
				if !slices.Contains([]string{"", "avx512", "avx2", "generic"}, v) {
					return errors.New("it is not avx512, avx2 or generic")
				}
				c.ISA = v
				return nil
			}},
		{Name: "NANTEOS_THREADS", Example: "2", Text: "threads that compute at the same time; one per processor otherwise",
			read: func(c *Config, v string) error { return readCount(&c.Threads, v) }},
		{Name: "HF_ENDPOINT", Example: "https://huggingface.co", Text: "server that nanteos model pull gets models from, huggingface.co otherwise",
			read: func(c *Config, v string) error { c.HFEndpoint = v; return nil }},
		{Name: "HF_TOKEN", Example: "hf_...", Text: "access token for that server, sent to no other; gated and private models need one",
			read: func(c *Config, v string) error { c.HFToken = Secret(v); return nil }},
		{Name: "HF_HOME", Example: "/home/me/.cache/huggingface", Text: "folder of a Hugging Face login; its file token is used for huggingface.co when HF_TOKEN is not set",
			read: func(c *Config, v string) error { c.HFHome = v; return nil }},
		{Name: "NANTEOS_API_KEY", Example: "long-and-random", Text: "key that clients of nanteos model serve and of a LogicNet validator's proxy must send; none otherwise",
			read: func(c *Config, v string) error { c.APIKey = Secret(v); return nil }},
		{Name: "NANTEOS_LLM_KEY", Example: "...", Text: "key of the language model that LogicNet miners and validators ask",
			read: func(c *Config, v string) error { c.LLMKey = Secret(v); return nil }},
		{Name: "NANTEOS_LLM_FALLBACK_KEY", Example: "...", Text: "key of the model that they fall back to",
			read: func(c *Config, v string) error { c.LLMFallbackKey = Secret(v); return nil }},
		{Name: "TOGETHER_API_KEY", Example: "...", Text: "key for Together.ai, sent nowhere else; used where NANTEOS_LLM_KEY is not set",
			read: func(c *Config, v string) error { c.TogetherKey = Secret(v); return nil }},
		{Name: "OPENAI_API_KEY", Example: "sk-...", Text: "key for OpenAI, sent nowhere else; used where NANTEOS_LLM_KEY is not set",
			read: func(c *Config, v string) error { c.OpenAIKey = Secret(v); return nil }},
		{Name: "TASK_POOL_URL", Example: "https://pool.example.com", Text: "task pool that LogicNet validators get questions from; questions of their own otherwise",
			read: func(c *Config, v string) error { c.TaskPool.URL = v; return nil }},
		{Name: "VALIDATOR_USERNAME", Example: "me", Text: "name of the validator at the task pool",
			read: func(c *Config, v string) error { c.TaskPool.Username = v; return nil }},
		{Name: "VALIDATOR_PASSWORD", Example: "...", Text: "its password there",
			read: func(c *Config, v string) error { c.TaskPool.Password = Secret(v); return nil }},
		{Name: "NANTEOS_NETWORK", Example: "network.json", Text: "file that describes the network to take part in; the public Grail network otherwise",
			read: func(c *Config, v string) error { c.Network = v; return nil }},
		{Name: "BT_NETWORK", Example: "finney", Text: "chain of the public network: finney, test, local, or custom with BT_CHAIN_ENDPOINT",
			read: func(c *Config, v string) error { c.ChainNetwork = v; return nil }},
		{Name: "BT_CHAIN_ENDPOINT", Example: "ws://127.0.0.1:9944", Text: "address of the chain, instead of the network's own",
			read: func(c *Config, v string) error { c.ChainEndpoint = v; return nil }},
		{Name: "NETUID", Example: "81", Text: "subnet; that of the network otherwise", read: readNetUID},
		{Name: "BT_NETUID", Example: "81", Text: "the same, and it wins over NETUID", read: readNetUID},
		{Name: "BT_WALLET_COLD", Example: "default", Text: "name of the wallet (coldkey)",
			read: func(c *Config, v string) error { c.WalletCold = v; return nil }},
		{Name: "BT_WALLET_HOT", Example: "default", Text: "name of the hotkey in the wallet",
			read: func(c *Config, v string) error { c.WalletHot = v; return nil }},
		{Name: "R2_ACCOUNT_ID", Example: "0123456789abcdef0123456789abcdef", Text: "account of the object store",
			read: func(c *Config, v string) error { c.Store.AccountID = v; return nil }},
		{Name: "R2_BUCKET_ID", Example: "0123456789abcdef0123456789abcdef", Text: "bucket; has to be named as the account",
			read: func(c *Config, v string) error { c.Store.BucketID = v; return nil }},
		{Name: "R2_WRITE_ACCESS_KEY_ID", Example: "...", Text: "key pair that writes; it never leaves this machine",
			read: func(c *Config, v string) error { c.Store.WriteKeyID = Secret(v); return nil }},
		{Name: "R2_WRITE_SECRET_ACCESS_KEY", Example: "...", Text: "its secret",
			read: func(c *Config, v string) error { c.Store.WriteSecret = Secret(v); return nil }},
		{Name: "R2_READ_ACCESS_KEY_ID", Example: "...", Text: "key pair that only reads; it is published on the chain",
			read: func(c *Config, v string) error { c.Store.ReadKeyID = Secret(v); return nil }},
		{Name: "R2_READ_SECRET_ACCESS_KEY", Example: "...", Text: "its secret",
			read: func(c *Config, v string) error { c.Store.ReadSecret = Secret(v); return nil }},
		{Name: "R2_ENDPOINT_URL", Example: "https://s3.example.com", Text: "object store of all members, where it isn't Cloudflare R2 or the network's",
			read: func(c *Config, v string) error { c.Store.EndpointURL = v; return nil }},
		{Name: "R2_REGION", Example: "us-east-1", Text: "its region",
			read: func(c *Config, v string) error { c.Store.Region = v; return nil }},
		{Name: "R2_FORCE_PATH_STYLE", Example: "true", Text: "put bucket names into paths",
			read: func(c *Config, v string) error { c.Store.ForcePathStyle = v; return nil }},
		{Name: "GRAIL_CACHE_DIR", Example: "/data/grail", Text: "folder whose folder checkpoints keeps models; ~/.cache/grail otherwise",
			read: func(c *Config, v string) error { c.CacheDir = v; return nil }},
		{Name: "GRAIL_MINER_SAFETY_BLOCKS", Example: "3", Text: "blocks that a miner keeps free at the end of a window",
			read: func(c *Config, v string) error { c.SafetyBlocks = v; return nil }},
		{Name: "NANTEOS_DATA_DIR", Example: "/data/nanteos", Text: "folder of the datasets that nanteos data pull gets; ~/.local/share/nanteos/data otherwise",
			read: func(c *Config, v string) error { c.Environments.DataDir = v; return nil }},
		{Name: "NANTEOS_GRADER_PYTHON", Example: "/usr/bin/python3.12", Text: "interpreter that grades programs in a sandbox; python3.12 or python3 of the path otherwise",
			read: func(c *Config, v string) error { c.Environments.GraderPython = v; return nil }},
		{Name: "NANTEOS_GRADER_WORKERS", Example: "2", Text: "programs that are graded at the same time; one per processor otherwise",
			read: func(c *Config, v string) error { return readCount(&c.Environments.GraderWorkers, v) }},
		{Name: "NANTEOS_SYMPY", Example: "/opt/sympy/lib/python3.12/site-packages", Text: "folder that has sympy in it; that of the interpreter otherwise",
			read: func(c *Config, v string) error { c.Environments.Sympy = v; return nil }},
		{Name: "NANTEOS_KERNEL_PYTHON", Example: "/opt/torch/bin/python3", Text: "interpreter that has torch and triton, for kernels; python3 of the path otherwise",
			read: func(c *Config, v string) error { c.Environments.KernelPython = v; return nil }},
		{Name: "GRAIL_GPU_EVAL", Example: "true", Text: "run kernels on a GPU also where the checkpoint doesn't ask for it: 1, true or yes",
			read: func(c *Config, v string) error { c.Environments.GPUEval = v; return nil }},
		{Name: "KERNEL_EVAL_GPU_IDS", Example: "0,1", Text: "physical numbers of the GPUs that kernels run on",
			read: func(c *Config, v string) error { c.Environments.KernelGPUs = v; return nil }},
		{Name: "KERNEL_EVAL_BACKEND", Example: "persistent", Text: "how kernels run: persistent or subprocess",
			read: func(c *Config, v string) error { c.Environments.KernelBackend = v; return nil }},
		{Name: "KERNEL_EVAL_TIMEOUT", Example: "60", Text: "seconds that a kernel has",
			read: func(c *Config, v string) error { c.Environments.KernelTimeout = v; return nil }},
		{Name: "BT_WALLET_PATH", Example: "~/.bittensor/wallets", Text: "folder of Bittensor wallets; that of btcli otherwise",
			read: func(c *Config, v string) error { c.WalletPath = v; return nil }},
		{Name: "BT_WALLET_NAME", Example: "default", Text: "what Bittensor's own programs call BT_WALLET_COLD, which wins",
			read: func(c *Config, v string) error { c.WalletCold = cmp.Or(c.WalletCold, v); return nil }},
		{Name: "BT_WALLET_HOTKEY", Example: "default", Text: "what Bittensor's own programs call BT_WALLET_HOT, which wins",
			read: func(c *Config, v string) error { c.WalletHot = cmp.Or(c.WalletHot, v); return nil }},
		{Name: "NO_COLOR", Example: "1", Text: "text without colours, whatever the value",
			read: func(c *Config, v string) error { c.NoColor = v != ""; return nil }},
		{Name: "TERM", Example: "dumb", Text: "dumb: plain lines instead of the live view", Process: true,
			read: func(c *Config, v string) error { c.Dumb = v == "dumb"; return nil }},
	}
}

// readCount reads a number of things that work at the same time.
func readCount(to *int, v string) error {
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxThreads {
		return fmt.Errorf("it is not a whole number from 1 to %d", maxThreads)
	}
	*to = n
	return nil
}

func readNetUID(c *Config, v string) error {
	if v != "" {
		c.NetUID = v
	}
	return nil
}

// Environ is the environment of the process with one more variable, for a process that takes its place.
func Environ(name, value string) []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, name+"=") {
			out = append(out, v)
		}
	}
	return append(out, name+"="+value)
}

// FileName is the file of variables in the working directory.
const FileName = ".env"

// Load reads the environment of the process and the file .env in dir, where there is one. Errors say which variable or line is wrong, and have a
// hint; they wrap ErrVariable or ErrFile unless the file can't be read.
func Load(dir string) (Config, error) {
	file, err := readFile(filepath.Join(dir, FileName))
	if err != nil {
		return Config{}, err
	}
	return read(os.LookupEnv, file)
}

// readFile returns the variables of a file, none where it doesn't exist or is a folder, as Python's virtual environments are sometimes named.
func readFile(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read variables: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read variables: %w", err)
	}
	vars, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", name, err)
	}
	return vars, nil
}

// read makes a Config of the process's variables and those of the file.
func read(process func(string) (string, bool), file map[string]string) (Config, error) {
	var c Config
	known := map[string]bool{}
	for _, v := range Variables() {
		known[v.Name] = true
		value, ok := process(v.Name)
		if !ok && !v.Process {
			value, ok = file[v.Name]
		}
		if !ok {
			continue
		}
		if err := v.read(&c, strings.TrimSpace(value)); err != nil {
			return Config{}, hinted{fmt.Errorf("couldn't use variable %s: %w: %w", v.Name, ErrVariable, err), v.Name + ": " + v.Text}
		}
	}
	for name := range file {
		if strings.HasPrefix(name, prefix) && !known[name] {
			return Config{}, hinted{fmt.Errorf("couldn't use variable %s of %s: %w: there is no such variable", name, FileName, ErrVariable), "known are " + ours()}
		}
	}
	return c, nil
}

// ours lists the names with our prefix.
func ours() string {
	var names []string
	for _, v := range Variables() {
		if strings.HasPrefix(v.Name, prefix) {
			names = append(names, v.Name)
		}
	}
	return strings.Join(names, ", ")
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
