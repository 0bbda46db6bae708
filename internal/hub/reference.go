package hub

import (
	"fmt"
	"regexp"
	"strings"
)

// Reference names a model or dataset of an endpoint, at a revision.
type Reference struct {
	// Org and Name are the two parts of the model's name.
	Org, Name string
	// Revision is a branch, a tag, a reference such as refs/pr/1, or a commit.
	Revision string
	// Dataset says that it is a dataset; otherwise it is a model.
	Dataset bool
}

// DefaultRevision is meant where a reference says none.
const DefaultRevision = "main"

var (
	namePart     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$`)
	revisionText = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/+-]{0,254}$`)
	commitText   = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// ParseReference reads ORG/NAME[@revision]. Errors wrap ErrReference.
func ParseReference(s string) (Reference, error) {
	name, revision, found := strings.Cut(s, "@")
	if !found {
		revision = DefaultRevision
	}
	org, base, _ := strings.Cut(name, "/")
	ref := Reference{Org: org, Name: base, Revision: revision}
	for _, part := range []string{org, base} {
		if !namePart.MatchString(part) || strings.Contains(part, "..") || strings.Contains(part, "--") || strings.HasSuffix(part, ".git") {
			return Reference{}, hinted{fmt.Errorf("couldn't read %s: %w", quote(s), ErrReference), "name a model as on its page, for example Qwen/Qwen3-0.6B or Qwen/Qwen3-0.6B@main"}
		}
	}
	if !revisionText.MatchString(revision) || strings.Contains(revision, "..") || strings.Contains(revision, "//") || strings.HasSuffix(revision, "/") {
		return Reference{}, hinted{fmt.Errorf("couldn't read the revision of %s: %w", quote(s), ErrReference), "a revision is a branch, a tag or a commit"}
	}
	return ref, nil
}

// ID is ORG/NAME.
func (r Reference) ID() string { return r.Org + "/" + r.Name }

// api is the endpoint's address of questions about it, page the beginning of its files' addresses.
func (r Reference) api() string {
	if r.Dataset {
		return "api/datasets/" + r.ID()
	}
	return "api/models/" + r.ID()
}

func (r Reference) page() string {
	if r.Dataset {
		return "datasets/" + r.ID()
	}
	return r.ID()
}

// String is ORG/NAME@revision.
func (r Reference) String() string { return r.ID() + "@" + r.Revision }

// IsCommit reports whether the revision is a commit, which no push can change.
func (r Reference) IsCommit() bool { return commitText.MatchString(r.Revision) }

// quote makes foreign text safe and short for one line of an error.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return fmt.Sprintf("%q", s)
}
