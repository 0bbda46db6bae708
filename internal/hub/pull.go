package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Request says what to pull, and where to.
type Request struct {
	Reference Reference
	// Folder is the target. It may exist if it is empty or holds an earlier pull of the same model.
	Folder string
	// Include are patterns of the files to fetch (see CheckPatterns), beside those of the model that the folder has already. None: what the
	// engine needs.
	Include []string
	// Thorough reads every file that is here already, rather than trusting its size and time.
	Thorough bool
	// Tell hears how the pull goes on; it may be nil.
	Tell func(Event)
}

// Result is what a pull has done.
type Result struct {
	Folder, Commit string
	Files          []Stored
	// Fetched is how many bytes came from the network and stayed.
	Fetched int64
	// Unchanged says that everything was here.
	Unchanged bool
	// Unverified are the files for which the endpoint has no checksum.
	Unverified []string
}

// spareBytes stay free on the disk.
const spareBytes = 64 << 20

// Pull brings a model into a folder. The folder is complete and verified when Pull returns nil, and untouched otherwise; what has arrived
// stays beside it for the next Pull. Errors wrap the package's sentinels, or the cause of the context's end.
func (c *Client) Pull(ctx context.Context, q Request) (Result, error) {
	p := &pull{c: c, q: q, say: teller{tell: q.Tell, e: Event{Model: q.Reference.ID()}}}
	res, err := p.run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = hinted{fmt.Errorf("couldn't finish pulling %s: %w", q.Reference, err), "the same command goes on where this one stopped"}
		}
		return Result{}, err
	}
	p.say.say(Event{Event: "done", Folder: res.Folder, Files: len(res.Files), Unchanged: res.Unchanged, Unverified: res.Unverified})
	return res, nil
}

// pull is one run of Pull.
type pull struct {
	c       *Client
	q       Request
	say     teller
	target  string
	old     manifest // of the target; Format 0 where it is new
	staging *staging

	mu      sync.Mutex
	stored  []Stored
	fetched int64
}

func (p *pull) run(ctx context.Context) (Result, error) {
	if err := CheckPatterns(p.q.Include); err != nil {
		return Result{}, err
	}
	var err error
	if p.target, err = filepath.Abs(p.q.Folder); err != nil || p.q.Folder == "" || filepath.Dir(p.target) == p.target {
		return Result{}, hinted{fmt.Errorf("couldn't use folder %s: %w", quote(p.q.Folder), ErrFolder), "name a folder that the model can have for itself"}
	}
	if real, err := filepath.EvalSymlinks(p.target); err == nil {
		p.target = real // renames are for the folder, not for a link to it
	}
	if err := p.look(); err != nil {
		return Result{}, err
	}
	if p.q.Reference.Revision == p.old.Commit && slices.Equal(p.q.Include, p.old.Include) {
		if ok, err := p.complete(ctx, p.old.Files); ok || err != nil {
			return p.unchanged(), err // a commit can't change: no need to ask
		}
	}
	snap, err := p.c.resolve(ctx, p.q.Reference, p.say.retry(""))
	if err != nil {
		return Result{}, err
	}
	files, err := p.choose(ctx, snap)
	if err != nil {
		return Result{}, fmt.Errorf("couldn't pull %s: %w", p.q.Reference, err)
	}
	p.say.say(Event{Event: "resolved", Files: len(files)})
	if p.old.Commit == snap.Commit && p.covers(files) {
		if ok, err := p.complete(ctx, p.old.Files); ok || err != nil {
			return p.unchanged(), err
		}
	}
	return p.fetch(ctx, snap, files)
}

// look reads what the target holds.
func (p *pull) look() error {
	p.old = manifest{}
	other := "give another --out"
	entries, err := os.ReadDir(p.target)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return hinted{fmt.Errorf("couldn't use folder %s: %w: %w", p.target, ErrFolder, err), other}
	}
	root, err := os.OpenRoot(p.target)
	if err != nil {
		return fmt.Errorf("couldn't open folder: %w", err)
	}
	defer root.Close()
	m, err := readManifest(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hinted{fmt.Errorf("couldn't use folder %s: %w than a pulled model", p.target, ErrFolder), other}
	case err != nil:
		return hinted{fmt.Errorf("couldn't use folder %s: %w", p.target, err), other}
	case m.Model != p.q.Reference.ID():
		return hinted{fmt.Errorf("couldn't use folder %s: %w: %s", p.target, ErrFolder, quote(m.Model)), other}
	}
	p.old = m
	return nil
}

// complete reports whether the files of the target are all intact, and counts them.
func (p *pull) complete(ctx context.Context, files []Stored) (bool, error) {
	root, err := os.OpenRoot(p.target)
	if err != nil {
		return false, fmt.Errorf("couldn't open folder: %w", err)
	}
	defer root.Close()
	for _, f := range files {
		if ok, err := intact(ctx, root, f, p.q.Thorough); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// covers reports whether the target's record has all the files, with the same content.
func (p *pull) covers(files []File) bool {
	for _, f := range files {
		if s, ok := p.old.find(f.Path); !ok || f.identity() != "" && f.identity() != s.Sum {
			return false
		}
	}
	return true
}

// unchanged is the result when there is nothing to do. A staging folder without parts that an earlier pull couldn't remove goes away.
func (p *pull) unchanged() Result {
	dir := stagingDir(p.target)
	if parts, err := os.ReadDir(filepath.Join(dir, "parts")); err == nil && len(parts) == 0 {
		if s, err := openStaging(p.target); err == nil {
			_ = s.remove()
		}
	}
	var size int64
	for _, f := range p.old.Files {
		size += f.Size
	}
	p.say.plan(p.old.Commit, size)
	p.say.found(size)
	return Result{Folder: p.q.Folder, Commit: p.old.Commit, Files: p.old.Files, Unchanged: true, Unverified: unverified(p.old.Files)}
}

func unverified(files []Stored) []string {
	var out []string
	for _, f := range files {
		if f.Unverified {
			out = append(out, f.Path)
		}
	}
	return out
}

// choose picks the files of the commit, checks their names and sizes, and adds those that the target has and the commit still has.
func (p *pull) choose(ctx context.Context, snap Snapshot) ([]File, error) {
	files, err := choose(snap.Files, p.q.Include)
	if err != nil {
		return nil, err
	}
	for _, s := range p.old.Files {
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == s.Path }) {
			continue
		}
		if i := slices.IndexFunc(snap.Files, func(f File) bool { return f.Path == s.Path }); i >= 0 {
			files = append(files, snap.Files[i])
		}
	}
	if len(files) > maxChosen {
		return nil, hinted{fmt.Errorf("%w: %d files, the limit is %d", ErrTooLarge, len(files), maxChosen), "choose fewer with --include"}
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Path
	}
	if err := checkNames(names); err != nil {
		return nil, err
	}
	var total int64
	for i, f := range files {
		if f.Size < 0 || f.identity() == "" {
			if files[i], err = p.c.describe(ctx, snap.Reference, snap.Commit, f, p.say.retry(f.Path)); err != nil {
				return nil, err
			}
		}
		size := max(files[i].Size, 0)
		if size > p.c.opt.MaxBytes-total {
			return nil, hinted{fmt.Errorf("%w: the files have more than %d bytes", ErrTooLarge, p.c.opt.MaxBytes), "choose fewer with --include, or raise --max-gib"}
		}
		total += size
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Size, b.Size) })
	p.say.plan(snap.Commit, total)
	return files, nil
}

// fetch brings the files together in the staging folder and makes it the target.
func (p *pull) fetch(ctx context.Context, snap Snapshot, files []File) (Result, error) {
	if err := os.MkdirAll(filepath.Dir(p.target), 0o755); err != nil {
		return Result{}, fmt.Errorf("couldn't make folder: %w", err)
	}
	s, err := openStaging(p.target)
	if err != nil {
		return Result{}, err
	}
	p.staging = s
	finished := false
	defer func() {
		if !finished {
			s.close()
		}
	}()
	if err := p.look(); err != nil { // again, now that nobody else writes
		return Result{}, err
	}
	if err := p.foreign(); err != nil {
		return Result{}, err
	}
	todo, err := p.gather(ctx, files)
	if err != nil {
		return Result{}, err
	}
	if err := p.room(todo); err != nil {
		return Result{}, err
	}
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(p.c.opt.Parallel)
	for _, f := range todo {
		g.Go(func() error { return p.bring(inner, snap, f) })
	}
	if err := g.Wait(); err != nil {
		return Result{}, err
	}
	if err := checkIndex(s.files, files); err != nil {
		return Result{}, err
	}
	slices.SortFunc(p.stored, func(a, b Stored) int { return cmp.Compare(a.Path, b.Path) })
	m := manifest{manifestFormat, p.q.Reference.ID(), p.q.Reference.Revision, snap.Commit, p.c.Endpoint(), p.q.Include, p.stored}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return Result{}, fmt.Errorf("couldn't encode the record: %w", err)
	}
	if err := replaceFile(s.files, manifestName, append(text, '\n')); err != nil {
		return Result{}, err
	}
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	finished = true
	if err := s.publish(); err != nil {
		return Result{}, err
	}
	return Result{Folder: p.q.Folder, Commit: snap.Commit, Files: p.stored, Fetched: p.fetched, Unverified: unverified(p.stored)}, nil
}

// foreign refuses to replace a target in which somebody has put files of their own.
func (p *pull) foreign() error {
	if p.old.Format == 0 {
		return nil
	}
	return filepath.WalkDir(p.target, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(p.target, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if _, ours := p.old.find(rel); ours || rel == manifestName {
			return nil
		}
		return hinted{fmt.Errorf("couldn't replace folder %s: %w: no pull has brought %s", p.target, ErrFolder, quote(rel)), "move that file away, or give another --out"}
	})
}

// gather takes what is here already, from the staging folder or the target, and returns the files that are not.
func (p *pull) gather(ctx context.Context, files []File) (todo []File, err error) {
	keep := map[string]bool{}
	var target *os.Root
	if p.old.Format != 0 {
		if target, err = os.OpenRoot(p.target); err != nil {
			return nil, fmt.Errorf("couldn't open folder: %w", err)
		}
		defer target.Close()
	}
	for _, f := range files {
		keep[f.Path] = true
		id := f.identity()
		s := Stored{Path: f.Path, Size: f.Size, Sum: id}
		here := false
		if id != "" && f.Size >= 0 {
			if old, ok := p.old.find(f.Path); ok && old.Sum == id && old.Size == f.Size {
				if here, err = intact(ctx, target, old, p.q.Thorough); err != nil {
					return nil, err
				}
				here = here && p.staging.link(f.Path)
			}
			if !here {
				if here, err = intact(ctx, p.staging.files, s, true); err != nil {
					return nil, err
				}
			}
		}
		if !here {
			_ = p.staging.files.Remove(f.Path)
			todo = append(todo, f)
			continue
		}
		if err := p.record(s); err != nil {
			return nil, err
		}
		p.say.found(f.Size)
		p.say.say(Event{Event: "kept", File: f.Path, Size: f.Size})
	}
	if err := p.staging.prune(keep); err != nil {
		return nil, fmt.Errorf("couldn't clear up the staging folder: %w", err)
	}
	return todo, nil
}

// room checks that the disk has space for what is missing.
func (p *pull) room(todo []File) error {
	var need uint64
	for _, f := range todo {
		j, _ := readJournal(p.staging.parts, f)
		need += uint64(max(f.Size-j.arrived(), 0))
	}
	free, known := p.c.free(p.staging.dir)
	if need == 0 || !known || free >= need+spareBytes {
		return nil
	}
	return hinted{fmt.Errorf("couldn't pull %s: %w: %d MB are missing, %d MB are free", p.q.Reference, ErrSpace, need/1e6, free/1e6), "make room, or choose another disk with --out"}
}

// bring fetches one file, verifies it and puts it in place. Bytes that are wrong are fetched once more from the beginning, since a part of
// an earlier run may be to blame.
func (p *pull) bring(ctx context.Context, snap Snapshot, f File) error {
	fail := func(err error) error { return fmt.Errorf("couldn't fetch %s: %w", quote(f.Path), err) }
	part, err := openPart(p.staging.parts, f, p.c.opt.Chunk, p.c.saveEvery)
	if err != nil {
		return err
	}
	defer part.f.Close()
	t := &transfer{c: p.c, ref: snap.Reference, commit: snap.Commit, file: f, part: part, retry: p.say.retry(f.Path), moved: func(n int64) {
		p.count(n)
		p.say.moved(n)
	}}
	p.say.found(part.arrived())
	for tries := 0; ; tries++ {
		if err := t.run(ctx); err != nil {
			if f.identity() != "" {
				err = errors.Join(err, part.save())
			}
			return fail(err)
		}
		s, err := p.verify(ctx, part, f)
		if err == nil {
			return p.settle(part, s)
		}
		if !errors.Is(err, ErrChecksum) {
			return fail(err)
		}
		if err := t.reset(); err != nil {
			return fail(err)
		}
		if tries == 1 {
			return fail(hinted{err, "the endpoint or something on the way to it gives other bytes than the model's; try another HF_ENDPOINT"})
		}
		p.say.retry(f.Path)(err, 0)
	}
}

// verify holds an arrived file to its checksum. Where none is known it takes the one that the bytes have.
func (p *pull) verify(ctx context.Context, part *part, f File) (Stored, error) {
	st, err := part.f.Stat()
	if err != nil {
		return Stored{}, err
	}
	s := Stored{Path: f.Path, Size: st.Size()}
	if s.Sum, err = sum(ctx, part.f, s.Size, f.SHA256 == "" && f.Blob != ""); err != nil {
		return Stored{}, err
	}
	id := f.identity()
	if s.Unverified = id == ""; s.Unverified {
		return s, nil
	}
	if f.Size >= 0 && s.Size != f.Size || s.Sum != id {
		return Stored{}, fmt.Errorf("%w: %d bytes of %s instead of %d of %s", ErrChecksum, s.Size, s.Sum, f.Size, id)
	}
	return s, nil
}

// settle puts a verified file in place.
func (p *pull) settle(part *part, s Stored) error {
	if err := part.f.Sync(); err != nil {
		return writeError(err)
	}
	if err := part.f.Close(); err != nil {
		return writeError(err)
	}
	if err := p.staging.place(part.name, s.Path); err != nil {
		return err
	}
	if err := p.record(s); err != nil {
		return err
	}
	p.say.say(Event{Event: "verified", File: s.Path, Size: s.Size})
	return nil
}

// record notes a complete file with the time it has on the disk.
func (p *pull) record(s Stored) error {
	st, err := p.staging.files.Lstat(s.Path)
	if err != nil {
		return fmt.Errorf("couldn't look at %s: %w", quote(s.Path), err)
	}
	s.Modified = st.ModTime().UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored = append(p.stored, s)
	return nil
}

func (p *pull) count(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetched += n
}
