package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/internal/hub"
)

const modelPullLong = `pull gets a model from huggingface.co, or from the server that HF_ENDPOINT names, into a folder that nanteos can
run: the configuration, the tokenizer and the safetensors weights, or the files that --include names.

A revision is a branch, a tag or a commit. Every file is held against its checksum, and the folder appears complete
or not at all. What has arrived is kept when the command is interrupted or killed: the same command goes on from
there. Run again on a complete folder, it checks it and gets only what has changed.

Gated and private models need an access token in HF_TOKEN, which is sent to that server alone. Accept the licence
of a gated model on its page first.`

// pullFlags are the flags of `nanteos model pull`.
type pullFlags struct {
	out      string
	include  []string
	parallel int
	maxGiB   int64
	verify   bool
	json     bool
}

// newModelPull is `nanteos model pull`.
func newModelPull(t terminal) *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull ORG/NAME[@REVISION]",
		Short: "get a model from a Hugging Face endpoint",
		Long:  modelPullLong,
		Example: "  nanteos model pull Qwen/Qwen3-0.6B\n  nanteos model pull Qwen/Qwen3-0.6B@main --out models/qwen\n" +
			"  nanteos model pull Qwen/Qwen3-0.6B-GGUF --include '*Q8_0.gguf'",
		Args: arguments("ORG/NAME", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, t, args[0]) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.out, "out", "", "folder for the model (default ./NAME)")
	flags.StringSliceVar(&f.include, "include", nil, "get the files that match these patterns instead of what the engine needs")
	flags.BoolVar(&f.verify, "verify", false, "read every file that is here already, rather than trusting its size and time")
	flags.IntVar(&f.parallel, "parallel", 6, "transfers at the same time, 1 to 64")
	flags.Int64Var(&f.maxGiB, "max-gib", 1024, "refuse models larger than this")
	flags.BoolVar(&f.json, "json", false, "one JSON object a line instead of text")
	return cmd
}

func (f *pullFlags) run(cmd *cobra.Command, t terminal, name string) error {
	ref, err := hub.ParseReference(name)
	if err == nil {
		err = hub.CheckPatterns(f.include)
	}
	switch {
	case err != nil:
		return hinted{usageError{err, cmd.CommandPath()}, hintOf(err)}
	case f.parallel < 1 || f.parallel > 64:
		return usageError{errors.New("couldn't use --parallel: it is not 1 to 64"), cmd.CommandPath()}
	case f.maxGiB < 1 || f.maxGiB > 1<<20:
		return usageError{errors.New("couldn't use --max-gib: it is not 1 to 1048576"), cmd.CommandPath()}
	}
	token, err := hubToken(t.env)
	if err != nil {
		return err
	}
	client, err := hub.New(hub.Options{Endpoint: t.env.HFEndpoint, Token: token, Parallel: f.parallel, MaxBytes: f.maxGiB << 30})
	if err != nil {
		return err
	}
	out := orElse(f.out, ref.Name)
	view := newPullView(t, f.json)
	_, err = client.Pull(cmd.Context(), hub.Request{Reference: ref, Folder: filepath.Clean(out), Include: f.include, Thorough: f.verify, Tell: view.tell})
	return errors.Join(err, view.end())
}

// maxTokenFile is the largest token file that is read, in bytes.
const maxTokenFile = 4096

// hubToken is the token of the environment or, for huggingface.co alone, that of a login of Hugging Face's tools under HF_HOME.
func hubToken(env config.Config) (hub.Token, error) {
	home := strings.TrimRight(env.HFEndpoint, "/")
	if env.HFToken != "" || env.HFHome == "" || home != "" && home != hub.DefaultEndpoint {
		return hub.Token(env.HFToken), nil
	}
	file, err := os.Open(filepath.Join(env.HFHome, "token"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("couldn't read the token of HF_HOME: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("couldn't read the token of HF_HOME: %w", err)
	}
	return hub.Token(strings.TrimSpace(string(text))), nil
}
