package wallet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Open reads a secret key file. passwords is asked where it is encrypted and may be nil. Besides those of Parse and Decrypt, errors wrap
// fs.ErrNotExist and ErrExposed.
func Open(ctx context.Context, file string, passwords Passwords) (*Key, error) {
	k, _, err := open(ctx, file, passwords)
	return k, err
}

// open also returns how the file is encrypted.
func open(ctx context.Context, file string, passwords Passwords) (*Key, Encryption, error) {
	content, err := readFile(file, true)
	if err != nil {
		return nil, Plain, err
	}
	defer clear(content)
	how := EncryptionOf(content)
	if how != Plain {
		if passwords == nil {
			return nil, how, fmt.Errorf("couldn't read %s: %w with %v", file, ErrEncrypted, how)
		}
		password, err := passwords(ctx, file)
		if err != nil {
			return nil, how, fmt.Errorf("couldn't read %s: %w", file, err)
		}
		defer password.Wipe()
		plain, err := Decrypt(ctx, content, password)
		if err != nil {
			return nil, how, fmt.Errorf("couldn't decrypt %s: %w", file, err)
		}
		defer clear(plain)
		content = plain
	}
	k, err := Parse(content)
	if err != nil {
		return nil, how, fmt.Errorf("couldn't read %s: %w", file, err)
	}
	if !k.Private() {
		return nil, how, fmt.Errorf("couldn't read %s: %w", file, ErrPublicOnly)
	}
	return k, how, nil
}

// ReadPublic reads a public key file. A secret that is in it by mistake is not kept.
func ReadPublic(file string) (*Key, error) {
	content, err := readFile(file, false)
	if err != nil {
		return nil, err
	}
	defer clear(content)
	k, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", file, err)
	}
	defer k.Wipe()
	return k.Public(), nil
}

// Write writes a secret key file that only its owner can read, encrypted unless the password is empty. It wraps ErrExists when the file is there
// and not to be overwritten.
func Write(ctx context.Context, file string, k *Key, password Secret, overwrite bool) error {
	content, err := k.Marshal()
	if err != nil {
		return err
	}
	defer clear(content)
	if password.Empty() {
		return writeFile(file, content, overwrite)
	}
	sealed, err := Encrypt(ctx, content, password)
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	return writeFile(file, sealed, overwrite)
}

// Reencrypt writes a secret key file again as $NACL, with the fields that every reader wants. before opens the file where it is encrypted. after gives
// the new password once the file is open; where it is nil, the password of before stays. It returns how the file was encrypted.
func Reencrypt(ctx context.Context, file string, before, after Passwords) (Encryption, error) {
	var password Secret
	defer func() { password.Wipe() }()
	k, how, err := open(ctx, file, func(ctx context.Context, file string) (Secret, error) {
		if before == nil {
			return Secret{}, ErrEncrypted
		}
		given, err := before(ctx, file)
		if err == nil {
			password = NewSecret(append([]byte(nil), given.Reveal()...)) // Open wipes its own
		}
		return given, err
	})
	if err != nil {
		return how, err
	}
	defer k.Wipe()
	if after != nil {
		password.Wipe()
		if password, err = after(ctx, file); err != nil {
			return how, fmt.Errorf("couldn't encrypt %s: %w", file, err)
		}
	}
	if password.Empty() {
		return how, fmt.Errorf("couldn't encrypt %s: there is no password", file)
	}
	return how, Write(ctx, file, k, password, true)
}

// readFile reads a small regular file. A secret one must not be readable by others.
func readFile(file string, secret bool) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("couldn't read %s: %w", file, err) }
	// Before it is opened: opening a pipe waits for a writer.
	if st, err := os.Stat(file); err != nil {
		return fail(reason(err))
	} else if !st.Mode().IsRegular() {
		return fail(fmt.Errorf("%w: it is no file", ErrFormat))
	}
	f, err := os.Open(file)
	if err != nil {
		return fail(reason(err))
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fail(reason(err))
	}
	if !st.Mode().IsRegular() || st.Size() > MaxFile {
		return fail(fmt.Errorf("%w: it has %d bytes", ErrFormat, st.Size()))
	}
	if secret && exposed(st) {
		return nil, hinted{fmt.Errorf("couldn't read %s: %w: its mode is %04o", file, ErrExposed, st.Mode().Perm()), "chmod 600 " + quote(file)}
	}
	content := make([]byte, st.Size()+1) // read by hand: io.ReadAll leaves copies behind
	n, err := io.ReadFull(f, content)
	if err == nil || err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(content)
		return fail(fmt.Errorf("%w: it changes while it is read (%v)", ErrFormat, err))
	}
	return content[:n], nil
}

// exposed reports whether group or others may do anything with the file.
func exposed(st fs.FileInfo) bool { return runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 }

// reason takes the path away from an error that gets it again.
func reason(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writeFile writes a file whole or not at all, for its owner alone, and makes its folder where it is missing.
func writeFile(file string, content []byte, overwrite bool) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrExists) {
			err = fmt.Errorf("couldn't write %s: %w", file, reason(err))
		}
	}()
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if st, err := os.Lstat(file); err == nil && !overwrite {
		return existsError(file)
	} else if err == nil && st.IsDir() {
		return errors.New("there is a folder of that name")
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after a rename there is nothing to remove
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if overwrite {
		err = os.Rename(f.Name(), file)
	} else if err = os.Link(f.Name(), file); errors.Is(err, fs.ErrExist) { // a link never replaces: nobody can come in between
		return existsError(file)
	} else if err != nil { // a file system without links
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return err
	}
	if d, err := os.Open(dir); err == nil { // the name, too, has to reach the disk; not every system can
		_ = d.Sync()
		d.Close()
	}
	return nil
}
