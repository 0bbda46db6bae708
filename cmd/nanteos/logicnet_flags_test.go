package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/vectortest"
)

// TestLogicnetFlags holds the commands to the reference's flags: each is taken with a value of its type, and has the reference's default where it means
// something here.
func TestLogicnetFlags(t *testing.T) {
	type flag struct {
		Names   []string `json:"flag"`
		Type    string   `json:"type"`
		Default any      `json:"default"`
	}
	const file = "logicnet/config_flags.json"
	var v struct {
		About     string            `json:"about"`
		Validator []flag            `json:"validator"`
		Miner     []flag            `json:"miner"`
		MinStake  float64           `json:"min_stake"`
		Cases     []json.RawMessage `json:"cases"`
	}
	vectortest.Decode(t, file, &v)
	vectortest.Count(t, file, len(v.Validator)+len(v.Miner))
	// The subnet is LogicNet's without being told, the reference's key "xyz" stands for none, and a port of 0 for no proxy.
	other := map[string]bool{"netuid": true, "miner.llm_client.key": true, "llm_client.vllm_key": true, "proxy.port": true}
	values := map[string]string{"int": "7", "float": "0.5", "str": "text", "bool": "true"}
	for _, c := range []struct {
		make  func(terminal) *cobra.Command
		flags []flag
	}{{newLogicnetMine, v.Miner}, {newLogicnetValidate, v.Validator}} {
		for _, f := range c.flags {
			for _, name := range f.Names {
				name = strings.TrimPrefix(name, "--")
				cmd := c.make(terminal{})
				value, ok := values[f.Type]
				if !ok {
					t.Fatalf("%s: unknown type %s", name, f.Type)
				}
				if err := cmd.ParseFlags([]string{"--" + name + "=" + value}); err != nil {
					t.Errorf("%s %s=%s: %v", cmd.Name(), name, value, err)
					continue
				}
				got := cmd.Flags().Lookup(name)
				if got.Hidden || other[name] {
					continue
				}
				want := fmt.Sprint(f.Default)
				if number, ok := f.Default.(float64); ok {
					want = strconv.FormatFloat(number, 'f', -1, 64)
				}
				if got.DefValue != want {
					t.Errorf("%s %s: default %s, the reference's is %s", cmd.Name(), name, got.DefValue, want)
				}
			}
		}
	}
}
