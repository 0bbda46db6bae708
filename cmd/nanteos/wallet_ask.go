package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/x/term"

	"github.com/nanteos/nanteos/bittensor/wallet"
	"github.com/nanteos/nanteos/internal/config"
	"github.com/nanteos/nanteos/internal/devnet"
)

// longestAnswer bounds a line of the input in bytes.
const longestAnswer = 4096

// asker gets secrets from whoever uses the program: from the terminal without showing them, or line by line from an input that is none.
type asker struct {
	t terminal
	// used says that the input was read for something else.
	used bool
}

// interactive reports whether somebody sits at a terminal.
func (a *asker) interactive() bool { return a.t.in != nil && term.IsTerminal(a.t.in.Fd()) }

// ask asks for one secret.
func (a *asker) ask(ctx context.Context, prompt string) (wallet.Secret, error) {
	if a.t.in == nil || a.used {
		return wallet.Secret{}, errors.New("there is nobody to ask")
	}
	if !a.interactive() {
		return readLine(a.t.in)
	}
	fmt.Fprint(a.t.err, prompt)
	answer, err := readHidden(ctx, a.t.in)
	fmt.Fprintln(a.t.err)
	return answer, err
}

// readHidden reads a line without showing it. An interrupt ends it and puts the terminal back.
func readHidden(ctx context.Context, in *os.File) (wallet.Secret, error) {
	before, err := term.GetState(in.Fd())
	if err != nil {
		return wallet.Secret{}, fmt.Errorf("couldn't use the terminal: %w", err)
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := term.ReadPassword(in.Fd())
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(in.Fd(), before)
		return wallet.Secret{}, context.Cause(ctx)
	case r := <-done:
		if errors.Is(r.err, io.EOF) {
			r.err = errors.New("nothing was entered")
		}
		return wallet.NewSecret(r.text), r.err
	}
}

// readLine reads one line byte by byte, so that nothing of the next is taken.
func readLine(in io.Reader) (wallet.Secret, error) {
	line := make([]byte, 0, longestAnswer)
	for one := make([]byte, 1); ; {
		n, err := in.Read(one)
		if n == 1 && one[0] == '\n' {
			break
		}
		if n == 1 && len(line) == longestAnswer {
			clear(line)
			return wallet.Secret{}, fmt.Errorf("the line is longer than %d bytes", longestAnswer)
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) {
			if len(line) == 0 {
				return wallet.Secret{}, errors.New("the input has ended, there is nobody to ask")
			}
			break
		}
		if err != nil {
			clear(line)
			return wallet.Secret{}, fmt.Errorf("couldn't read the input: %w", err)
		}
	}
	return wallet.NewSecret(bytes.TrimSuffix(line, []byte("\r"))), nil
}

// fromVariable looks for the password of a file in the environment.
func fromVariable(file string) (password wallet.Secret, found bool, err error) {
	name := wallet.PasswordVariable(file)
	value, found := config.Password(name)
	if !found {
		return wallet.Secret{}, false, nil
	}
	password, err = wallet.DecodePassword(name, string(value))
	return password, true, err
}

// password gets the password of a file that is there. It is a wallet.Passwords.
func (a *asker) password(ctx context.Context, file string) (wallet.Secret, error) {
	password, found, err := fromVariable(file)
	if !found && err == nil {
		password, err = a.ask(ctx, "password of "+escape(file)+": ")
	}
	if err != nil {
		return wallet.Secret{}, a.unanswered("password", file, err)
	}
	a.busy()
	return password, nil
}

// newPassword gets a password for a file that has none.
func (a *asker) newPassword(ctx context.Context, file string) (wallet.Secret, error) {
	password, found, err := fromVariable(file)
	if found || err != nil {
		if err != nil {
			return wallet.Secret{}, a.unanswered("new password", file, err)
		}
		return password, nil
	}
	return a.anotherPassword(ctx, file)
}

// anotherPassword asks for a new password: on a terminal twice, to be sure.
func (a *asker) anotherPassword(ctx context.Context, file string) (password wallet.Secret, err error) {
	for found, tries := false, 0; !found && err == nil; tries++ {
		if password, err = a.ask(ctx, "new password for "+escape(file)+": "); err != nil || !a.interactive() {
			break
		}
		again, err2 := a.ask(ctx, "the same again: ")
		same := bytes.Equal(password.Reveal(), again.Reveal())
		again.Wipe()
		switch {
		case err2 != nil:
			err = err2
		case same && !password.Empty():
			found = true
		case tries == 2:
			err = errors.New("the two differ")
		case !same:
			fmt.Fprintln(a.t.err, "the two differ")
		default:
			fmt.Fprintln(a.t.err, "it is empty")
		}
	}
	if err == nil && password.Empty() {
		err = errors.New("it is empty")
	}
	if err != nil {
		password.Wipe()
		return wallet.Secret{}, a.unanswered("new password", file, err)
	}
	a.busy()
	return password, nil
}

// busy tells why the next seconds are quiet.
func (a *asker) busy() {
	if a.interactive() {
		fmt.Fprintln(a.t.err, "deriving the key from the password, this takes some seconds")
	}
}

// unanswered says where else an answer may come from.
func (a *asker) unanswered(what, file string, err error) error {
	err = fmt.Errorf("couldn't get %s: %w", what, err)
	if errors.Is(err, context.Canceled) || hintOf(err) != "" {
		return err
	}
	return devnet.WithHint(err, "run it in a terminal, give the password as a line of the input, or set "+wallet.PasswordVariable(file)+" as btcli does")
}
