package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/devnet"
)

// keyJSON is the JSON of a key that lies in a wallet.
type keyJSON struct {
	Name       string `json:"name"`
	Address    string `json:"address,omitempty"`
	PublicKey  string `json:"public_key,omitempty"`
	File       string `json:"file"`
	Exists     bool   `json:"exists"`
	Encryption string `json:"encryption,omitempty"`
	Problem    string `json:"problem,omitempty"`
	Hint       string `json:"hint,omitempty"`
}

// listJSON and showJSON are the JSON of the two commands.
type (
	listJSON struct {
		Path    string       `json:"path"`
		Wallets []walletJSON `json:"wallets"`
	}
	walletJSON struct {
		Name    string    `json:"name"`
		Coldkey keyJSON   `json:"coldkey"`
		Hotkeys []keyJSON `json:"hotkeys"`
	}
	showJSON struct {
		Path    string  `json:"path"`
		Name    string  `json:"name"`
		Coldkey keyJSON `json:"coldkey"`
		Hotkey  keyJSON `json:"hotkey"`
	}
)

func asKeyJSON(i wallet.Info) keyJSON {
	k := keyJSON{Name: i.Name, File: i.File, Exists: i.Exists}
	if i.Public != nil {
		public := i.Public.PublicKey()
		k.Address, k.PublicKey = i.Public.Address(), "0x"+hex.EncodeToString(public[:])
	}
	if i.Exists && i.Problem == nil {
		k.Encryption = i.Encryption.String()
	}
	if i.Problem != nil {
		k.Problem, k.Hint = oneLine(i.Problem.Error()), hintOf(i.Problem)
	}
	return k
}

// newWalletList is `nanteos wallet list`.
func newWalletList(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "list wallets and their hotkeys",
		Long:    "list shows the wallets in the folder with their hotkeys and addresses, without passwords, and what is wrong with their files.",
		Example: "  nanteos wallet list\n  nanteos wallet list --wallet.path ~/.bittensor/wallets --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := wallet.Expand(p.folder())
			if err != nil {
				return err
			}
			list, err := wallet.List(cmd.Context(), path)
			if errors.Is(err, fs.ErrNotExist) {
				return devnet.WithHint(err, t.program+" wallet new-coldkey makes the first one; --wallet.path names another folder")
			}
			if err != nil {
				return err
			}
			if p.json {
				out := listJSON{path, []walletJSON{}}
				for _, l := range list {
					w := walletJSON{l.Name, asKeyJSON(l.Coldkey), []keyJSON{}}
					for _, h := range l.Hotkeys {
						w.Hotkeys = append(w.Hotkeys, asKeyJSON(h))
					}
					out.Wallets = append(out.Wallets, w)
				}
				return printJSON(t, out)
			}
			if err := writeList(t.out, path, list); err != nil {
				return fmt.Errorf("couldn't write the list: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	p.pathFlag(cmd)
	return cmd
}

// writeList writes a table: a line for each coldkey, and its hotkeys below it.
func writeList(out io.Writer, path string, list []wallet.Listed) error {
	var b bytes.Buffer
	width := len("default")
	for _, l := range list {
		width = max(width, len(escape(l.Name)))
		for _, h := range l.Hotkeys {
			width = max(width, len(escape(h.Name))+2)
		}
	}
	fmt.Fprintf(&b, "wallets in %s\n", escape(path))
	if len(list) == 0 {
		fmt.Fprintln(&b, "none")
	}
	for _, l := range list {
		writeKey(&b, width, "", coldkey, l.Coldkey)
		for _, h := range l.Hotkeys {
			writeKey(&b, width, "  ", hotkey, h)
		}
	}
	_, err := out.Write(b.Bytes())
	return err
}

func writeKey(b *bytes.Buffer, width int, indent string, kind keyKind, i wallet.Info) {
	address := "address unknown"
	if i.Public != nil {
		address = i.Public.Address()
	}
	fmt.Fprintf(b, "%-*s  %-48s  %-7s  %s\n", width, indent+escape(i.Name), address, kind, state(i))
	if i.Problem != nil {
		fmt.Fprintf(b, "%s  ! %s\n", indent, escape(oneLine(i.Problem.Error())))
		if hint := hintOf(i.Problem); hint != "" {
			fmt.Fprintf(b, "%s    %s\n", indent, escape(hint))
		}
	}
}

// state is what can be said of a key's file in a few words.
func state(i wallet.Info) string {
	switch {
	case i.Problem != nil:
		return "unusable"
	case i.Exists:
		return encryption(i.Encryption)
	case i.Public != nil:
		return "public part only"
	}
	return "missing"
}

// newWalletShow is `nanteos wallet show`.
func newWalletShow(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "show a wallet's addresses and files",
		Long:    "show shows the addresses and files of one wallet and one of its hotkeys. It needs no password and shows no secret.",
		Example: "  nanteos wallet show --wallet.name me --wallet.hotkey miner-1",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			w, err := p.wallet()
			if err != nil {
				return err
			}
			cold, hot := w.DescribeColdkey(), w.DescribeHotkey()
			if state(cold) == "missing" && state(hot) == "missing" {
				return p.mend(fmt.Errorf("couldn't show wallet %s in %s: %w", w.Name(), w.Path(), fs.ErrNotExist), w, coldkey)
			}
			if p.json {
				return printJSON(t, showJSON{w.Path(), w.Name(), asKeyJSON(cold), asKeyJSON(hot)})
			}
			var b bytes.Buffer
			for _, k := range []struct {
				kind keyKind
				info wallet.Info
			}{{coldkey, cold}, {hotkey, hot}} {
				fmt.Fprintf(&b, "%-8s  %s\n", k.kind, escape(k.info.Name))
				if k.info.Public != nil {
					fmt.Fprintf(&b, "  address %s\n", k.info.Public.Address())
				}
				fmt.Fprintf(&b, "  file    %s (%s)\n", escape(k.info.File), state(k.info))
				if k.info.Problem != nil {
					fmt.Fprintf(&b, "  problem %s\n", escape(oneLine(k.info.Problem.Error())))
					if hint := hintOf(k.info.Problem); hint != "" {
						fmt.Fprintf(&b, "  hint    %s\n", escape(hint))
					}
				} else if k.info.Encryption.Legacy() {
					fmt.Fprintf(&b, "  hint    %s wallet reencrypt %s%s\n", t.program, k.kind, p.keyFlags(w, k.kind))
				}
			}
			if _, err := t.out.Write(b.Bytes()); err != nil {
				return fmt.Errorf("couldn't write the wallet: %w", err)
			}
			return nil
		},
	}
	p.flags(cmd, true)
	return cmd
}
