package wallet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Info is what can be told about a key file without its password.
type Info struct {
	Name string
	// File is the path of the secret file, whether it exists or not.
	File string
	// Exists says that the secret file is there, Encryption how.
	Exists     bool
	Encryption Encryption
	// Public is the account, nil where an encrypted file has no public part beside it.
	Public *Key
	// Problem says why the files can't be used, nil where they can.
	Problem error
}

// Listed is a wallet with all its hotkeys, sorted by name.
type Listed struct {
	Name    string
	Coldkey Info
	Hotkeys []Info
}

// List describes the wallets in a folder, sorted by name. Files that can't be used are listed with the reason. A folder that does not exist wraps
// fs.ErrNotExist.
func List(ctx context.Context, path string) ([]Listed, error) {
	path, err := Expand(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't list wallets in %s: %w", path, reason(err))
	}
	var list []Listed
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("couldn't list wallets in %s: %w", path, err)
		}
		w, err := New(path, e.Name(), "")
		if err != nil || !isFolder(filepath.Join(path, e.Name())) {
			continue
		}
		l := Listed{Name: w.Name(), Coldkey: w.DescribeColdkey(), Hotkeys: w.hotkeys()}
		if l.Coldkey.Exists || l.Coldkey.Public != nil || len(l.Hotkeys) > 0 {
			list = append(list, l)
		}
	}
	return list, nil
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// hotkeys describes all hotkeys of the wallet, also those of which only the public part is there.
func (w Wallet) hotkeys() (list []Info) {
	entries, _ := os.ReadDir(filepath.Dir(w.HotkeyFile())) // without a folder there are none
	seen := map[string]bool{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), publicSuffix)
		h, err := New(w.path, w.name, name)
		if err != nil || name == "" || seen[name] || isFolder(h.HotkeyFile()) {
			continue
		}
		seen[name] = true
		list = append(list, h.DescribeHotkey())
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// DescribeColdkey tells about the coldkey without its password.
func (w Wallet) DescribeColdkey() Info { return describe(w.name, w.ColdkeyFile(), w.ColdkeypubFile()) }

// DescribeHotkey tells about the hotkey without its password.
func (w Wallet) DescribeHotkey() Info { return describe(w.hotkey, w.HotkeyFile(), w.HotkeypubFile()) }

func describe(name, file, public string) Info {
	info := Info{Name: name, File: file}
	pub, err := ReadPublic(public)
	if err == nil {
		info.Public = pub
	} else if !errors.Is(err, fs.ErrNotExist) {
		info.Problem = err
	}
	content, err := readFile(file, true)
	if errors.Is(err, fs.ErrNotExist) {
		return info
	}
	info.Exists = true
	if err != nil {
		info.Problem = err
		return info
	}
	defer clear(content)
	if info.Encryption = EncryptionOf(content); info.Encryption != Plain {
		return info
	}
	k, err := Parse(content)
	if err != nil {
		info.Problem = fmt.Errorf("couldn't read %s: %w", file, err)
		return info
	}
	defer k.Wipe()
	switch {
	case !k.Private():
		info.Problem = fmt.Errorf("couldn't use %s: %w", file, ErrPublicOnly)
	case info.Public != nil && info.Public.PublicKey() != k.PublicKey():
		info.Problem = hinted{fmt.Errorf("couldn't use %s: %w: %s is of another account", file, ErrMismatch, filepath.Base(public)), "rm " + quote(public)}
	default:
		info.Public = k.Public()
	}
	return info
}

// quote writes a path so that a shell reads it as one word.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:=") == "" && path != "" {
		return path
	}
	if strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
