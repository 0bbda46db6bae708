package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/devnet"
)

const walletRegenLong = `regen makes the files of a key again from its mnemonic, or those of its public part from its address.

The mnemonic is asked on the terminal, or is the first line of the input; the second is the new password. A seed (0x and
64 hex digits) and a secret URI, such as //Alice of development chains, do as well.`

// newWalletRegen is `nanteos wallet regen`.
func newWalletRegen(t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "regen",
		Short: "make a key's files again from its mnemonic",
		Long:  walletRegenLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWalletRegenKey(t, coldkey), newWalletRegenKey(t, hotkey), newWalletRegenPublic(t))
	return cmd
}

func newWalletRegenKey(t terminal, kind keyKind) *cobra.Command {
	s := &keySaver{keyPlace: keyPlace{t: t}, kind: kind}
	cmd := &cobra.Command{
		Use:     string(kind),
		Short:   "from its mnemonic",
		Long:    walletRegenLong,
		Example: fmt.Sprintf("  nanteos wallet regen %s --wallet.name me", kind),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.wallet()
			if err != nil {
				return err
			}
			if err := s.refuseExisting(w, kind, s.overwrite); err != nil {
				return err
			}
			from := &asker{t: t}
			key, err := askKey(cmd.Context(), from)
			if err != nil {
				return err
			}
			defer key.Wipe()
			if err := s.save(cmd.Context(), w, key, from); err != nil {
				return err
			}
			return s.report(w, key)
		},
	}
	s.flags(cmd, kind == hotkey)
	s.saveFlags(cmd)
	return cmd
}

// askKey asks for the secret that a key follows from.
func askKey(ctx context.Context, from *asker) (*wallet.Key, error) {
	answer, err := from.ask(ctx, "mnemonic (it isn't shown): ")
	if err != nil {
		err = fmt.Errorf("couldn't get mnemonic: %w", err)
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, devnet.WithHint(err, "run it in a terminal, or give the mnemonic as a line of the input")
	}
	defer answer.Wipe()
	text := bytes.TrimSpace(answer.Reveal())
	digits, isHex := bytes.CutPrefix(text, []byte("0x"))
	switch {
	case isHex && len(digits) == 2*sr25519.MiniSecretSize:
		var mini [sr25519.MiniSecretSize]byte
		if _, err := hex.Decode(mini[:], digits); err != nil {
			return nil, errors.New("couldn't read seed: what follows 0x is not hex")
		}
		return wallet.FromSeed(&mini), nil
	case isHex || bytes.IndexByte(text, '/') >= 0:
		pair, err := sr25519.FromURI(text)
		if err != nil {
			return nil, err
		}
		return wallet.FromKeypair(pair), nil
	}
	for i, c := range text { // phones like to begin with a capital letter
		if c >= 'A' && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	key, err := wallet.FromPhrase(wallet.NewSecret(bytes.Clone(text)))
	if err != nil {
		return nil, devnet.WithHint(err, "a mnemonic is 12 to 24 words with spaces between")
	}
	return key, nil
}

// newWalletRegenPublic is `nanteos wallet regen coldkeypub`.
func newWalletRegenPublic(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	overwrite := false
	cmd := &cobra.Command{
		Use:   "coldkeypub ADDRESS",
		Short: "the public part alone, from its address",
		Long: `coldkeypub writes the public part of a coldkey, which is all that a machine that mines or validates needs of it. Keep the coldkey itself
on another one.`,
		Example: "  nanteos wallet regen coldkeypub 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --wallet.name me",
		Args:    arguments("ADDRESS", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := p.wallet()
			if err != nil {
				return err
			}
			key, err := wallet.ParseAddress(args[0])
			if err != nil {
				return devnet.WithHint(err, "an address begins with 5 and has 48 characters")
			}
			if err := w.SaveColdkeypub(key, overwrite); err != nil {
				return err
			}
			public := key.PublicKey()
			if p.json {
				return printJSON(t, savedKey{Wallet: w.Name(), Kind: "coldkeypub", Address: key.Address(),
					PublicKey: "0x" + hex.EncodeToString(public[:]), PublicFile: w.ColdkeypubFile()})
			}
			if _, err := fmt.Fprintf(t.out, "coldkey   %s\naddress   %s\npublic    %s\n", escape(w.Name()), key.Address(), escape(w.ColdkeypubFile())); err != nil {
				return fmt.Errorf("couldn't write the address: %w", err)
			}
			return nil
		},
	}
	p.flags(cmd, false)
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace one of another account")
	return cmd
}
