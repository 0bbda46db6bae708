package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/devnet"
)

const walletReencryptLong = `reencrypt encrypts a key file again in today's way ($NACL), which all versions of btcli since 6 read. Files of older versions are
Ansible vaults or Fernet tokens. The password stays, unless --new-password asks for another; a file that was not
encrypted gets one. The old file is replaced at the end, in one step.`

// newWalletReencrypt is `nanteos wallet reencrypt`.
func newWalletReencrypt(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	change := false
	cmd := &cobra.Command{
		Use:     "reencrypt [coldkey|hotkey]",
		Short:   "encrypt a key file in today's way, or with another password",
		Long:    walletReencryptLong,
		Example: "  nanteos wallet reencrypt --wallet.name old\n  nanteos wallet reencrypt coldkey --new-password",
		Args:    arguments("coldkey or hotkey", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := coldkey
			if len(args) == 1 {
				var err error
				if kind, err = parseKind(cmd, args[0]); err != nil {
					return err
				}
			}
			w, err := p.wallet()
			if err != nil {
				return err
			}
			info := w.DescribeHotkey()
			if kind == coldkey {
				info = w.DescribeColdkey()
			}
			switch {
			case info.Problem != nil:
				return p.mend(info.Problem, w, kind)
			case !info.Exists:
				return p.mend(fmt.Errorf("couldn't encrypt %s: %w", info.File, os.ErrNotExist), w, kind)
			case info.Encryption == wallet.NaCl && !change:
				return devnet.WithHint(fmt.Errorf("couldn't encrypt %s: it is encrypted in today's way already", info.File), "--new-password changes the password")
			}
			from := &asker{t: t}
			after := wallet.Passwords(nil)
			if change {
				after = from.anotherPassword
			} else if info.Encryption == wallet.Plain {
				after = from.newPassword
			}
			if _, err := wallet.Reencrypt(cmd.Context(), info.File, from.password, after); err != nil {
				return p.mend(err, w, kind)
			}
			if p.json {
				return printJSON(t, struct {
					File   string `json:"file"`
					Before string `json:"before"`
					After  string `json:"after"`
				}{info.File, info.Encryption.String(), wallet.NaCl.String()})
			}
			if _, err := fmt.Fprintf(t.out, "%s is encrypted (before: %s)\n", escape(info.File), info.Encryption); err != nil {
				return fmt.Errorf("couldn't write the result: %w", err)
			}
			return nil
		},
	}
	p.flags(cmd, true)
	cmd.Flags().BoolVar(&change, "new-password", false, "ask for another password")
	return cmd
}
