package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/internal/datasets"
	"github.com/nanteos/nanteos/internal/hub"
	"github.com/nanteos/nanteos/task/dataset"
)

const dataLong = `data gets and keeps the datasets that environments draw their problems from. A set is known by its digest: machines
whose digests differ don't see the same problems. nanteos comes with no third-party data; read the licences.

The sets are in NANTEOS_DATA_DIR, by default ~/.local/share/nanteos/data.`

// newData is the group of commands about datasets.
func newData(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "get, import and show datasets of environments",
		Long:  dataLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataPull(t), newDataImport(t), newDataList(t), newDataShow(t), newDataRemove(t))
	return cmd
}

// dataStore is the store of the configuration.
func dataStore(t terminal, lim datasets.Limits) (*datasets.Store, error) {
	folder := t.env.Environments.DataDir
	if folder == "" {
		var err error
		if folder, err = datasets.DefaultFolder(); err != nil {
			return nil, hinted{err, "name a folder in NANTEOS_DATA_DIR"}
		}
	}
	return datasets.New(folder, datasets.Options{Limits: lim}), nil
}

// aboutFolder adds what to do where the folder of the sets can't be written or read.
func aboutFolder(err error) error {
	for _, reason := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.ENOTDIR, fs.ErrPermission} {
		if errors.Is(err, reason) {
			return withHint(err, "NANTEOS_DATA_DIR names another folder; what was there before is as it was")
		}
	}
	return err
}

// specOf finds the dataset of an environment that the user names.
func specOf(cmd *cobra.Command, env string) (dataset.Spec, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return spec, hinted{usageError{fmt.Errorf("couldn't run %s: %w", cmd.Name(), err), cmd.CommandPath()}, "nanteos data list shows them"}
	}
	return spec, nil
}

const dataPullLong = `pull gets the dataset of an environment from huggingface.co, or from the server that HF_ENDPOINT names, at a commit that
is noted: main as it is now, or --revision. Every file is held against its checksum; the set appears complete or not at
all, and an interrupted pull goes on where it stopped. Private and gated datasets need HF_TOKEN.

The network pins no revision. Where a trainer or validator tells the digest of its dataset, compare it with the one
that this command prints.`

// newDataPull is `nanteos data pull`.
func newDataPull(t terminal) *cobra.Command {
	revision, maxMiB, asJSON := "", int64(2048), false
	cmd := &cobra.Command{
		Use:     "pull ENV",
		Short:   "get the dataset of an environment from a Hugging Face endpoint",
		Long:    dataPullLong,
		Example: "  nanteos data pull gsm8k\n  nanteos data pull mbpp --revision refs/convert/parquet",
		Args:    arguments("ENV", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := specOf(cmd, args[0])
			if err != nil {
				return err
			}
			if maxMiB < 1 || maxMiB > 1<<20 {
				return usageError{errors.New("couldn't use --max-mib: it is not 1 to 1048576"), cmd.CommandPath()}
			}
			if revision != "" {
				if _, err := hub.ParseReference(spec.Repository + "@" + revision); err != nil {
					return hinted{usageError{err, cmd.CommandPath()}, hintOf(err)}
				}
			}
			token, err := hubToken(t.env)
			if err != nil {
				return err
			}
			client, err := hub.New(hub.Options{Endpoint: t.env.HFEndpoint, Token: token, MaxBytes: maxMiB << 20})
			if err != nil {
				return err
			}
			store, err := dataStore(t, datasets.Limits{Download: maxMiB << 20})
			if err != nil {
				return err
			}
			view := newPullView(t, asJSON)
			if !asJSON {
				view.line(licenceText(spec))
			}
			info, err := store.Pull(cmd.Context(), spec.Env, datasets.PullOptions{Client: client, Revision: revision, Tell: func(e hub.Event) {
				if e.Event != "done" { // the files are here, but not yet the set
					view.tell(e)
				}
			}})
			if err = errors.Join(err, view.end()); err != nil {
				return aboutFolder(err)
			}
			return showData(t, asJSON, info)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&revision, "revision", "", "branch, tag or commit of the repository (default main)")
	flags.Int64Var(&maxMiB, "max-mib", 2048, "refuse datasets whose files are larger than this together")
	flags.BoolVar(&asJSON, "json", false, "one JSON object a line instead of text")
	return cmd
}

const dataImportLong = `import takes the dataset of an environment from files: Parquet, JSON Lines or a JSON list with the columns of the public
dataset, also gzipped JSON. The name of a file says which table it has, such as train.jsonl or algebra/test.parquet;
TABLE=FILE says it for any name. A folder stands for the files in it. Rows stay in the order of the file.

The public files are read as they are: train.jsonl and test.jsonl of GSM8K, HumanEval.jsonl.gz, mbpp.jsonl.`

// newDataImport is `nanteos data import`.
func newDataImport(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "import ENV FILE...",
		Short:   "take the dataset of an environment from files",
		Long:    dataImportLong,
		Example: "  nanteos data import gsm8k train.jsonl test.jsonl\n  nanteos data import humaneval HumanEval.jsonl.gz\n  nanteos data import math algebra/train=a.jsonl ...",
		Args:    arguments("ENV FILE", 2, 2000),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := specOf(cmd, args[0])
			if err != nil {
				return err
			}
			store, err := dataStore(t, datasets.Limits{})
			if err != nil {
				return err
			}
			info, err := store.Import(cmd.Context(), spec.Env, args[1:]...)
			if err != nil {
				return aboutFolder(err)
			}
			return showData(t, asJSON, info)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// newDataList is `nanteos data list`.
func newDataList(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the datasets of environments and which are here",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			store, err := dataStore(t, datasets.Limits{})
			if err != nil {
				return err
			}
			here, err := store.List()
			if err != nil {
				return aboutFolder(err)
			}
			if asJSON {
				return printJSON(t, dataListing(here))
			}
			return printText(t, dataListText(here))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// newDataShow is `nanteos data show`.
func newDataShow(t terminal) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "show ENV",
		Short: "tell what the dataset of an environment is and where it is from",
		Long: "show reads the current dataset of an environment, checks it against its digest and tells where it is from.\n" +
			"Sets that were pulled or imported before and are still here are listed below.",
		Args: arguments("ENV", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := specOf(cmd, args[0])
			if err != nil {
				return err
			}
			store, err := dataStore(t, datasets.Limits{})
			if err != nil {
				return err
			}
			// What is told of the current set holds only if it can be opened.
			if _, err := store.Open(cmd.Context(), spec.Env); err != nil {
				return err
			}
			infos, err := store.Show(spec.Env)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(t, infos)
			}
			return printText(t, dataShowText(infos))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// newDataRemove is `nanteos data remove`.
func newDataRemove(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ENV [DIGEST]",
		Short: "delete the datasets of an environment, or one of them",
		Long: "remove deletes what was pulled or imported for an environment, or the one set whose digest begins with DIGEST.\n" +
			"Where that was the current one, none is afterwards: pull or import again.",
		Args: arguments("ENV", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := specOf(cmd, args[0])
			if err != nil {
				return err
			}
			digest := ""
			if len(args) == 2 {
				if digest = strings.ToLower(args[1]); digest == "" {
					return usageError{errors.New("couldn't remove: DIGEST is empty"), cmd.CommandPath()}
				}
			}
			store, err := dataStore(t, datasets.Limits{})
			if err != nil {
				return err
			}
			removed, err := store.Remove(spec.Env, digest)
			if errors.Is(err, datasets.ErrNone) {
				return hinted{err, "nanteos data show " + spec.Env + " lists the digests"}
			}
			if err != nil {
				return err
			}
			var b strings.Builder
			for _, d := range removed {
				fmt.Fprintf(&b, "removed %s %s\n", spec.Env, d)
			}
			return printText(t, b.String())
		},
	}
}
