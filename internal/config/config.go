// Package config is the one place that reads the environment: the variables of the process and the file .env in the working directory. A test
// of the house holds everybody else to that.
//
// Variables configure the machine that nanteos runs on: how fast, how the terminal looks, and where models are got from. None of them can change a result: the engine
// gives the same bits on every instruction set and number of threads, and what a network is, its rules fix. What a command does is told by
// flags.
//
// The process's own variables win over the file. A name of ours that nobody knows is an error in the file, since it is most likely misspelt;
// names of other programs are left alone, because a miner's .env holds those of the Python implementation too. Values are never
// repeated in errors: the same file may hold secrets.
package config

import (
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
			read: func(c *Config, v string) error {
				if v == "" {
					return nil
				}
				n, err := strconv.Atoi(v)
				if err != nil || n < 1 || n > maxThreads {
					return fmt.Errorf("it is not a whole number from 1 to %d", maxThreads)
				}
				c.Threads = n
				return nil
			}},
		{Name: "HF_ENDPOINT", Example: "https://huggingface.co", Text: "server that nanteos model pull gets models from, huggingface.co otherwise",
			read: func(c *Config, v string) error { c.HFEndpoint = v; return nil }},
		{Name: "HF_TOKEN", Example: "hf_...", Text: "access token for that server, sent to no other; gated and private models need one",
			read: func(c *Config, v string) error { c.HFToken = Secret(v); return nil }},
		{Name: "HF_HOME", Example: "/home/me/.cache/huggingface", Text: "folder of a Hugging Face login; its file token is used for huggingface.co when HF_TOKEN is not set",
			read: func(c *Config, v string) error { c.HFHome = v; return nil }},
		{Name: "NANTEOS_API_KEY", Example: "long-and-random", Text: "key that clients of nanteos model serve must send; none otherwise",
			read: func(c *Config, v string) error { c.APIKey = Secret(v); return nil }},
		{Name: "NO_COLOR", Example: "1", Text: "text without colours, whatever the value",
			read: func(c *Config, v string) error { c.NoColor = v != ""; return nil }},
		{Name: "TERM", Example: "dumb", Text: "dumb: plain lines instead of the live view", Process: true,
			read: func(c *Config, v string) error { c.Dumb = v == "dumb"; return nil }},
	}
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
