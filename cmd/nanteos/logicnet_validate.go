package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/internal/node/logicvalidator"
	"github.com/nanteos/nanteos/internal/node/logicvalidator/proxy"
	"github.com/nanteos/nanteos/internal/operator"
	"github.com/nanteos/nanteos/internal/status"
	"github.com/nanteos/nanteos/logicnet"
	"github.com/nanteos/nanteos/model/bert"
)

const logicnetValidateLong = `validate asks miners questions whose answers it knows, grades what they say and sets weights. Questions come from its own
generators and a secret seed, or from a task pool (TASK_POOL_URL). Each miner gets a question in other words, or with other
numbers. Arithmetic decides what is right; what it can't decide goes to judges, and stays unscored where these fail.

The vLLM server rewrites questions and writes the reasoning that those of miners are compared with; the GPT server judges.
Their keys come from OPENAI_API_KEY, or NANTEOS_LLM_KEY for another server in its place, and NANTEOS_LLM_FALLBACK_KEY for the
vLLM server. --encoder names the folder of the sentence encoder (all-MiniLM-L6-v2), --encoder.url a server that has it.

--proxy.port lets others put questions to the miners, with a key: see /openapi.json there.`

// logicValidate is the command's flags.
type logicValidate struct {
	role
	rules                           string
	round, minStake                 float64
	size, batches, judges           int
	gptURL, gptModel                string
	vllmURL, vllmModel, vllmKey     string
	encoder, encoderURL, encoderFor string
	disableWeights                  bool
	proxyPort                       int
	proxyHost, proxyKeys            string
	proxyRate                       float64
	private                         bool
	externalIP                      string
	ignored                         pflagIgnored
}

func newLogicnetValidate(t terminal) *cobra.Command {
	v := logicValidate{role: role{t: t, command: "logicnet-validate", wallet: keyPlace{t: t}}}
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "ask and grade miners on LogicNet",
		Long:  logicnetValidateLong,
		Example: "  nanteos logicnet validate --netuid 35 --wallet.name me --wallet.hotkey validator --encoder all-MiniLM-L6-v2\n" +
			"  nanteos logicnet validate --subtensor.network local --judges 0 --llm_client.vllm_url '' --neuron.disable_set_weights",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.start(cmd) },
	}
	v.flags(cmd)
	f := cmd.Flags()
	f.Float64Var(&v.round, "loop_base_time", 600, "seconds of a round")
	f.IntVar(&v.size, "batch_size", 8, "miners in a batch")
	f.IntVar(&v.batches, "batch_number", 8, "batches side by side")
	f.Float64Var(&v.minStake, "min_stake", 10000, "stake in TAO from which miners give a validator a share of their requests")
	f.StringVar(&v.gptURL, "llm_client.gpt_url", "https://api.openai.com/v1", "OpenAI-compatible server that judges")
	f.StringVar(&v.gptModel, "llm_client.gpt_model", "gpt-4o-mini", "model to ask there")
	f.StringVar(&v.vllmURL, "llm_client.vllm_url", "http://localhost:8000/v1", "OpenAI-compatible server that rewrites and reasons; '' for none")
	f.StringVar(&v.vllmModel, "llm_client.vllm_model", "Qwen/Qwen2.5-7B-Instruct", "model to ask there")
	f.StringVar(&v.vllmKey, "llm_client.vllm_key", "", "its key; better in NANTEOS_LLM_FALLBACK_KEY")
	f.IntVar(&v.judges, "judges", 1, "judges to ask: 1 for the GPT server, 2 for the vLLM server as well, 0 for none")
	f.StringVar(&v.encoder, "encoder", "", "folder of the sentence encoder")
	f.StringVar(&v.encoderURL, "encoder.url", "", "server of the sentence encoder, such as http://localhost:8001/v1, instead of a folder")
	f.StringVar(&v.encoderFor, "encoder.model", "sentence-transformers/all-MiniLM-L6-v2", "model to ask there")
	f.BoolVar(&v.disableWeights, "neuron.disable_set_weights", false, "set no weights")
	f.IntVar(&v.proxyPort, "proxy.port", 0, "serve questions of others on this port (default: don't)")
	f.StringVar(&v.proxyHost, "proxy.host", "127.0.0.1", "address to serve them on; put TLS in front of any other")
	f.StringVar(&v.proxyKeys, "proxy.keys", "", "file with a line for each user: a name and the key (default: the one key in NANTEOS_API_KEY)")
	f.Float64Var(&v.proxyRate, "proxy.rate", 30, "questions that each key may ask in a minute")
	f.BoolVar(&v.private, "allow_private", false, "connect to miners at private addresses too, for networks of your own")
	f.StringVar(&v.externalIP, "axon.external_ip", "", "public address of this machine; miners behind the same one are reached over loopback")
	f.StringVar(&v.rules, "rules", "hardened", "hardened or reference")
	sdkFlags(cmd, &v.ignored)
	v.ignore(f)
	return cmd
}

// ignore takes the flags of the reference's validator that mean nothing here.
func (v *logicValidate) ignore(f *pflag.FlagSet) {
	for _, name := range []string{"neuron.axon_off", "axon_off"} { // it publishes no axon, since it serves none
		f.BoolVar(&v.ignored.flag, name, false, "taken and ignored")
	}
	for _, name := range []string{"neuron.vpermit_tao_limit", "max_workers", "proxy.proxy_client_url", "proxy.checking_probability", "storage.storage_url",
		"axon.port", "axon.ip", "axon.external_port"} {
		f.StringVar(&v.ignored.text, name, "", "taken and ignored")
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Usage == "taken and ignored" {
			flag.Hidden = true
		}
	})
}

func (v *logicValidate) start(cmd *cobra.Command) error {
	usage := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
	}
	switch {
	case v.judges < 0 || v.judges > 2:
		return usage("couldn't read --judges: %d is not 0, 1 or 2", v.judges)
	case v.judges == 2 && v.vllmURL == "":
		return usage("couldn't use --judges 2: --llm_client.vllm_url is empty")
	case v.proxyPort < 0 || v.proxyPort > 65535:
		return usage("couldn't read --proxy.port: %d is no port", v.proxyPort)
	case v.encoder != "" && v.encoderURL != "":
		return usage("couldn't read flags: --encoder and --encoder.url contradict each other")
	}
	if v.vllmKey != "" && v.vllmKey != placeholder {
		if err := hideFlag("--llm_client.vllm_key", "NANTEOS_LLM_FALLBACK_KEY", v.vllmKey); err != nil {
			return err
		}
	}
	rules, err := logicnetRules(v.rules)
	if err != nil {
		return err
	}
	rules.RoundSeconds, rules.BatchSize, rules.Batches, rules.MinStake = v.round, v.size, v.batches, v.minStake
	if err := rules.Validate(); err != nil {
		return usage("couldn't use flags: %w", err)
	}
	cfg := logicvalidator.Config{Rules: rules, DisableWeights: v.disableWeights, KeepDuplicates: rules.Grading == logicnet.GradeReference}
	cfg.Dendrite.AllowPrivate = v.private
	if v.externalIP != "" {
		if cfg.Dendrite.ExternalIP, err = netip.ParseAddr(v.externalIP); err != nil {
			return usage("couldn't read --axon.external_ip: %w", err)
		}
	}
	if err := v.models(&cfg); err != nil {
		return err
	}
	if err := v.pool(&cfg); err != nil {
		return err
	}
	done, err := v.similarity(&cfg)
	if err != nil {
		return err
	}
	defer done()
	if v.proxyPort != 0 {
		if err := v.proxy(&cfg); err != nil {
			return err
		}
		defer cfg.Proxy.Listener.Close()
	}
	return v.serve(cmd.Context(), cfg)
}

// models are the servers that rewrite, reason and judge.
func (v *logicValidate) models(cfg *logicvalidator.Config) error {
	env := v.t.env
	gpt := llm.Endpoint{BaseURL: v.gptURL, Model: v.gptModel, Key: keyFor(env.LLMKey, v.gptURL, env)}
	vllm := llm.Endpoint{BaseURL: v.vllmURL, Model: v.vllmModel, Key: keyFor(env.LLMFallbackKey, v.vllmURL, env)}
	usable := gpt.BaseURL != "" && (gpt.Key != "" || !strings.Contains(gpt.BaseURL, "api.openai.com"))
	if v.judges > 0 && !usable {
		return devnet.WithHint(errors.New("couldn't use judge: there is no key for "+v.gptURL),
			"set OPENAI_API_KEY, or name another server with --llm_client.gpt_url, or do without a judge: --judges 0")
	}
	var writers []llm.Endpoint
	if v.vllmURL != "" {
		writers = append(writers, vllm)
	}
	if usable {
		writers = append(writers, gpt)
	}
	if len(writers) > 0 {
		c, err := llm.New(llm.Config{Endpoints: writers})
		if err != nil {
			return devnet.WithHint(err, "--llm_client.vllm_url looks like http://localhost:8000/v1")
		}
		cfg.Reasoner = c
		if cfg.Rephraser, err = logicvalidator.NewPersonas(c, cfg.Rules.Grading == logicnet.GradeReference); err != nil {
			return err
		}
	}
	for _, e := range []llm.Endpoint{gpt, vllm}[:v.judges] {
		c, err := llm.New(llm.Config{Endpoints: []llm.Endpoint{e}})
		if err != nil {
			return devnet.WithHint(err, "--llm_client.gpt_url looks like https://api.openai.com/v1")
		}
		cfg.Judges = append(cfg.Judges, c)
	}
	return nil
}

// pool is the task pool, where the environment names one.
func (v *logicValidate) pool(cfg *logicvalidator.Config) error {
	p := v.t.env.TaskPool
	if p.URL == "" {
		return nil
	}
	pool, err := logicvalidator.NewPool(logicvalidator.PoolConfig{
		URL: p.URL, Username: p.Username, Password: logicvalidator.Password(p.Password), Reference: cfg.Rules.Grading == logicnet.GradeReference,
	})
	if err != nil {
		return devnet.WithHint(err, "set TASK_POOL_URL to an address such as https://pool.example.com, or leave it out")
	}
	cfg.Source, cfg.CheatWords = pool, pool.CheatWords
	return nil
}

// similarity is the sentence encoder, where there is one.
func (v *logicValidate) similarity(cfg *logicvalidator.Config) (done func(), err error) {
	done = func() {}
	switch {
	case v.encoderURL != "":
		e, err := logicvalidator.NewEmbeddings(logicvalidator.EmbeddingsConfig{URL: v.encoderURL, Model: v.encoderFor, Key: v.encoderKey()})
		if err != nil {
			return done, devnet.WithHint(err, "--encoder.url looks like http://localhost:8001/v1")
		}
		cfg.Encoder = e
	case v.encoder != "":
		e, err := bert.Load(v.encoder)
		if err != nil {
			return done, devnet.WithHint(err, v.t.program+" model pull sentence-transformers/all-MiniLM-L6-v2 gets it")
		}
		cfg.Encoder, done = e, func() { _ = e.Close() }
	}
	return done, nil
}

// encoderKey is the key that is sent to the encoder's server: that of the vLLM server where it is the same one.
func (v *logicValidate) encoderKey() logicvalidator.Password {
	given := v.t.env.LLMFallbackKey
	a, err := url.Parse(v.encoderURL)
	b, other := url.Parse(v.vllmURL)
	if err != nil || other != nil || a.Scheme != b.Scheme || a.Host != b.Host {
		given = ""
	}
	return logicvalidator.Password(keyFor(given, v.encoderURL, v.t.env))
}

// proxy is where and to whom questions of others are open.
func (v *logicValidate) proxy(cfg *logicvalidator.Config) error {
	const hint = "write a line with a name and a long random key for each user into a file, and name it with --proxy.keys"
	cfg.Proxy.Rate = v.proxyRate
	if v.proxyKeys != "" {
		text, err := os.ReadFile(v.proxyKeys)
		if err != nil {
			return fmt.Errorf("couldn't read keys: %w", err)
		}
		if cfg.Proxy.Keys, err = proxy.ReadKeys(string(text)); err != nil {
			return devnet.WithHint(err, hint)
		}
	} else if key := string(v.t.env.APIKey); key != "" {
		cfg.Proxy.Keys = map[string]proxy.Key{"NANTEOS_API_KEY": proxy.Key(key)}
	} else {
		return devnet.WithHint(errors.New("couldn't serve proxy: there are no keys"), hint)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(v.proxyHost, strconv.Itoa(v.proxyPort)))
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't listen: %w", err), "name a free port with --proxy.port")
	}
	cfg.Proxy.Listener = l
	return nil
}

// serve opens wallet and chain, and validates until ctx ends.
func (v *logicValidate) serve(ctx context.Context, cfg logicvalidator.Config) error {
	place, err := v.wallet.wallet()
	if err != nil {
		return err
	}
	n, err := logicnetChain(v.t, v.chain)
	if err != nil {
		return err
	}
	key, err := place.OpenHotkey(ctx, nil)
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't open hotkey: %w", err), v.mendHotkey(place, err))
	}
	defer key.Wipe()
	if cfg.Hotkey, err = key.Keypair(); err != nil {
		return err
	}
	remote, err := dialChain(ctx, v.t, n)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer remote.Close()
	genesis := remote.Client().Genesis().String()
	o := operator.Config{Network: n, Name: place.HotkeyName(), Status: status.New(status.Options{}), Dir: v.data}
	if err := v.folders(&o, key.Address(), genesis); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make data folder: %w", err)
	}
	cfg.Dir, cfg.Name, cfg.Network = o.Dir, o.Name, fmt.Sprintf("%s/%d", genesis, n.Chain.NetUID)
	cfg.Chain = logicvalidator.NewSubnet(remote, n.Chain.NetUID, chain.KeySigner(cfg.Hotkey))
	if !v.wallet.json {
		v.introduce(key.Address(), n.Chain.NetUID, n.Chain.Endpoints, cfg)
	}
	err = v.show(ctx, o, func(ctx context.Context, o operator.Config) error {
		cfg.Status = o.Status.Named(o.Name, "validator", key.Address())
		validator, err := logicvalidator.New(cfg)
		if err != nil {
			return err
		}
		return validator.Run(ctx)
	})
	if errors.Is(err, logicvalidator.ErrForeign) || errors.Is(err, logicvalidator.ErrState) {
		return devnet.WithHint(err, "name another folder with --data; histories begin anew there")
	}
	return v.mend(err, place, n)
}

// introduce says who validates where, and with what.
func (v *logicValidate) introduce(address string, netuid uint16, endpoints []string, cfg logicvalidator.Config) {
	source, similar := "own questions", "neutral, there is no --encoder"
	if cfg.Source != nil {
		source = "the task pool's questions"
	}
	if cfg.Encoder != nil && cfg.Reasoner != nil {
		similar = "by sentence encoder"
	}
	fmt.Fprintf(v.t.out, "logicnet validate: %s, subnet %d, %s; %s rules, %s, %d judges, similarity %s\n", address, netuid, strings.Join(endpoints, ", "), v.rules, source, len(cfg.Judges), similar)
	if cfg.Proxy.Listener != nil {
		fmt.Fprintf(v.t.out, "proxy: http://%s/v1/answer, described at /openapi.json\n", cfg.Proxy.Listener.Addr())
	}
}
