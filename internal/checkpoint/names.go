package checkpoint

import (
	"errors"
	"path"
	"path/filepath"
	"strings"

	"github.com/nanteos/nanteos/internal/bucket"
)

// Names of a checkpoint's own objects.
const (
	metadataName  = "metadata.json"
	signatureName = "manifest.sig"
	snapshotName  = "snapshot_metadata.json"
)

const (
	maxFiles     = 1024
	maxNameBytes = 200
	maxNameParts = 4
)

// reserved are objects that a manifest can't name: they are written after it, so a hash of them in it is wrong (quirk 45).
var reserved = map[string]bool{metadataName: true, signatureName: true, Full: true, Delta: true}

// checkName refuses names that are not plain relative paths. The error continues a sentence that begins with the name.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxNameBytes || strings.Count(name, "/") >= maxNameParts:
		return errors.New("is empty, too long or too deep")
	case bucket.CheckKey(name) != nil || path.Clean(name) != name || !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, `:\`):
		return errors.New("is not a plain relative path")
	case hidden(name):
		return errors.New("is hidden")
	case reserved[name]:
		return errors.New("is reserved for the checkpoint itself")
	}
	return nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") || strings.Contains(name, "/.") }
