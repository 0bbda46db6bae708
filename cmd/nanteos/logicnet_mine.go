package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	bittensor "github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/weights"
	"github.com/nanteos/nanteos/internal/chain"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/internal/node/logicminer"
	"github.com/nanteos/nanteos/internal/operator"
	"github.com/nanteos/nanteos/internal/status"
)

const logicnetMineLong = `mine answers LogicNet's questions with a language model behind any OpenAI-compatible server: Together.ai, vLLM,
nanteos model serve. Where an exact solver is sure of the result, its number is the answer and the model writes the
reasoning. Requests are counted after their signature is verified; a question that could not be answered in time is
refused at once.

The model's key comes from NANTEOS_LLM_KEY, or TOGETHER_API_KEY and OPENAI_API_KEY for these services, in the environment
or .env. A key that is given as a flag is taken too; the process then starts itself again without it, so that it doesn't
stay in the list of processes.`

// logicMine is the command's flags.
type logicMine struct {
	role
	port, externalPort      int
	ip, externalIP          string
	category                string
	volume, concurrent      int
	minStake, interval      float64
	base, model, key, rules string
	fallback                []string
	noSolver                bool
	ignored                 pflagIgnored
}

func newLogicnetMine(t terminal) *cobra.Command {
	m := logicMine{role: role{t: t, command: "logicnet-mine", wallet: keyPlace{t: t}}}
	cmd := &cobra.Command{
		Use:   "mine",
		Short: "answer questions on LogicNet",
		Long:  logicnetMineLong,
		Example: "  nanteos logicnet mine --wallet.name me --wallet.hotkey miner --axon.port 8091 \\\n    --miner.llm_client.base_url https://api.together.xyz/v1 --miner.llm_client.model Qwen/Qwen2-72B-Instruct\n" +
			"  nanteos logicnet mine --subtensor.network local --miner.llm_client.base_url http://127.0.0.1:8000/v1 --miner.llm_client.model base",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return m.start(cmd) },
	}
	m.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&m.port, "axon.port", 8091, "port to listen on")
	f.StringVar(&m.ip, "axon.ip", "", "address to listen on (default all)")
	f.StringVar(&m.externalIP, "axon.external_ip", "", "address that validators are told (default the one that this machine uses)")
	f.IntVar(&m.externalPort, "axon.external_port", 0, "port that validators are told (default --axon.port)")
	f.StringVar(&m.category, "miner.category", "Logic", "category to serve; Logic is the only one")
	f.IntVar(&m.volume, "miner.epoch_volume", 50, "requests to take in an interval; a larger volume earns more, up to 512")
	f.Float64Var(&m.minStake, "miner.min_stake", 10000, "least stake in TAO of validators that are answered")
	f.Float64Var(&m.interval, "miner.limit_interval", 600, "seconds in which requests are counted")
	f.StringVar(&m.base, "miner.llm_client.base_url", "http://localhost:8000/v1", "OpenAI-compatible server")
	f.StringVar(&m.model, "miner.llm_client.model", "Qwen/Qwen2-7B-Instruct", "model to ask there")
	f.StringVar(&m.key, "miner.llm_client.key", "", "its key; better in NANTEOS_LLM_KEY")
	f.StringArrayVar(&m.fallback, "miner.llm_client.fallback", nil, "another server, for when the first one fails: URL, or MODEL@URL; may be repeated")
	f.IntVar(&m.concurrent, "miner.llm_client.concurrency", 16, "questions to answer at a time; fewer where answers are slow")
	f.BoolVar(&m.noSolver, "miner.no_solver", false, "don't let the exact solver answer")
	f.StringVar(&m.rules, "rules", "hardened", "hardened or reference")
	sdkFlags(cmd, &m.ignored)
	return cmd
}

// placeholder is the key that the reference has by default, which means none.
const placeholder = "xyz"

func (m *logicMine) start(cmd *cobra.Command) error {
	usage := func(format string, args ...any) error {
		return usageError{fmt.Errorf(format, args...), cmd.CommandPath()}
	}
	switch {
	case m.port < 1 || m.port > 65535:
		return usage("couldn't read --axon.port: %d is no port", m.port)
	case m.externalPort < 0 || m.externalPort > 65535:
		return usage("couldn't read --axon.external_port: %d is no port", m.externalPort)
	case m.volume < 0:
		return usage("couldn't read --miner.epoch_volume: %d is negative", m.volume)
	case m.category != "Logic":
		return usage("couldn't serve category %.40q: Logic is the only one", m.category)
	}
	if m.key != "" && m.key != placeholder {
		if err := hideFlag("--miner.llm_client.key", "NANTEOS_LLM_KEY", m.key); err != nil {
			return err
		}
	}
	rules, err := logicnetRules(m.rules)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("miner.min_stake") {
		rules.MinStake = m.minStake
	}
	if cmd.Flags().Changed("miner.limit_interval") {
		rules.LimitSeconds = m.interval
	}
	if err := rules.Validate(); err != nil {
		return usage("couldn't use flags: %w", err)
	}
	models, err := m.models()
	if err != nil {
		return devnet.WithHint(err, "--miner.llm_client.base_url looks like http://localhost:8000/v1")
	}
	cfg := logicminer.Config{Rules: rules, Models: models, Volume: int64(m.volume), Concurrent: m.concurrent}
	if !m.noSolver {
		cfg.Solver = exactSolver{}
	}
	m.verbose += 2 // what becomes of each question is what there is to see
	return m.serve(cmd.Context(), cfg)
}

// models are the servers that are asked.
func (m *logicMine) models() (*llm.Client, error) {
	env := m.t.env
	c := llm.Config{Endpoints: []llm.Endpoint{{BaseURL: m.base, Model: m.model, Key: keyFor(env.LLMKey, m.base, env)}}}
	for _, text := range m.fallback {
		e := llm.Endpoint{BaseURL: text, Model: m.model}
		if model, base, ok := strings.Cut(text, "@http"); ok {
			e.Model, e.BaseURL = model, "http"+base
		}
		e.Key = keyFor(env.LLMFallbackKey, e.BaseURL, env)
		c.Endpoints = append(c.Endpoints, e)
	}
	return llm.New(c)
}

// serve opens wallet, chain and port, and answers until ctx ends.
func (m *logicMine) serve(ctx context.Context, cfg logicminer.Config) error {
	place, err := m.wallet.wallet()
	if err != nil {
		return err
	}
	n, err := logicnetChain(m.t, m.chain)
	if err != nil {
		return err
	}
	key, err := place.OpenHotkey(ctx, nil)
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't open hotkey: %w", err), m.mendHotkey(place, err))
	}
	defer key.Wipe()
	if cfg.Hotkey, err = key.Keypair(); err != nil {
		return err
	}
	cfg.Listener, err = net.Listen("tcp", net.JoinHostPort(m.ip, strconv.Itoa(m.port)))
	if err != nil {
		return devnet.WithHint(fmt.Errorf("couldn't listen: %w", err), "name a free port with --axon.port")
	}
	defer cfg.Listener.Close()
	external, err := m.external(n.Chain.Endpoints[0])
	if err != nil {
		return err
	}
	remote, err := dialChain(ctx, m.t, n)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer remote.Close()
	o := operator.Config{Network: n, Name: place.HotkeyName(), Status: status.New(status.Options{}), Dir: m.data}
	if err := m.folders(&o, key.Address(), remote.Client().Genesis().String()); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("couldn't make data folder: %w", err)
	}
	cfg.Dir, cfg.Name, cfg.Register = o.Dir, o.Name, remote
	cfg.Announce = func(ctx context.Context) error { return announceAxon(ctx, remote, key, n.Chain.NetUID, external) }
	if !m.wallet.json {
		fmt.Fprintf(m.t.out, "logicnet mine: %s, subnet %d, %s; serving on %s, told validators %s; model %s at %s\n",
			key.Address(), n.Chain.NetUID, strings.Join(n.Chain.Endpoints, ", "), cfg.Listener.Addr(), external, m.model, m.base)
	}
	err = m.show(ctx, o, func(ctx context.Context, o operator.Config) error {
		cfg.Status = o.Status.Named(o.Name, "miner", key.Address())
		miner, err := logicminer.New(cfg)
		if err != nil {
			return err
		}
		if err := miner.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	return m.mend(err, place, n)
}

// external is the address that validators are told: the one given, else that of the interface by which this machine reaches the chain.
func (m *logicMine) external(endpoint string) (netip.AddrPort, error) {
	port := m.port
	if m.externalPort != 0 {
		port = m.externalPort
	}
	if m.externalIP != "" {
		ip, err := netip.ParseAddr(m.externalIP)
		if err != nil {
			return netip.AddrPort{}, devnet.WithHint(fmt.Errorf("couldn't read --axon.external_ip: %w", err), "give an IPv4 or IPv6 address")
		}
		return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
	}
	local := strings.Contains(endpoint, "//127.0.0.1") || strings.Contains(endpoint, "//localhost") || strings.Contains(endpoint, "//[::1]")
	ip, err := ownAddress()
	if err != nil || !local && ip.IsPrivate() {
		return netip.AddrPort{}, devnet.WithHint(errors.New("couldn't tell the address under which validators reach this machine"), "name the public one with --axon.external_ip; curl -4 ifconfig.me shows it")
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// ownAddress is the address that this machine uses towards the internet. Nothing is sent.
func ownAddress() (netip.Addr, error) {
	c, err := net.Dial("udp4", "192.0.2.1:9")
	if err == nil {
		defer c.Close()
		if a, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil && !a.Addr().IsLoopback() && !a.Addr().IsUnspecified() {
			return a.Addr().Unmap(), nil
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("couldn't list addresses: %w", err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, errors.New("couldn't find an address of this machine")
}

// announceAxon tells the chain where the axon is, unless it knows.
func announceAxon(ctx context.Context, remote *chain.Remote, hotkey bittensor.Signer, netuid uint16, at netip.AddrPort) error {
	_, err := remote.Client().Serve(ctx, hotkey, netuid, bittensor.Axon{Version: uint32(weights.Version(9, 0, 0)), Address: at, Protocol: 4})
	return err
}
