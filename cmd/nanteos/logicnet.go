package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/internal/devnet"
	"github.com/nanteos/nanteos/internal/llm"
	"github.com/nanteos/nanteos/internal/node/network"
	"github.com/nanteos/nanteos/logicnet"
)

// logicNetUID is the subnet of LogicNet on Bittensor's main network.
const logicNetUID = "35"

func newLogicnet(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logicnet",
		Short: "mine and validate on LogicNet",
		Long:  "logicnet has the roles of LogicNet, the network where validators ask maths and logic questions and miners answer with\nlanguage models. The flags are those of the Python implementation.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLogicnetMine(t), newLogicnetValidate(t))
	return cmd
}

// sdkFlags takes the flags of the Python SDK that mean nothing here, so that a command that works there works here.
func sdkFlags(cmd *cobra.Command, ignored *pflagIgnored) {
	f := cmd.Flags()
	for _, name := range []string{"logging.debug", "logging.trace", "logging.info", "logging.record_log", "no_version_checking", "strict", "no_prompt",
		"neuron.dont_save_events", "subtensor._mock"} {
		f.BoolVar(&ignored.flag, name, false, "taken and ignored")
	}
	for _, name := range []string{"logging.logging_dir", "neuron_type", "neuron.epoch_length", "neuron.events_retention_size", "axon.max_workers", "config"} {
		f.StringVar(&ignored.text, name, "", "taken and ignored")
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Usage == "taken and ignored" {
			flag.Hidden = true
		}
	})
}

// pflagIgnored is where values go that nobody reads.
type pflagIgnored struct {
	flag bool
	text string
}

// logicnetChain is the network on which LogicNet's subnet lies. The file of a network names its Grail subnet; here LogicNet's is meant.
func logicnetChain(t terminal, place chainPlace) (network.Network, error) {
	if place.netuid == "" && t.env.NetUID == "" {
		place.netuid = logicNetUID
	}
	n, err := place.network(t)
	if place.file == "" && t.env.Network == "" {
		n.Name = "logicnet"
	}
	return n, err
}

// logicnetRules finds rules by their name.
func logicnetRules(name string) (logicnet.Rules, error) {
	r, ok := logicnet.RulesByName(name)
	if !ok {
		return r, devnet.WithHint(usageError{fmt.Errorf("couldn't use rules %.40s: there is no such set", name), "nanteos logicnet"}, "use hardened or reference")
	}
	return r, nil
}

// keyFor is the key that is sent to a model's server: the one given for it, else that of the service that the address belongs to.
func keyFor(given config.Secret, base string, env config.Config) llm.Key {
	if given != "" {
		return llm.Key(given)
	}
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	of := func(domain string) bool {
		return u.Scheme == "https" && (host == domain || strings.HasSuffix(host, "."+domain))
	}
	switch {
	case of("together.xyz"), of("together.ai"):
		return llm.Key(env.TogetherKey)
	case of("openai.com"):
		return llm.Key(env.OpenAIKey)
	}
	return ""
}

// hideFlag starts the process again with a secret flag's value in its environment and not among its arguments, where everybody on the machine can
// read it.
func hideFlag(flag, variable, value string) error {
	args := make([]string, 0, len(os.Args))
	for i := 0; i < len(os.Args); i++ {
		switch a := os.Args[i]; {
		case a == flag:
			i++
		case strings.HasPrefix(a, flag+"="):
		default:
			args = append(args, a)
		}
	}
	return again(args, config.Environ(variable, value))
}
