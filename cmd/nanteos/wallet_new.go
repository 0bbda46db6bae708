package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/wallet"
)

const walletColdkeyLong = `new-coldkey makes a coldkey, which owns what the hotkeys earn. The file is encrypted with a password. Its mnemonic
is shown once, on the terminal: write it down, it is the only way back when the file or the password is lost.`

const walletHotkeyLong = `new-hotkey makes a hotkey, which a miner or validator signs with. Its file is not encrypted, as btcli has it, since
a program must start without somebody typing; only you can read it. --use-password encrypts it.`

// savedKey is the JSON of a key that was written.
type savedKey struct {
	Wallet     string `json:"wallet"`
	Kind       string `json:"kind"`
	Hotkey     string `json:"hotkey,omitempty"`
	Address    string `json:"address"`
	PublicKey  string `json:"public_key"`
	File       string `json:"file,omitempty"`
	PublicFile string `json:"public_file"`
	Encryption string `json:"encryption,omitempty"`
}

// keySaver makes the files of one key.
type keySaver struct {
	keyPlace
	kind      keyKind
	overwrite bool
	encrypt   bool
}

func (s *keySaver) saveFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	if s.kind == coldkey {
		noPassword := false
		f.BoolVar(&noPassword, "no-use-password", false, "don't encrypt the file; for wallets that may be lost")
		cmd.PreRun = func(*cobra.Command, []string) { s.encrypt = !noPassword }
	} else {
		f.BoolVar(&s.encrypt, "use-password", false, "encrypt the file; programs can't start with it unattended")
	}
	f.BoolVar(&s.overwrite, "overwrite", false, "replace a key that is there")
}

// newWalletColdkey is `nanteos wallet new-coldkey`.
func newWalletColdkey(t terminal) *cobra.Command {
	return newWalletKey(t, coldkey, walletColdkeyLong, "  nanteos wallet new-coldkey --wallet.name me\n  nanteos wallet new-coldkey --n-words 24")
}

// newWalletHotkey is `nanteos wallet new-hotkey`.
func newWalletHotkey(t terminal) *cobra.Command {
	return newWalletKey(t, hotkey, walletHotkeyLong, "  nanteos wallet new-hotkey --wallet.name me --wallet.hotkey miner-1")
}

func newWalletKey(t terminal, kind keyKind, long, example string) *cobra.Command {
	s := &keySaver{keyPlace: keyPlace{t: t}, kind: kind}
	words, show := 12, false
	cmd := &cobra.Command{
		Use:     "new-" + string(kind),
		Short:   "make a " + string(kind),
		Long:    long,
		Example: example,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.wallet()
			if err != nil {
				return err
			}
			if err := s.refuseExisting(w, kind, s.overwrite); err != nil {
				return err
			}
			key, err := wallet.Generate(words)
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			defer key.Wipe()
			if err := s.save(cmd.Context(), w, key, &asker{t: t}); err != nil {
				return err
			}
			s.showMnemonic(w, key, show)
			return s.report(w, key)
		},
	}
	s.flags(cmd, kind == hotkey)
	s.saveFlags(cmd)
	cmd.Flags().IntVar(&words, "n-words", 12, "words of the mnemonic: 12, 15, 18, 21 or 24")
	cmd.Flags().BoolVar(&show, "print-mnemonic", false, "show the mnemonic even where the error output is no terminal")
	return cmd
}

// save asks for a password where one is wanted and writes the files.
func (s *keySaver) save(ctx context.Context, w wallet.Wallet, key *wallet.Key, from *asker) error {
	var password wallet.Secret
	if s.encrypt {
		var err error
		if password, err = from.newPassword(ctx, s.kind.file(w)); err != nil {
			return err
		}
		defer password.Wipe()
	}
	if s.kind == coldkey {
		return w.SaveColdkey(ctx, key, password, s.overwrite)
	}
	return w.SaveHotkey(ctx, key, password, s.overwrite)
}

// showMnemonic shows the mnemonic to the person at the terminal. Where the error output goes elsewhere, most likely into a log, it is shown only if
// that was asked for.
func (s *keySaver) showMnemonic(w wallet.Wallet, key *wallet.Key, always bool) {
	if f, ok := s.t.err.(*os.File); !always && (!ok || !term.IsTerminal(f.Fd())) {
		fmt.Fprintf(s.t.err, "The mnemonic isn't shown, as this is no terminal. It is in %s.\n", escape(s.kind.file(w)))
		return
	}
	fmt.Fprintf(s.t.err, "\nThe mnemonic of this %s, shown this once:\n\n  ", s.kind)
	_, _ = s.t.err.Write(key.Phrase().Reveal())
	fmt.Fprintf(s.t.err, "\n\nWrite it down and keep it where nobody finds it. Whoever has it has the key;\nwithout it, a lost file%s is lost for good.\n\n",
		map[bool]string{true: " or password"}[s.encrypt])
}

// report tells what was written.
func (s *keySaver) report(w wallet.Wallet, key *wallet.Key) error {
	public := key.PublicKey()
	saved := savedKey{w.Name(), string(s.kind), "", key.Address(), "0x" + hex.EncodeToString(public[:]), s.kind.file(w), s.kind.publicFile(w), wallet.Plain.String()}
	name := w.Name()
	if s.kind == hotkey {
		saved.Hotkey = w.HotkeyName()
		name += "/" + w.HotkeyName()
	}
	if s.encrypt {
		saved.Encryption = wallet.NaCl.String()
	}
	if s.json {
		return printJSON(s.t, saved)
	}
	how := wallet.Plain
	if s.encrypt {
		how = wallet.NaCl
	}
	_, err := fmt.Fprintf(s.t.out, "%-8s  %s\naddress   %s\nfile      %s (%s)\npublic    %s\n", s.kind, escape(name), key.Address(),
		escape(saved.File), encryption(how), escape(saved.PublicFile))
	if err != nil {
		return fmt.Errorf("couldn't write the address: %w", err)
	}
	return nil
}

// printJSON prints one object.
func printJSON(t terminal, v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("couldn't write JSON: %w", err)
	}
	return nil
}
