package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/model"
	"github.com/nanteos/nanteos/model/kernel"
)

const modelHashLong = `hash computes the hidden states of a prompt and prints a digest of them. The engine gives the same bits on every
machine, so two people who see the same digest run the same model in the same way, and other digests mean other
weights, another prompt, or a fault.

The prompt is text as it stands, without a chat template, behind the tokens that the tokenizer puts before every
text. --tokens gives token ids instead.

` + modelPlaces

// modelHash is the JSON of `nanteos model hash`.
type modelHash struct {
	Model  string  `json:"model"`
	Tokens []int32 `json:"tokens"`
	Digest string  `json:"digest"`
	ISA    string  `json:"isa"`
}

// newModelHash is `nanteos model hash`.
func newModelHash(t terminal) *cobra.Command {
	ids, asJSON := "", false
	cmd := &cobra.Command{
		Use:     "hash DIR PROMPT",
		Short:   "print a digest of a prompt's hidden states",
		Long:    modelHashLong,
		Example: "  nanteos model hash base 'Hello world'\n  nanteos model hash Qwen3-0.6B --tokens 9707,1879 --json",
		Args:    arguments("DIR", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 2) == (ids != "") {
				return usageError{errors.New("couldn't hash: give either PROMPT or --tokens"), cmd.CommandPath()}
			}
			tokens, err := parseTokens(ids)
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			path, done, err := placeModel(args[0])
			if err != nil {
				return err
			}
			defer done()
			if len(args) == 2 {
				tok, err := model.LoadTokenizer(path)
				if err != nil {
					return aboutModel(err)
				}
				tokens = tok.Encode(args[1], true)
			}
			m, err := model.Load(path)
			if err != nil {
				return aboutModel(err)
			}
			defer m.Close()
			digest, err := m.Digest(cmd.Context(), tokens)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(t.out).Encode(modelHash{args[0], tokens, fmt.Sprintf("%x", digest), kernel.ISA()})
			} else {
				_, err = fmt.Fprintf(t.out, "%x  %d tokens\n", digest, len(tokens))
			}
			if err != nil {
				return fmt.Errorf("couldn't write the digest: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&ids, "tokens", "", "token ids instead of PROMPT, separated by commas")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// parseTokens reads a list of token ids.
func parseTokens(list string) (tokens []int32, err error) {
	if list == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("couldn't read --tokens: %q is no token id", part)
		}
		tokens = append(tokens, int32(n))
	}
	return tokens, nil
}
