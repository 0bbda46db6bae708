package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/internal/hub"
	"github.com/nanteos/nanteos/task/dataset"
)

// PullOptions say how a dataset is pulled.
type PullOptions struct {
	// Client asks the endpoint.
	Client *hub.Client
	// Revision is a branch, a tag or a commit; empty: main and, where that has no files that can be read, refs/convert/parquet, to which Hugging Face
	// converts every dataset.
	Revision string
	// Tell hears how the transfer goes on; it may be nil.
	Tell func(hub.Event)
}

// converted is the revision with Parquet files that Hugging Face makes.
const converted = "refs/convert/parquet"

// plainName are the names of files that are asked for: nothing in them has a meaning of its own in a pattern.
var plainName = regexp.MustCompile(`^[A-Za-z0-9._/=+-]+$`)

// Pull gets the dataset of an environment from its repository and makes it the current one. The revision is resolved to a commit first, and nothing else is
// asked for; the files are held against their checksums, read, checked and stored. A pull that was interrupted goes on where it stopped. Errors wrap
// those of hub, ErrFile, ErrIncomplete, ErrTooLarge, dataset.ErrShape or dataset.ErrUnknownEnv; then the store is as it was.
func (s *Store) Pull(ctx context.Context, env string, opt PullOptions) (Info, error) {
	spec, err := dataset.SpecOf(env)
	if err != nil {
		return Info{}, fmt.Errorf("couldn't pull: %w", err)
	}
	info, err := s.pull(ctx, spec, opt)
	if err != nil {
		return Info{}, about(fmt.Errorf("couldn't pull the dataset of %s: %w", spec.Env, err))
	}
	return info, nil
}

func (s *Store) pull(ctx context.Context, spec dataset.Spec, opt PullOptions) (Info, error) {
	snap, parts, err := find(ctx, spec, opt)
	if err != nil {
		return Info{}, err
	}
	if info, ok := s.have(ctx, spec, snap); ok {
		return info, nil
	}
	include := make([]string, len(parts))
	total := int64(0)
	for i, p := range parts {
		if !plainName.MatchString(p.name) {
			return Info{}, fmt.Errorf("%w: it has a strange name: %.100q", ErrFile, p.name)
		}
		include[i] = p.name
		at := slices.IndexFunc(snap.Files, func(f hub.File) bool { return f.Path == p.name })
		total += max(snap.Files[at].Size, 0)
	}
	if total > s.opt.Limits.Download {
		return Info{}, hinted{fmt.Errorf("%w: its files have %d bytes, the limit is %d", ErrTooLarge, total, s.opt.Limits.Download), "raise --max-mib"}
	}
	folder := filepath.Join(s.folder, spec.Env, downloadName)
	ref := snap.Reference
	ref.Revision = snap.Commit
	if _, err := opt.Client.Pull(ctx, hub.Request{Reference: ref, Folder: folder, Include: include, Tell: opt.Tell}); err != nil {
		return Info{}, err
	}
	defer os.RemoveAll(folder)
	in := newIntake(ctx, spec, s.opt.Limits)
	tables := map[string][]dataset.Row{}
	var notes []File
	for _, p := range parts {
		rows, note, err := in.file(filepath.Join(folder, filepath.FromSlash(p.name)))
		if err != nil {
			return Info{}, err
		}
		note.Name, note.Tables = p.name, []string{p.table}
		tables[p.table] = append(tables[p.table], rows...)
		notes = append(notes, note)
	}
	if err := complete(spec, tables); err != nil {
		return Info{}, err
	}
	set, err := dataset.New(spec.Env, spec.Repository+"@"+snap.Commit, spec.Licence, tables)
	if err != nil {
		return Info{}, err
	}
	return s.install(ctx, spec, set, Info{
		Repository: spec.Repository, Revision: snap.Reference.Revision, Commit: snap.Commit, Endpoint: opt.Client.Endpoint(), Files: notes,
	})
}

// find resolves the revision and chooses the files.
func find(ctx context.Context, spec dataset.Spec, opt PullOptions) (hub.Snapshot, []part, error) {
	revisions := []string{opt.Revision}
	if opt.Revision == "" {
		revisions = []string{hub.DefaultRevision, converted}
	}
	var failed error
	for _, revision := range revisions {
		ref, err := hub.ParseReference(spec.Repository + "@" + revision)
		if err != nil {
			return hub.Snapshot{}, nil, err
		}
		ref.Dataset = true
		snap, err := opt.Client.Resolve(ctx, ref)
		if err != nil {
			if failed != nil && errors.Is(err, hub.ErrNotFound) {
				break // there is no conversion: what main lacks is the answer
			}
			return hub.Snapshot{}, nil, err
		}
		names := make([]string, len(snap.Files))
		for i, f := range snap.Files {
			names[i] = f.Path
		}
		parts, missing, err := gather(spec, names, true)
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("%w: %s at %s has no files for %s", ErrIncomplete, spec.Repository, revision, strings.Join(missing, ", "))
		}
		if err == nil {
			return snap, parts, nil
		}
		if failed == nil {
			failed = err
		}
	}
	return hub.Snapshot{}, nil, hinted{failed, fmt.Sprintf("look at the files of %s, give another --revision, or import them: nanteos data import %s FILE", spec.Repository, spec.Env)}
}

// have reports whether the commit is in the store already, and makes it the current one.
func (s *Store) have(ctx context.Context, spec dataset.Spec, snap hub.Snapshot) (Info, bool) {
	infos, err := s.Show(spec.Env)
	if err != nil {
		return Info{}, false
	}
	for _, i := range infos {
		if i.Commit != snap.Commit || i.Repository != spec.Repository || !i.Current {
			continue
		}
		if _, err := s.load(ctx, spec, i.Digest); err == nil {
			i.Unchanged = true
			return i, true
		}
	}
	return Info{}, false
}

// about makes an error of hub, which speaks of models, one of a dataset.
func about(err error) error {
	var h interface{ Hint() string }
	if !errors.As(err, &h) {
		return spoken{err}
	}
	return hinted{spoken{err}, ownHint.Replace(h.Hint())}
}

// ownHint puts what hub says to do into the words of the commands about datasets.
var ownHint = strings.NewReplacer("model", "dataset", ", or give another --out", "", "with --out", "with NANTEOS_DATA_DIR",
	"choose fewer with --include, or raise --max-gib", "raise --max-mib", "choose fewer with --include", "import them instead")

// spoken is an error that calls the thing by its name.
type spoken struct{ error }

func (e spoken) Error() string {
	return strings.ReplaceAll(e.error.Error(), "the model", "the dataset")
}
func (e spoken) Unwrap() error { return e.error }
