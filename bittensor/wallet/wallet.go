// Package wallet reads and writes the wallets of Bittensor as btcli and its SDK keep them.
//
// A wallet is a folder with a coldkey, which owns the money, and hotkeys, which miners and validators sign with:
//
//	~/.bittensor/wallets/NAME/coldkey              secret, usually encrypted
//	~/.bittensor/wallets/NAME/coldkeypub.txt       public part of it
//	~/.bittensor/wallets/NAME/hotkeys/HOTKEY       secret, usually plain, since a machine must start without somebody typing
//	~/.bittensor/wallets/NAME/hotkeys/HOTKEYpub.txt
//
// Each is a keyfile: one JSON object, or in old files a bare phrase or seed. Secret ones may be encrypted in three ways. $NACL (Argon2i and
// XSalsa20-Poly1305) is what this package writes; Ansible vaults and Fernet tokens of early btcli versions are read, and Reencrypt replaces
// them. One try of a password takes seconds and 512 MiB, by design; never do two run at once in a process.
//
// A miner or validator needs OpenHotkey and Coldkeypub only. Keep the coldkey on another machine.
//
// The package is careful with what it holds: secrets are kept behind Secret and Key, which print as [secret] and as an address, and are
// overwritten by Wipe; errors name files, never contents; key files that other users can read are refused; files are replaced whole
// or not at all, and never without being told to.
package wallet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Sentinels of what a caller may decide by. A file that does not exist wraps fs.ErrNotExist.
var (
	// ErrFormat: the content is no keyfile.
	ErrFormat = errors.New("not a keyfile")
	// ErrUnsupported: a keyfile of a kind that is known and not for us, such as ed25519 keys or a polkadot.js export.
	ErrUnsupported = errors.New("unsupported kind of key")
	// ErrMismatch: the parts of a keyfile belong to different accounts.
	ErrMismatch = errors.New("keyfile contradicts itself")
	// ErrEncrypted: the keyfile needs a password and there is none.
	ErrEncrypted = errors.New("keyfile is encrypted")
	// ErrPassword: the password is wrong or the file was changed; nobody can tell which.
	ErrPassword = errors.New("wrong password or damaged keyfile")
	// ErrExposed: other users of the machine can read the file.
	ErrExposed = errors.New("other users can read the key file")
	// ErrExists: the file is there and was not to be overwritten.
	ErrExists = errors.New("key file already exists")
	// ErrName: a name that cannot be a file in the wallet's folder.
	ErrName = errors.New("invalid wallet name")
	// ErrPublicOnly: the key has no secret.
	ErrPublicOnly = errors.New("key has no secret")
	// ErrMemory: there is too little memory for Argon2.
	ErrMemory = errors.New("too little memory")
)

// Names and places that btcli uses when it is told none.
const (
	DefaultPath   = "~/.bittensor/wallets"
	DefaultName   = "default"
	DefaultHotkey = "default"
)

// Wallet is the place of a coldkey and one of its hotkeys. It says nothing about whether the files exist.
type Wallet struct {
	path, name, hotkey string
}

// New gives the wallet of a name in the folder path, with one of its hotkeys. Empty text stands for the defaults; a leading ~ in path is the
// user's home. Names that would leave the folder wrap ErrName.
func New(path, name, hotkey string) (Wallet, error) {
	path, err := Expand(path)
	if err != nil {
		return Wallet{}, err
	}
	if name == "" {
		name = DefaultName
	}
	if hotkey == "" {
		hotkey = DefaultHotkey
	}
	if err := checkName("wallet", name); err != nil {
		return Wallet{}, err
	}
	if err := checkName("hotkey", hotkey); err != nil {
		return Wallet{}, err
	}
	if strings.HasSuffix(hotkey, publicSuffix) {
		return Wallet{}, fmt.Errorf("couldn't use hotkey %q: %w: public parts end with %s", hotkey, ErrName, publicSuffix)
	}
	return Wallet{path, name, hotkey}, nil
}

// Expand makes the path of a folder of wallets absolute. Empty is DefaultPath; ~ is the user's home.
func Expand(path string) (string, error) {
	if path == "" {
		path = DefaultPath
	}
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("couldn't find the home folder of %s: %w", path, err)
		}
		path = filepath.Join(home, rest)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("couldn't find the folder of wallets: %w", err)
	}
	return path, nil
}

const (
	publicSuffix = "pub.txt"
	longestName  = 100
)

// checkName refuses what is not a plain file name, and what would confuse people or their shells.
func checkName(kind, name string) error {
	fail := func(why string) error { return fmt.Errorf("couldn't use %s %q: %w: %s", kind, name, ErrName, why) }
	switch {
	case name == "":
		return fail("it is empty")
	case len(name) > longestName:
		return fmt.Errorf("couldn't use %s: %w: the name is longer than %d bytes", kind, ErrName, longestName)
	case strings.ContainsAny(name, `/\:`):
		return fail(`it holds / or \ or :`)
	case strings.ContainsAny(name[:1], ".-~ "):
		return fail("it begins with a dot, a dash, a tilde or a space")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return fail("it holds characters that can't be shown")
	}
	return nil
}

// Path is the folder of wallets, absolute.
func (w Wallet) Path() string { return w.path }

// Name is the name of the wallet, which is that of its coldkey.
func (w Wallet) Name() string { return w.name }

// HotkeyName is the name of the hotkey.
func (w Wallet) HotkeyName() string { return w.hotkey }

// ColdkeyFile is the path of the secret coldkey.
func (w Wallet) ColdkeyFile() string { return filepath.Join(w.path, w.name, "coldkey") }

// ColdkeypubFile is the path of the public part of the coldkey.
func (w Wallet) ColdkeypubFile() string { return filepath.Join(w.path, w.name, "coldkey"+publicSuffix) }

// HotkeyFile is the path of the secret hotkey.
func (w Wallet) HotkeyFile() string { return filepath.Join(w.path, w.name, "hotkeys", w.hotkey) }

// HotkeypubFile is the path of the public part of the hotkey, which btcli writes since wallet 4.
func (w Wallet) HotkeypubFile() string { return w.HotkeyFile() + publicSuffix }

// Passwords gives the password of an encrypted key file. The one who calls it wipes it.
type Passwords func(ctx context.Context, file string) (Secret, error)

// Coldkeypub reads the public part of the coldkey.
func (w Wallet) Coldkeypub() (*Key, error) { return ReadPublic(w.ColdkeypubFile()) }

// OpenHotkey reads the hotkey. passwords is asked where the file is encrypted and may be nil; then such a file wraps ErrEncrypted.
func (w Wallet) OpenHotkey(ctx context.Context, passwords Passwords) (*Key, error) {
	return Open(ctx, w.HotkeyFile(), passwords)
}

// OpenColdkey reads the secret coldkey. Nothing that runs unattended needs it.
func (w Wallet) OpenColdkey(ctx context.Context, passwords Passwords) (*Key, error) {
	return Open(ctx, w.ColdkeyFile(), passwords)
}

// HotkeyPublic gives the public part of the hotkey without its secret: from its pub.txt where there is one, otherwise from the key
// file, as long as that is plain.
func (w Wallet) HotkeyPublic(ctx context.Context) (*Key, error) {
	k, err := ReadPublic(w.HotkeypubFile())
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	secret, err := w.OpenHotkey(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	return NewPublic(secret.PublicKey()), nil
}

// SaveColdkey writes the coldkey and its public part. An empty password writes it plain, which only tests and throw-away wallets should. Without
// overwrite nothing is written when the coldkey or another wallet's coldkeypub.txt exists; the error wraps ErrExists.
func (w Wallet) SaveColdkey(ctx context.Context, k *Key, password Secret, overwrite bool) error {
	return save(ctx, k, w.ColdkeyFile(), w.ColdkeypubFile(), password, overwrite)
}

// SaveColdkeypub writes the public part of the coldkey alone, for machines that must not have the secret.
func (w Wallet) SaveColdkeypub(k *Key, overwrite bool) error {
	return savePublic(k, w.ColdkeypubFile(), overwrite)
}

// SaveHotkey writes the hotkey and its public part, with an empty password plain.
func (w Wallet) SaveHotkey(ctx context.Context, k *Key, password Secret, overwrite bool) error {
	return save(ctx, k, w.HotkeyFile(), w.HotkeypubFile(), password, overwrite)
}

// save writes a key and its public part: the secret first, so that a crash in between loses nothing that can't be made again.
func save(ctx context.Context, k *Key, file, public string, password Secret, overwrite bool) error {
	if !overwrite {
		if _, err := os.Lstat(file); err == nil {
			return existsError(file)
		}
		if err := mayReplacePublic(k, public); err != nil {
			return err
		}
	}
	if err := Write(ctx, file, k, password, overwrite); err != nil {
		return err
	}
	return savePublic(k, public, overwrite)
}

func savePublic(k *Key, public string, overwrite bool) error {
	if !overwrite {
		if err := mayReplacePublic(k, public); err != nil {
			return err
		}
	}
	return writeFile(public, k.MarshalPublic(), true)
}

// mayReplacePublic lets a public file be replaced by one of the same account.
func mayReplacePublic(k *Key, public string) error {
	old, err := ReadPublic(public)
	if errors.Is(err, fs.ErrNotExist) || err == nil && old.PublicKey() == k.PublicKey() {
		return nil
	}
	return existsError(public)
}

func existsError(file string) error {
	return hinted{fmt.Errorf("couldn't write %s: %w", file, ErrExists), "choose another name, or move the file away if its key is saved elsewhere"}
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
