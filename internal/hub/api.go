package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// File is a file of a commit.
type File struct {
	// Path is its name, with slashes.
	Path string `json:"path"`
	// Size is its length in bytes, -1 where the endpoint doesn't say.
	Size int64 `json:"size"`
	// SHA256 is the checksum of a large (LFS) file, Blob git's SHA-1 of a small one: hexadecimal, or empty where the endpoint doesn't say.
	SHA256 string `json:"sha256,omitempty"`
	Blob   string `json:"blob,omitempty"`
}

// identity is what the file's content is known by, empty where nothing is.
func (f File) identity() string {
	switch {
	case f.SHA256 != "":
		return "sha256:" + f.SHA256
	case f.Blob != "":
		return "blob:" + f.Blob
	}
	return ""
}

// Snapshot is a model at one commit.
type Snapshot struct {
	Reference Reference
	// Commit is what the revision stood for when it was asked.
	Commit string
	Files  []File
}

var (
	sha256Text = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sha1Text   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// modelInfo is the part of the answer of /api/models/{id}/revision/{revision} that is read.
type modelInfo struct {
	SHA      string `json:"sha"`
	Siblings []struct {
		Name string `json:"rfilename"`
	} `json:"siblings"`
}

// parseModelInfo reads the commit and the names of its files. Errors wrap ErrProtocol.
func parseModelInfo(body []byte) (commit string, names []string, err error) {
	var m modelInfo
	if err := json.Unmarshal(body, &m); err != nil {
		return "", nil, fmt.Errorf("%w: the model's description is no JSON of the right form: %s", ErrProtocol, jsonReason(err))
	}
	if !commitText.MatchString(m.SHA) {
		return "", nil, fmt.Errorf("%w: the model's description names no commit", ErrProtocol)
	}
	if len(m.Siblings) > maxListed {
		return "", nil, fmt.Errorf("%w: the model has %d files, the limit is %d", ErrTooLarge, len(m.Siblings), maxListed)
	}
	for _, s := range m.Siblings {
		names = append(names, s.Name)
	}
	return m.SHA, names, nil
}

// treeEntry is one entry of /api/models/{id}/tree/{commit}.
type treeEntry struct {
	Type string `json:"type"`
	Path string `json:"path"`
	Size int64  `json:"size"`
	OID  string `json:"oid"`
	LFS  *struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	} `json:"lfs"`
}

// parseTree reads one page of files. Checksums that are none are left out; sizes below zero become -1. Errors wrap ErrProtocol.
func parseTree(body []byte) ([]File, error) {
	var entries []treeEntry
	if err := json.Unmarshal(body, &entries); err != nil {
		return nil, fmt.Errorf("%w: the list of files is no JSON of the right form: %s", ErrProtocol, jsonReason(err))
	}
	files := make([]File, 0, min(len(entries), maxListed))
	for _, e := range entries {
		if e.Type != "file" {
			continue
		}
		f := File{Path: e.Path, Size: max(e.Size, -1)}
		switch {
		case e.LFS != nil:
			f.Size = max(e.LFS.Size, -1)
			if sum := strings.TrimPrefix(e.LFS.OID, "sha256:"); sha256Text.MatchString(sum) {
				f.SHA256 = sum
			}
		case sha1Text.MatchString(e.OID):
			f.Blob = e.OID
		}
		files = append(files, f)
	}
	return files, nil
}

// jsonReason tells what is wrong without repeating foreign text at length.
func jsonReason(err error) string {
	text := strconv.QuoteToGraphic(err.Error())
	return strings.Trim(text[:min(len(text), 120)], `"`)
}

// Resolve asks which commit the revision stands for and what files it has. Errors wrap ErrNotFound, ErrDenied, ErrOffline, ErrThrottled,
// ErrProtocol or ErrTooLarge.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Snapshot, error) {
	return c.resolve(ctx, ref, nil)
}

func (c *Client) resolve(ctx context.Context, ref Reference, tell retryTell) (Snapshot, error) {
	fail := func(err error) (Snapshot, error) {
		return Snapshot{}, fmt.Errorf("couldn't look up %s at %s: %w", ref, c.base.Host, err)
	}
	body, _, err := c.question(ctx, tell, c.address(ref.api()+"/revision/"+url.PathEscape(ref.Revision)))
	if err != nil {
		return fail(err)
	}
	commit, names, err := parseModelInfo(body)
	if err != nil {
		return fail(err)
	}
	if ref.IsCommit() && commit != ref.Revision {
		return fail(fmt.Errorf("%w: it gives commit %s", ErrProtocol, commit))
	}
	files, err := c.tree(ctx, ref, commit, tell)
	if errors.Is(err, ErrNotFound) || errors.Is(err, errUnknownQuestion) {
		files, err = unlisted(names), nil // a mirror without the tree: sizes and checksums are asked file by file
	}
	if err != nil {
		return fail(err)
	}
	return Snapshot{ref, commit, files}, nil
}

func unlisted(names []string) []File {
	files := make([]File, len(names))
	for i, n := range names {
		files[i] = File{Path: n, Size: -1}
	}
	return files
}

// tree lists the files of a commit, page by page.
func (c *Client) tree(ctx context.Context, ref Reference, commit string, tell retryTell) ([]File, error) {
	next := c.address(ref.api() + "/tree/" + commit)
	next.RawQuery = "recursive=true&expand=false"
	var files []File
	for range maxPages {
		body, header, err := c.question(ctx, tell, next)
		if err != nil {
			return nil, err
		}
		page, err := parseTree(body)
		if err != nil {
			return nil, err
		}
		if files = append(files, page...); len(files) > maxListed {
			return nil, fmt.Errorf("%w: the model has more than %d files", ErrTooLarge, maxListed)
		}
		link, ok := nextPage(header)
		if !ok {
			return files, nil
		}
		if next, err = next.Parse(link); err != nil || !c.isHome(next) {
			return nil, fmt.Errorf("%w: the next page of the list of files is at another address", ErrProtocol)
		}
	}
	return nil, fmt.Errorf("%w: the list of files has more than %d pages", ErrTooLarge, maxPages)
}

// nextPage finds the address of the next page in Link: <address>; rel="next".
func nextPage(h http.Header) (string, bool) {
	for _, link := range h.Values("Link") {
		for part := range strings.SplitSeq(link, ",") {
			address, rel, _ := strings.Cut(strings.TrimSpace(part), ">")
			if strings.HasPrefix(address, "<") && strings.Contains(strings.ReplaceAll(rel, " ", ""), `rel="next"`) {
				return address[1:], true
			}
		}
	}
	return "", false
}

// describe fills in the size and checksum of a file from the headers of its address, for endpoints without a tree.
func (c *Client) describe(ctx context.Context, ref Reference, commit string, f File, tell retryTell) (File, error) {
	err := c.attempt(ctx, tell, func(ctx context.Context) (bool, error) {
		r, err := c.get(ctx, request{method: http.MethodHead, address: c.fileAddress(ref, commit, f.Path)})
		if err != nil {
			return false, err
		}
		r.Close()
		if err := r.checkCommit(commit); err != nil {
			return false, err
		}
		f.Size, f.SHA256, f.Blob = r.size(), r.sha256, r.blob
		return true, nil
	})
	if err != nil {
		return File{}, fmt.Errorf("couldn't look up %s: %w", quote(f.Path), err)
	}
	return f, nil
}

// address is the endpoint's address of an escaped path.
func (c *Client) address(escaped string) *url.URL {
	u := *c.base
	u.RawPath = c.base.EscapedPath() + "/" + escaped
	u.Path, _ = url.PathUnescape(u.RawPath) // the parts were checked or escaped
	return &u
}

// fileAddress is where a file of a commit is.
func (c *Client) fileAddress(ref Reference, commit, name string) *url.URL {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return c.address(ref.page() + "/resolve/" + commit + "/" + strings.Join(parts, "/"))
}

// isHome reports whether an address belongs to the endpoint: same scheme, host and port.
func (c *Client) isHome(u *url.URL) bool {
	return u.Scheme == c.base.Scheme && strings.EqualFold(u.Host, c.base.Host) && u.User == nil
}
