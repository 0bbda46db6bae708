package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// manifestName is the record that a pull leaves in the folder.
const manifestName = ".nanteos-pull.json"

const manifestFormat = 1

// manifest says what a folder holds and where it is from.
type manifest struct {
	Format   int      `json:"format"`
	Model    string   `json:"model"`
	Revision string   `json:"revision"`
	Commit   string   `json:"commit"`
	Endpoint string   `json:"endpoint"`
	Include  []string `json:"include,omitempty"`
	Files    []Stored `json:"files"`
}

// Stored is a file of a folder.
type Stored struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	// Sum is "sha256:…" or "blob:…" (git), in hexadecimal.
	Sum string `json:"sum"`
	// Unverified says that the endpoint told no checksum: Sum is that of what came.
	Unverified bool `json:"unverified,omitempty"`
	// Modified is the time of the file's last change in ns since 1970.
	Modified int64 `json:"modified"`
}

// readManifest reads the record of a folder. It fails with fs.ErrNotExist where there is none, and with ErrFolder where it can't be used.
func readManifest(folder *os.Root) (manifest, error) {
	f, err := folder.Open(manifestName)
	if err != nil {
		return manifest{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJSON))
	if err != nil {
		return manifest{}, err
	}
	return parseManifest(text)
}

// parseManifest reads a record strictly: it may have been put there by somebody else. Errors wrap ErrFolder or ErrUnsafeName.
func parseManifest(text []byte) (manifest, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m manifest
	if err := d.Decode(&m); err != nil || m.Format != manifestFormat {
		return manifest{}, fmt.Errorf("%w: its record %s can't be read", ErrFolder, manifestName)
	}
	names := make([]string, len(m.Files))
	for i, f := range m.Files {
		names[i] = f.Path
		if !strings.HasPrefix(f.Sum, "sha256:") && !strings.HasPrefix(f.Sum, "blob:") {
			return manifest{}, fmt.Errorf("%w: its record %s has a checksum of an unknown kind", ErrFolder, manifestName)
		}
	}
	return m, checkNames(names)
}

func (m manifest) find(name string) (Stored, bool) {
	i := slices.IndexFunc(m.Files, func(s Stored) bool { return s.Path == name })
	if i < 0 {
		return Stored{}, false
	}
	return m.Files[i], true
}

// intact reports whether a file of a folder is as its record says. A file of the recorded size and time is taken for unchanged, unless
// thorough asks to read everything.
func intact(ctx context.Context, folder *os.Root, s Stored, thorough bool) (bool, error) {
	st, err := folder.Lstat(s.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!st.Mode().IsRegular() || st.Size() != s.Size) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !thorough && st.ModTime().UnixNano() == s.Modified {
		return true, nil
	}
	f, err := folder.Open(s.Path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	got, err := sum(ctx, f, s.Size, strings.HasPrefix(s.Sum, "blob:"))
	return got == s.Sum, err
}

// checkIndex holds the list of shards to the files that are there, where there is a list.
func checkIndex(folder *os.Root, files []File) error {
	f, err := folder.Open(indexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJSON+1))
	if err != nil {
		return err
	}
	var index struct {
		Shards map[string]string `json:"weight_map"`
	}
	if len(text) > maxJSON || json.Unmarshal(text, &index) != nil {
		return fmt.Errorf("couldn't read %s: %w: it is no list of shards", indexName, ErrProtocol)
	}
	for _, name := range index.Shards {
		if !slices.ContainsFunc(files, func(f File) bool { return f.Path == name }) {
			return hinted{fmt.Errorf("couldn't complete the model: %w: %s names the file %s, which is not among those fetched", ErrNoFiles, indexName, quote(name)),
				"the model is not complete at its endpoint; try another revision, or --include with all that you need"}
		}
	}
	return nil
}
