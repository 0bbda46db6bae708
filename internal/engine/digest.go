package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// aside are files beside a model that do not change what it computes.
var aside = map[string]bool{"metadata.json": true, "snapshot_metadata.json": true, "delta_metadata.json": true}

// maxFiles bounds the files of a model folder.
const maxFiles = 4096

// Digest is the SHA-256 of the files of a model folder that decide what the model computes and says: configuration, weights, tokenizer
// and template, by name and content. Metadata of the checkpoint do not count.
func Digest(ctx context.Context, dir string) ([32]byte, error) {
	fail := func(err error) ([32]byte, error) {
		return [32]byte{}, fmt.Errorf("couldn't read model folder %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fail(err)
	}
	var names []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".json", ".safetensors", ".jinja":
			if !aside[e.Name()] {
				names = append(names, e.Name())
			}
		}
	}
	if len(names) == 0 || len(names) > maxFiles {
		return fail(fmt.Errorf("%w: %d files of a model, want 1 to %d", ErrModel, len(names), maxFiles))
	}
	sort.Strings(names)
	all := sha256.New()
	all.Write([]byte("nanteos-model-v1\x00"))
	for _, name := range names {
		sum, err := sumFile(ctx, filepath.Join(dir, name))
		if err != nil {
			return fail(err)
		}
		all.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(name))))
		io.Copy(all, strings.NewReader(name))
		all.Write(sum[:])
	}
	return [32]byte(all.Sum(nil)), nil
}

func sumFile(ctx context.Context, path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return sum, fmt.Errorf("%s: %w: not a regular file", filepath.Base(path), ErrModel)
	}
	h := sha256.New()
	buffer := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		n, err := f.Read(buffer)
		h.Write(buffer[:n])
		if err == io.EOF {
			return [32]byte(h.Sum(nil)), nil
		}
		if err != nil {
			return sum, err
		}
	}
}
