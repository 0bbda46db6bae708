package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
	}{
		{"empty", "", map[string]string{}},
		{"comment", "# A=1\n\n  # B=2\n", map[string]string{}},
		{"plain", "A=1\nB = two words \n", map[string]string{"A": "1", "B": "two words"}},
		{"crlf", "A=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}},
		{"bom", "\ufeffA=1", map[string]string{"A": "1"}},
		{"export", "export A=1\nexport\tB=2\nexported=3", map[string]string{"A": "1", "B": "2", "exported": "3"}},
		{"trailing comment", "A=1 # one\nB=a#b\nC=#", map[string]string{"A": "1", "B": "a#b", "C": ""}},
		{"single quotes", `A='a "b" \n # c' # d`, map[string]string{"A": `a "b" \n # c`}},
		{"double quotes", `A="a\tb\n\"c\" \$d \\ \q"`, map[string]string{"A": "a\tb\n\"c\" $d \\ \\q"}},
		{"equals in value", "A=b=c=", map[string]string{"A": "b=c="}},
		{"empty value", "A=\nB=''", map[string]string{"A": "", "B": ""}},
		{"last wins", "A=1\nA=2", map[string]string{"A": "2"}},
		{"nothing substituted", "A=$HOME\nB=`id`", map[string]string{"A": "$HOME", "B": "`id`"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const secret = "hunter2secret"
	for _, c := range []struct{ name, text, want string }{
		{"no equals", "A=1\n" + secret, "line 2"},
		{"no name", "=" + secret, "line 1"},
		{"bad name", "A-B=" + secret, "line 1"},
		{"digit first", "1A=" + secret, "line 1"},
		{"open quote", "\n\nA='" + secret, "line 3: the closing quote"},
		{"after quote", "A='x' " + secret, "line 1: something follows"},
		{"escaped end", `A="` + secret + `\"`, "closing quote"},
		{"bytes", "A=" + secret + "\xff", "line 1 is no text"},
		{"nul", "A=" + secret + "\x00", "line 1 is no text"},
		{"large", strings.Repeat("#"+secret+"\n", maxFile/8), "larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the line: %v", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"A=1", "export A='x' # y", `B="a\nb"`, "=", "A", "\xff=1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		vars, err := Parse(text)
		if (err == nil) == (vars == nil) {
			t.Fatalf("%v and %v", vars, err)
		}
		for name := range vars {
			if !isName(name) {
				t.Errorf("name %q", name)
			}
		}
	})
}

func TestRead(t *testing.T) {
	env := func(m map[string]string) func(string) (string, bool) {
		return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
	}
	for _, c := range []struct {
		name          string
		process, file map[string]string
		want          Config
	}{
		{"nothing", nil, nil, Config{}},
		{"process", map[string]string{"NANTEOS_ISA": "avx2", "NANTEOS_THREADS": "3"}, nil, Config{ISA: "avx2", Threads: 3}},
		{"file", nil, map[string]string{"NANTEOS_ISA": " generic ", "NANTEOS_THREADS": "1"}, Config{ISA: "generic", Threads: 1}},
		{"process wins", map[string]string{"NANTEOS_THREADS": "2"}, map[string]string{"NANTEOS_THREADS": "7"}, Config{Threads: 2}},
		{"process wins with nothing", map[string]string{"NANTEOS_THREADS": ""}, map[string]string{"NANTEOS_THREADS": "7"}, Config{}},
		{"no color", map[string]string{"NO_COLOR": "1"}, nil, Config{NoColor: true}},
		{"no color, empty", map[string]string{"NO_COLOR": ""}, nil, Config{}},
		{"no color of the file", nil, map[string]string{"NO_COLOR": "yes"}, Config{NoColor: true}},
		{"dumb", map[string]string{"TERM": "dumb"}, nil, Config{Dumb: true}},
		{"terminal of the file", nil, map[string]string{"TERM": "dumb"}, Config{}},
		{"hub", map[string]string{"HF_TOKEN": " hf_x\n"}, map[string]string{"HF_ENDPOINT": "https://h", "HF_HOME": "/h"}, Config{HFEndpoint: "https://h", HFToken: "hf_x", HFHome: "/h"}},
		{"models", map[string]string{"NANTEOS_LLM_KEY": "a", "TOGETHER_API_KEY": "c"}, map[string]string{"NANTEOS_LLM_FALLBACK_KEY": "b", "OPENAI_API_KEY": "d"},
			Config{LLMKey: "a", LLMFallbackKey: "b", TogetherKey: "c", OpenAIKey: "d"}},
		{"key", nil, map[string]string{"NANTEOS_API_KEY": "k"}, Config{APIKey: "k"}},
		{"wallet", map[string]string{"BT_WALLET_PATH": "~/w", "BT_WALLET_NAME": "n"}, map[string]string{"BT_WALLET_HOTKEY": "h"}, Config{WalletPath: "~/w", WalletCold: "n", WalletHot: "h"}},
		{"wallet of Grail", map[string]string{"BT_WALLET_NAME": "n", "BT_WALLET_HOTKEY": "h"}, map[string]string{"BT_WALLET_COLD": "c", "BT_WALLET_HOT": ""}, Config{WalletCold: "c", WalletHot: "h"}},
		{"others", map[string]string{"NANTEOS_VECTORS": "x"}, map[string]string{"GRAIL_PIPELINE_ENABLED": "true"}, Config{}},
		{"network", map[string]string{"NANTEOS_NETWORK": "n.json", "BT_NETWORK": "test"}, map[string]string{"BT_CHAIN_ENDPOINT": "ws://h", "NETUID": "4"},
			Config{Network: "n.json", ChainNetwork: "test", ChainEndpoint: "ws://h", NetUID: "4"}},
		{"task pool", map[string]string{"TASK_POOL_URL": "https://p"}, map[string]string{"VALIDATOR_USERNAME": "u", "VALIDATOR_PASSWORD": "hunter2"},
			Config{TaskPool: TaskPool{URL: "https://p", Username: "u", Password: "hunter2"}}},
		{"both subnets", map[string]string{"NETUID": "4", "BT_NETUID": "5"}, nil, Config{NetUID: "5"}},
		{"one subnet is empty", map[string]string{"NETUID": "4", "BT_NETUID": ""}, nil, Config{NetUID: "4"}},
		{"wallet", nil, map[string]string{"BT_WALLET_COLD": "c", "BT_WALLET_HOT": "h", "GRAIL_CACHE_DIR": "/c", "GRAIL_MINER_SAFETY_BLOCKS": "2"},
			Config{WalletCold: "c", WalletHot: "h", CacheDir: "/c", SafetyBlocks: "2"}},
		{"store", map[string]string{"R2_ACCOUNT_ID": "a", "R2_BUCKET_ID": "b", "R2_WRITE_ACCESS_KEY_ID": "1", "R2_WRITE_SECRET_ACCESS_KEY": "2",
			"R2_READ_ACCESS_KEY_ID": "3", "R2_READ_SECRET_ACCESS_KEY": "4", "R2_ENDPOINT_URL": "e", "R2_REGION": "r", "R2_FORCE_PATH_STYLE": "yes"}, nil,
			Config{Store: Store{AccountID: "a", BucketID: "b", WriteKeyID: "1", WriteSecret: "2", ReadKeyID: "3", ReadSecret: "4", EndpointURL: "e", Region: "r", ForcePathStyle: "yes"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(env(c.process), c.file)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	for _, c := range []struct {
		name          string
		process, file map[string]string
		want          string
	}{
		{"set", map[string]string{"NANTEOS_ISA": "hunter2"}, nil, "NANTEOS_ISA"},
		{"threads", map[string]string{"NANTEOS_THREADS": "hunter2"}, nil, "1 to 4096"},
		{"no threads", nil, map[string]string{"NANTEOS_THREADS": "0"}, "NANTEOS_THREADS"},
		{"too many", nil, map[string]string{"NANTEOS_THREADS": "99999"}, "NANTEOS_THREADS"},
		{"misspelt", nil, map[string]string{"NANTEOS_THREAD": "hunter2"}, "NANTEOS_THREAD of .env"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(env(c.process), c.file)
			var h interface{ Hint() string }
			if !errors.Is(err, ErrVariable) || !strings.Contains(err.Error(), c.want) || !errors.As(err, &h) || h.Hint() == "" {
				t.Fatalf("got %v, want %q and a hint", err, c.want)
			}
			if strings.Contains(err.Error()+h.Hint(), "hunter2") {
				t.Errorf("the value is repeated: %v", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	for _, v := range Variables() {
		t.Setenv(v.Name, "")
		os.Unsetenv(v.Name)
	}
	dir := t.TempDir()
	if c, err := Load(dir); err != nil || c != (Config{}) {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	name := filepath.Join(dir, FileName)
	if err := os.WriteFile(name, []byte("NANTEOS_THREADS=5\nBT_WALLET_COLD=me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(dir); err != nil || c.Threads != 5 {
		t.Errorf("with a file: %+v, %v", c, err)
	}
	t.Setenv("NANTEOS_THREADS", "6")
	if c, err := Load(dir); err != nil || c.Threads != 6 {
		t.Errorf("with both: %+v, %v", c, err)
	}
	if err := os.WriteFile(name, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), name) {
		t.Errorf("with a bad file: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("with a folder of that name: %v", err)
	}
}

// TestSecret keeps a token out of everything that prints or encodes a Config.
func TestSecret(t *testing.T) {
	c := Config{HFToken: "hunter2", TaskPool: TaskPool{Password: "hunter2"}, Store: Store{WriteSecret: "hunter2", ReadSecret: "hunter2"}}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %s %q %x", c, c, c.HFToken, c.HFToken, c.HFToken), string(text)} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") {
			t.Errorf("printed: %s", s)
		}
	}
	if string(c.HFToken) != "hunter2" {
		t.Error("the text is lost")
	}
}

func TestPassword(t *testing.T) {
	const name = "BT_PW__TMP_W_COLDKEY"
	t.Setenv(name, "hunter2")
	t.Setenv("BT_PW_EMPTY", "")
	t.Setenv("HF_TOKEN", "hunter2")
	if p, ok := Password(name); !ok || string(p) != "hunter2" {
		t.Errorf("%q, %v", string(p), ok)
	}
	for _, name := range []string{"BT_PW_EMPTY", "BT_PW_MISSING", "HF_TOKEN", ""} {
		if p, ok := Password(name); ok || p != "" {
			t.Errorf("%s: %q, %v", name, string(p), ok)
		}
	}
}

// TestExample holds .env.example to what is read: every variable once, and nothing else.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "=")
		if ok && isName(name) {
			found[name]++
		}
	}
	for _, v := range Variables() {
		if v.Process {
			continue
		}
		if found[v.Name] != 1 || !strings.Contains(string(text), v.Text) {
			t.Errorf("%s is not in .env.example with %q", v.Name, v.Text)
		}
		delete(found, v.Name)
	}
	for name := range found {
		t.Errorf(".env.example has %s, which nothing reads", name)
	}
	if _, err := Parse(text); err != nil {
		t.Error(err)
	}
}
