package hub

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
)

// Limits on the names of files.
const (
	maxPath      = 512 // bytes of a whole name
	maxComponent = 200 // bytes between two slashes
	maxDepth     = 8   // slashes
)

// checkName refuses names that could leave the folder, mean something else on another system, or write to the terminal. Errors wrap
// ErrUnsafeName.
func checkName(name string) error {
	reason := ""
	switch {
	case len(name) > maxPath:
		reason = "it is too long"
	case !fs.ValidPath(name) || name == "." || !filepath.IsLocal(filepath.FromSlash(name)):
		reason = "it is no plain relative path"
	case strings.Count(name, "/") > maxDepth:
		reason = "it is too deep"
	case strings.ContainsAny(name, `\:*?"<>|`):
		reason = "it holds a character that file systems read differently"
	case strings.EqualFold(name, manifestName):
		reason = "it is the name of the pull's own record"
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			reason = "it holds a character that can't be printed"
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case len(part) > maxComponent:
			reason = "a part of it is too long"
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") || strings.HasPrefix(part, " "):
			reason = "a part of it begins or ends with a space or a dot"
		}
	}
	if reason == "" {
		return nil
	}
	return hinted{fmt.Errorf("couldn't accept file %s: %w: %s", quote(name), ErrUnsafeName, reason), "the model's files are not safe to write; tell whoever publishes it"}
}

// checkNames checks each name and that they can stand side by side, on file systems that ignore case too: no two alike, and none a folder
// of another.
func checkNames(names []string) error {
	seen := map[string]string{}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return err
		}
		key := strings.ToLower(name)
		if other, ok := seen[key]; ok {
			return fmt.Errorf("couldn't accept file %s: %w: %s is the same name on some systems", quote(name), ErrUnsafeName, quote(other))
		}
		seen[key] = name
	}
	for _, name := range names {
		key := strings.ToLower(name)
		for i := range len(key) {
			if other, ok := seen[key[:i]]; ok && key[i] == '/' {
				return fmt.Errorf("couldn't accept file %s: %w: %s is a file and a folder", quote(name), ErrUnsafeName, quote(other))
			}
		}
	}
	return nil
}
