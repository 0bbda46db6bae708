package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/devnet"
)

const walletLong = `wallet makes and uses the keys of Bittensor, in the files and folders of btcli: either program reads what the other
wrote. A wallet is a coldkey, which owns the money, with hotkeys, which miners and validators sign with.

Which wallet is meant is told by --wallet.name, --wallet.hotkey and --wallet.path, otherwise by BT_WALLET_COLD,
BT_WALLET_HOT and BT_WALLET_PATH; names are "default" otherwise, the folder is ~/.bittensor/wallets.

Passwords and mnemonics are never arguments. They are asked on the terminal without showing them; where the input is no
terminal, each is a line of it. A password may also come from btcli's variable BT_PW_... for its file.`

// newWallet is the group of commands about wallets.
func newWallet(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "wallet",
		Short: "make and use Bittensor keys",
		Long:  walletLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWalletColdkey(t), newWalletHotkey(t), newWalletRegen(t), newWalletList(t), newWalletShow(t), newWalletSign(t),
		newWalletVerify(t), newWalletReencrypt(t))
	// Both spellings of btcli: --wallet.name and --wallet-name.
	cmd.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		for _, old := range []string{"wallet-", "wallet_"} {
			if rest, ok := strings.CutPrefix(name, old); ok {
				name = "wallet." + rest
			}
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

// keyPlace is what the commands about wallets have in common: which key is meant, and how to answer.
type keyPlace struct {
	t                  terminal
	name, hotkey, path string
	json               bool
}

// flags adds those that the command needs.
func (p *keyPlace) flags(cmd *cobra.Command, hotkey bool) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.name, "wallet.name", "", "name of the wallet (default \"default\")")
	if hotkey {
		f.StringVar(&p.hotkey, "wallet.hotkey", "", "name of the hotkey (default \"default\")")
	}
	p.pathFlag(cmd)
}

func (p *keyPlace) pathFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.path, "wallet.path", "", "folder of wallets (default ~/.bittensor/wallets)")
	cmd.Flags().BoolVar(&p.json, "json", false, "print as JSON")
}

// wallet is the wallet that is meant.
func (p keyPlace) wallet() (wallet.Wallet, error) {
	w, err := wallet.New(p.folder(), cmp.Or(p.name, p.t.env.WalletCold), cmp.Or(p.hotkey, p.t.env.WalletHot))
	if errors.Is(err, wallet.ErrName) {
		return w, devnet.WithHint(err, "names are plain file names, such as my-wallet")
	}
	return w, err
}

func (p keyPlace) folder() string { return cmp.Or(p.path, p.t.env.WalletPath) }

// keyKind is coldkey or hotkey.
type keyKind string

const (
	coldkey keyKind = "coldkey"
	hotkey  keyKind = "hotkey"
)

// parseKind reads the argument or flag.
func parseKind(cmd *cobra.Command, text string) (keyKind, error) {
	if k := keyKind(text); k == coldkey || k == hotkey {
		return k, nil
	}
	return "", usageError{fmt.Errorf("couldn't run %s: %q is neither coldkey nor hotkey", cmd.Name(), text), cmd.CommandPath()}
}

// file is the path of the secret key file.
func (k keyKind) file(w wallet.Wallet) string {
	if k == coldkey {
		return w.ColdkeyFile()
	}
	return w.HotkeyFile()
}

// publicFile is the path of the public part.
func (k keyKind) publicFile(w wallet.Wallet) string {
	if k == coldkey {
		return w.ColdkeypubFile()
	}
	return w.HotkeypubFile()
}

// keyFlags are the flags that name the key in the command that is proposed.
func (p keyPlace) keyFlags(w wallet.Wallet, k keyKind) string {
	text := " --wallet.name " + shellQuote(w.Name())
	if k == hotkey {
		text += " --wallet.hotkey " + shellQuote(w.HotkeyName())
	}
	if standard, err := wallet.Expand(""); err != nil || w.Path() != standard {
		text += " --wallet.path " + shellQuote(w.Path())
	}
	return text
}

// mend adds what to do about an error with a key's file.
func (p keyPlace) mend(err error, w wallet.Wallet, k keyKind) error {
	command := p.t.program + " wallet "
	switch {
	case err == nil || hintOf(err) != "":
		return err
	case errors.Is(err, fs.ErrNotExist):
		return devnet.WithHint(err, fmt.Sprintf("%snew-%s%s makes one, %slist shows those there are", command, k, p.keyFlags(w, k), command))
	case errors.Is(err, wallet.ErrPassword):
		return devnet.WithHint(err, "try again; where the password is lost, "+command+"regen "+string(k)+" makes the file again from the mnemonic")
	case errors.Is(err, wallet.ErrFormat), errors.Is(err, wallet.ErrPublicOnly):
		return devnet.WithHint(err, command+"regen "+string(k)+p.keyFlags(w, k)+" --overwrite makes the file again from the mnemonic")
	}
	return err
}

// refuseExisting ends before anything is asked when there is a key already.
func (p keyPlace) refuseExisting(w wallet.Wallet, k keyKind, overwrite bool) error {
	if _, err := os.Lstat(k.file(w)); err != nil || overwrite {
		return nil
	}
	return devnet.WithHint(fmt.Errorf("couldn't write %s: %w", k.file(w), wallet.ErrExists),
		"choose another name; --overwrite replaces it, and a key whose mnemonic you don't have is lost then")
}

// encryption is the word that people read.
func encryption(e wallet.Encryption) string {
	switch {
	case e == wallet.Plain:
		return "not encrypted"
	case e.Legacy():
		return "encrypted in an old way (" + e.String() + ")"
	}
	return "encrypted"
}
