package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/devnet"
)

// walletMessageLong is the rule of what the bytes of a message are.
const walletMessageLong = `
MESSAGE is text, signed as its UTF-8 bytes. A MESSAGE that begins with 0x is hex of the bytes that are meant, as in
Bittensor's own programs. The MESSAGE - stands for the whole input, whose bytes are taken as they are.`

const walletSignLong = `sign signs a message with the hotkey, or with the coldkey (--key coldkey). Signatures of the same message differ
each time.
` + walletMessageLong

const walletVerifyLong = `verify tells whether a signature of a message is of an account: that of --address, otherwise the wallet's hotkey or, with
--key coldkey, its coldkey. Exit status 1 if it isn't. Wallets in browsers sign <Bytes>MESSAGE</Bytes>; that passes too.
` + walletMessageLong

// longestMessage bounds what is read from the input, in bytes.
const longestMessage = 16 << 20

// newWalletSign is `nanteos wallet sign`.
func newWalletSign(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	which := ""
	cmd := &cobra.Command{
		Use:     "sign MESSAGE",
		Short:   "sign a message",
		Long:    walletSignLong,
		Example: "  nanteos wallet sign 'I own this hotkey' --wallet.name me\n  nanteos wallet sign - --key coldkey --json < file",
		Args:    arguments("MESSAGE", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := parseKind(cmd, which)
			if err != nil {
				return err
			}
			w, err := p.wallet()
			if err != nil {
				return err
			}
			message, err := messageBytes(t, args[0])
			if err != nil {
				return err
			}
			key, err := wallet.Open(cmd.Context(), kind.file(w), (&asker{t: t, used: args[0] == "-"}).password)
			if err != nil {
				return p.mend(err, w, kind)
			}
			defer key.Wipe()
			signature, err := key.Sign(message)
			if err != nil {
				return err
			}
			if p.json {
				return printJSON(t, struct {
					Address   string `json:"address"`
					Message   string `json:"message"`
					Signature string `json:"signature"`
				}{key.Address(), "0x" + hex.EncodeToString(message), "0x" + hex.EncodeToString(signature[:])})
			}
			if _, err := fmt.Fprintf(t.out, "0x%x\n", signature); err != nil {
				return fmt.Errorf("couldn't write the signature: %w", err)
			}
			return nil
		},
	}
	p.flags(cmd, true)
	cmd.Flags().StringVar(&which, "key", string(hotkey), "key to sign with: hotkey or coldkey")
	return cmd
}

// newWalletVerify is `nanteos wallet verify`.
func newWalletVerify(t terminal) *cobra.Command {
	p := &keyPlace{t: t}
	which, address := "", ""
	cmd := &cobra.Command{
		Use:     "verify MESSAGE SIGNATURE",
		Short:   "verify the signature of a message",
		Long:    walletVerifyLong,
		Example: "  nanteos wallet verify 'I own this hotkey' 0x5c… --address 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
		Args:    arguments("MESSAGE or SIGNATURE", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, err := parseKind(cmd, which)
			if err != nil {
				return err
			}
			signature, err := parseSignature(args[1])
			if err != nil {
				return err
			}
			signer, err := p.signer(cmd.Context(), kind, address)
			if err != nil {
				return err
			}
			message, err := messageBytes(t, args[0])
			if err != nil {
				return err
			}
			plain := sr25519.Verify(signer.PublicKey(), message, signature)
			valid := plain || sr25519.VerifyWrapped(signer.PublicKey(), message, signature)
			if p.json {
				err = printJSON(t, struct {
					Address string `json:"address"`
					Valid   bool   `json:"valid"`
					Wrapped bool   `json:"wrapped"`
				}{signer.Address(), valid, valid && !plain})
			} else if valid {
				_, err = fmt.Fprintf(t.out, "valid, signed by %s%s\n", signer.Address(), map[bool]string{true: " (wrapped in <Bytes>)"}[!plain])
			}
			if err != nil {
				return fmt.Errorf("couldn't write the verdict: %w", err)
			}
			if !valid {
				return devnet.WithHint(fmt.Errorf("couldn't verify: %w: it is not one of this message by %s", sr25519.ErrSignature, signer.Address()),
					"every byte counts: a line end, a space, 0x in front; --address names another signer")
			}
			return nil
		},
	}
	p.flags(cmd, true)
	cmd.Flags().StringVar(&which, "key", string(hotkey), "key of the wallet that signed: hotkey or coldkey")
	cmd.Flags().StringVar(&address, "address", "", "address that signed, instead of a key of the wallet")
	return cmd
}

// signer is the account that is said to have signed.
func (p keyPlace) signer(ctx context.Context, kind keyKind, address string) (*wallet.Key, error) {
	if address != "" {
		key, err := wallet.ParseAddress(address)
		if err != nil {
			return nil, devnet.WithHint(err, "an address begins with 5 and has 48 characters")
		}
		return key, nil
	}
	w, err := p.wallet()
	if err != nil {
		return nil, err
	}
	if kind == coldkey {
		key, err := w.Coldkeypub()
		return key, p.mend(err, w, kind)
	}
	key, err := w.HotkeyPublic(ctx)
	return key, p.mend(err, w, kind)
}

// messageBytes are the bytes that a message stands for.
func messageBytes(t terminal, text string) ([]byte, error) {
	if text == "-" {
		if t.in == nil {
			return nil, errors.New("couldn't read the message: there is no input")
		}
		b, err := io.ReadAll(io.LimitReader(t.in, longestMessage+1))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the message: %w", err)
		}
		if len(b) > longestMessage {
			return nil, devnet.WithHint(fmt.Errorf("couldn't read the message: it is longer than %d bytes", longestMessage), "sign a hash of it")
		}
		return b, nil
	}
	digits, isHex := strings.CutPrefix(text, "0x")
	if !isHex {
		return []byte(text), nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, devnet.WithHint(errors.New("couldn't read the message: it begins with 0x and is no hex"), "text that begins so can be given as the input: printf %s 0x... | "+t.program+" wallet sign -")
	}
	return b, nil
}

// parseSignature reads 64 bytes of hex.
func parseSignature(text string) (signature [sr25519.SignatureSize]byte, err error) {
	b, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil || len(b) != len(signature) {
		return signature, devnet.WithHint(fmt.Errorf("couldn't read the signature: it is not %d hex digits", 2*len(signature)), "the order is MESSAGE SIGNATURE")
	}
	return [sr25519.SignatureSize]byte(b), nil
}
