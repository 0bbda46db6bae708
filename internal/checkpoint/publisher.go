package checkpoint

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
)

// PublisherConfig describes a Publisher.
type PublisherConfig struct {
	// Bucket is the trainer's own, Trainer its hotkey.
	Bucket  bucket.Bucket
	Trainer Signer
	// Dir is a folder of the publisher's own, where the last published weights are kept to make patches against. It is made if missing.
	Dir string
	// WindowLength is the network's, in blocks. Interval is how many patches may follow a whole checkpoint: 10; below 0 none do.
	WindowLength int64
	Interval     int
	// Version is the form of patches, patch.V31 when 0.
	Version patch.Version
	// Retention says which checkpoints stay in the bucket.
	Retention Retention
	// Attempts is how often an upload is tried, 3 when 0; between them are Pause (60 s when 0) and twice as much each time.
	Attempts int
	Pause    time.Duration
	// Wait waits between attempts; nil waits by the clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// Publisher puts one checkpoint after the other into the trainer's bucket, as patches where that serves. What it remembers is on disk, so it goes on after a
// crash; publishing a checkpoint again is safe at any time. Its methods are used by one goroutine.
//
// The order of a publication: files, metadata.json, manifest.sig, the marker of the form; READY when the caller says so. What is seen without
// its metadata is not there.
type Publisher struct {
	cfg PublisherConfig

	mu sync.Mutex
	s  publisherState
}

// publisherState is what a Publisher remembers.
type publisherState struct {
	Version int    `json:"version"`
	Series  Series `json:"series"`
	// Hash is that of the weights of Series.Last: a patch of others would lead nowhere.
	Hash string `json:"hash"`
	// Whole is the metadata of Series.Whole, to publish it whole when it is due.
	Whole json.RawMessage `json:"whole,omitempty"`
	// Count is the number of publications, Cleaned the one after which the bucket was cleaned last.
	Count   int `json:"count"`
	Cleaned int `json:"cleaned"`
	// Done is what the last publication came to.
	Done Published `json:"done"`
}

const (
	publisherFile    = "publisher.json"
	publisherVersion = 1
	lastDir          = "last" // the weights and other files of Series.Last
	stagingDir       = "staging"
	deltaName        = "delta_sparse.bin.zst"
	deltaMetaName    = "delta_metadata.json"
	canaryName       = "canary.json"
)

// NewPublisher opens the publisher's folder. The error wraps ErrMetadata where it holds what this version can't read.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.Interval == 0 {
		cfg.Interval = 10
	}
	if cfg.Version == 0 {
		cfg.Version = patch.V31
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 3
	}
	if cfg.Pause <= 0 {
		cfg.Pause = time.Minute
	}
	if cfg.WindowLength <= 0 {
		return nil, fmt.Errorf("couldn't open publisher: a window of %d blocks", cfg.WindowLength)
	}
	if cfg.Wait == nil {
		cfg.Wait = sleep
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't open publisher: %w", err)
	}
	p := &Publisher{cfg: cfg, s: publisherState{Version: publisherVersion, Series: NewSeries()}}
	text, err := os.ReadFile(filepath.Join(cfg.Dir, publisherFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("couldn't open publisher: %w", err)
	}
	if err := json.Unmarshal(text, &p.s); err != nil || p.s.Version != publisherVersion {
		return nil, fmt.Errorf("couldn't open publisher in %s: version %d: %w", cfg.Dir, p.s.Version, errors.Join(ErrMetadata, err))
	}
	return p, nil
}

// sleep waits by the clock.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Last is the label of the newest published checkpoint, -1 for none.
func (p *Publisher) Last() int64 { return p.s.Series.Last }

// Adopt takes a model folder for the whole checkpoint of a window that is in the bucket already, so that the next one can be a patch of it.
func (p *Publisher) Adopt(ctx context.Context, dir string, window int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.s.Series.Last == window {
		return nil
	}
	s := p.s
	s.Series.Published(window, Form{})
	s.Done = Published{Window: window, Type: Full}
	w, err := openWeights(dir)
	if err != nil {
		return fmt.Errorf("couldn't adopt checkpoint %d: %w", window, err)
	}
	defer w.Close()
	if s.Hash, err = patch.Hash(ctx, w.tensors); err != nil {
		return fmt.Errorf("couldn't adopt checkpoint %d: %w", window, err)
	}
	return p.remember(ctx, dir, s)
}

// Publish uploads a model folder as the checkpoint that m describes. Where a patch is due and can't be had, the whole model goes, and the result says
// why. m gives all but Manifest, Type, the windows before and the weights' hash. It is not used before Ready.
func (p *Publisher) Publish(ctx context.Context, dir string, m Metadata) (Published, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	form := p.s.Series.Next(m.Window, p.stride(), max(p.cfg.Interval, 0))
	if form.Known {
		return p.s.Done, nil
	}
	w, err := openWeights(dir)
	if err != nil {
		return Published{}, fmt.Errorf("couldn't publish checkpoint %d: %w", m.Window, err)
	}
	defer w.Close()
	if m.WeightsHash, err = patch.Hash(ctx, w.tensors); err != nil {
		return Published{}, fmt.Errorf("couldn't publish checkpoint %d: %w", m.Window, err)
	}
	var done Published
	if form.Patch {
		done, err = p.patch(ctx, dir, w, m)
		if ctx.Err() != nil {
			return Published{}, ctx.Err()
		}
		if err != nil {
			form, done = Form{}, Published{Reason: err.Error()}
		}
	}
	var whole []byte
	if !form.Patch {
		reason := done.Reason
		if done, err = p.full(ctx, dir, m); err != nil {
			return Published{}, err
		}
		done.Reason = reason
	} else if form.Whole {
		whole = m.JSON()
	}
	done.FullBytes = w.bytes
	s := p.s
	s.Series.Published(m.Window, form)
	s.Done, s.Hash = done, m.WeightsHash
	s.Count++
	if whole != nil {
		s.Whole = whole
	}
	return done, p.remember(ctx, dir, s)
}

func (p *Publisher) stride() int64 { return p.cfg.WindowLength * int64(max(p.cfg.Interval, 1)) }

// attempts tries an upload a few times. Where the store turns the keys away, or the disk is to blame, another attempt is no use.
func (p *Publisher) attempts(ctx context.Context, upload func() error) (err error) {
	for i := range p.cfg.Attempts {
		if i > 0 {
			pause := p.cfg.Pause << (i - 1)
			pause += time.Duration(rand.Int64N(int64(pause)/10 + 1))
			if wait := p.cfg.Wait(ctx, pause); wait != nil {
				return errors.Join(wait, err)
			}
		}
		if err = upload(); err == nil || ctx.Err() != nil || errors.Is(err, bucket.ErrAccessDenied) || errors.Is(err, bucket.ErrNoBucket) ||
			errors.Is(err, ErrFiles) || errors.Is(err, ErrMetadata) || errors.Is(err, ErrPolicy) {
			return err
		}
	}
	return err
}

// full uploads the whole model.
func (p *Publisher) full(ctx context.Context, dir string, m Metadata) (Published, error) {
	files, err := Files(dir)
	if err != nil {
		return Published{}, err
	}
	m.PrevWindow, m.AnchorWindow = nil, nil
	if err := p.attempts(ctx, func() error {
		_, err := Publish(ctx, p.cfg.Bucket, dir, files, m, p.cfg.Trainer)
		return err
	}); err != nil {
		return Published{}, err
	}
	done := Published{Window: m.Window, Type: Full}
	for _, name := range files {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			done.Bytes += info.Size()
		}
	}
	return done, nil
}

// patch makes the patch from the last published weights and uploads it.
func (p *Publisher) patch(ctx context.Context, dir string, now *weights, m Metadata) (Published, error) {
	fail := func(err error) (Published, error) {
		return Published{}, fmt.Errorf("couldn't publish checkpoint %d as a patch: %w", m.Window, err)
	}
	before, err := openWeights(filepath.Join(p.cfg.Dir, lastDir))
	if err != nil {
		return fail(err)
	}
	defer before.Close()
	if err := patch.Verify(ctx, before.tensors, p.s.Hash); err != nil {
		return fail(fmt.Errorf("the weights that are kept are not those of checkpoint %d: %w", p.s.Series.Last, err))
	}
	made, report, err := patch.Compute(ctx, before.tensors, now.tensors, p.cfg.Version, patch.Options{})
	if err != nil {
		return fail(err)
	}
	if !report.ForReference() {
		return fail(fmt.Errorf("peers that run the reference couldn't apply it: %v", report.Obstacles))
	}
	staging := filepath.Join(p.cfg.Dir, stagingDir)
	if err := os.RemoveAll(staging); err != nil {
		return fail(err)
	}
	prev, anchor := p.s.Series.Last, p.s.Series.Anchor
	shapes, names := made.Shapes()
	files, size, err := stage(staging, dir, made, deltaMetadata(made.Version, shapes, names, report.Stats, prev, anchor))
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(staging)
	if size >= now.bytes {
		return fail(fmt.Errorf("it would have %d bytes, the model has %d", size, now.bytes))
	}
	m.PrevWindow, m.AnchorWindow = &prev, &anchor
	if err := p.attempts(ctx, func() error { return publishDelta(ctx, p.cfg.Bucket, staging, files, m, p.cfg.Trainer) }); err != nil {
		return fail(err)
	}
	return Published{Window: m.Window, Type: Delta, Bytes: size, Changed: int64(report.Changed), Parameters: int64(report.Total)}, nil
}

// stage writes the files of a patch into a folder and lists them in the order of the manifest.
func stage(staging, dir string, made *patch.Patch, meta []byte) (files []string, size int64, err error) {
	if err := os.MkdirAll(staging, 0o700); err != nil {
		return nil, 0, err
	}
	f, err := os.Create(filepath.Join(staging, deltaName))
	if err != nil {
		return nil, 0, err
	}
	if err := errors.Join(made.Encode(f), f.Sync(), f.Close()); err != nil {
		return nil, 0, err
	}
	if err := os.WriteFile(filepath.Join(staging, deltaMetaName), meta, 0o600); err != nil {
		return nil, 0, err
	}
	files = []string{deltaName, deltaMetaName}
	song, err := os.ReadFile(filepath.Join(dir, canaryName))
	switch {
	case err == nil:
		if err := os.WriteFile(filepath.Join(staging, canaryName), song, 0o600); err != nil {
			return nil, 0, err
		}
		files = append(files, canaryName)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, 0, err
	}
	for _, name := range files {
		info, err := os.Stat(filepath.Join(staging, name))
		if err != nil {
			return nil, 0, err
		}
		size += info.Size()
	}
	return files, size, nil
}

// remember keeps the weights that were published and writes the state, in this order: weights that are newer than the state are found out by their hash and
// cost a whole checkpoint at worst.
func (p *Publisher) remember(ctx context.Context, dir string, s publisherState) error {
	if err := p.keepLast(ctx, dir); err != nil {
		return fmt.Errorf("couldn't remember checkpoint %d: %w", s.Series.Last, err)
	}
	return p.save(s)
}

func (p *Publisher) save(s publisherState) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't remember checkpoint %d: %w", s.Series.Last, err)
	}
	path := filepath.Join(p.cfg.Dir, publisherFile)
	if err := writeFile(path+".partial", bytes.NewReader(append(text, '\n'))); err != nil {
		return fmt.Errorf("couldn't remember checkpoint %d: %w", s.Series.Last, err)
	}
	if err := os.Rename(path+".partial", path); err != nil {
		return fmt.Errorf("couldn't remember checkpoint %d: %w", s.Series.Last, err)
	}
	p.s = s
	return nil
}

// keepLast takes a copy of a model folder, by links where the file system has them.
func (p *Publisher) keepLast(ctx context.Context, dir string) error {
	last := filepath.Join(p.cfg.Dir, lastDir)
	partial := last + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return err
	}
	names, err := Files(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		from, to := filepath.Join(dir, filepath.FromSlash(name)), filepath.Join(partial, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := linkOrCopy(from, to); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(last); err != nil {
		return err
	}
	return os.Rename(partial, last)
}

// Ready marks a published checkpoint usable in the windows after ready.
func (p *Publisher) Ready(ctx context.Context, window, ready int64) error {
	return p.attempts(ctx, func() error { return MarkReady(ctx, p.cfg.Bucket, window, ready) })
}

// Clean does what is not urgent: it uploads whole what was published as a patch only and is to begin a new chain, and removes checkpoints that nobody needs any
// more, on the first publication and every tenth.
func (p *Publisher) Clean(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.whole(ctx); err != nil {
		return err
	}
	if p.s.Cleaned == p.s.Count || !cleanDue(p.s.Count, p.cfg.Retention.withDefaults().Every) {
		return nil
	}
	if _, err := Retain(ctx, p.cfg.Bucket, p.cfg.WindowLength, max(p.cfg.Interval, 1), p.cfg.Retention); err != nil {
		return err
	}
	s := p.s
	s.Cleaned = s.Count
	return p.save(s)
}

// cleanDue says that the bucket is to be cleaned after the n-th publication: the first, and every so many.
func cleanDue(n, every int) bool { return n == 1 || n > 0 && n%every == 0 }

// whole uploads the newest checkpoint whole, where that is due.
func (p *Publisher) whole(ctx context.Context) error {
	at := p.s.Series.Whole
	if at < 0 {
		return nil
	}
	s := p.s
	s.Whole = nil
	if at != p.s.Series.Last { // its weights are gone; a later one will begin a chain
		s.Series.WholeDone(at, false)
		return p.save(s)
	}
	m, err := ParseMetadata(p.s.Whole)
	if err != nil {
		s.Series.WholeDone(at, false)
		return errors.Join(err, p.save(s))
	}
	if _, err := p.full(ctx, filepath.Join(p.cfg.Dir, lastDir), m); err != nil {
		return fmt.Errorf("couldn't publish checkpoint %d whole: %w", at, err)
	}
	s.Series.WholeDone(at, true)
	return p.save(s)
}

// publishDelta uploads a staged patch: files, metadata.json, manifest.sig, the marker.
func publishDelta(ctx context.Context, bkt bucket.Bucket, staging string, files []string, m Metadata, trainer Signer) error {
	m.Type, m.Manifest, m.object = Delta, nil, cpython.Value{}
	for _, name := range files {
		sum, err := hashFile(ctx, filepath.Join(staging, name))
		if err != nil {
			return err
		}
		m.Manifest = append(m.Manifest, File{name, sum})
	}
	if missing := m.Missing(); len(missing) > 0 {
		_, err := m.Policy()
		return err
	}
	signature, err := trainer.Sign(m.SignedText())
	if err != nil {
		return fmt.Errorf("couldn't sign: %w", err)
	}
	err = eachFile(ctx, m.Manifest, func(ctx context.Context, f File) error {
		return upload(ctx, bkt, bucket.DeltaKey(m.Window, f.Name), filepath.Join(staging, f.Name), f.SHA256)
	})
	if err != nil {
		return err
	}
	for _, o := range []struct {
		name string
		text []byte
	}{{metadataName, m.JSON()}, {signatureName, []byte(hex.EncodeToString(signature[:]))}, {Delta, nil}} {
		if _, err := bucket.PutBytes(ctx, bkt, bucket.DeltaKey(m.Window, o.name), o.text, bucket.PutOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// deltaMetadata is the text of delta_metadata.json.
func deltaMetadata(version patch.Version, shapes map[string][]int, names []string, stats patch.Stats, prev, anchor int64) []byte {
	var list []cpython.Member
	for _, name := range names {
		dims := make([]cpython.Value, len(shapes[name]))
		for i, d := range shapes[name] {
			dims[i] = cpython.IntValue(int64(d))
		}
		list = append(list, cpython.Member{Key: name, Value: cpython.ArrayValue(dims)})
	}
	return appendIndented(nil, cpython.ObjectValue([]cpython.Member{
		{Key: "format", Value: cpython.StringValue(version.Format())},
		{Key: "threshold", Value: cpython.FloatValue(stats.Threshold)},
		{Key: "prev_window", Value: cpython.IntValue(prev)},
		{Key: "anchor_window", Value: cpython.IntValue(anchor)},
		{Key: "shapes", Value: cpython.ObjectValue(list)},
		{Key: "total_params", Value: cpython.IntValue(int64(stats.Total))},
		{Key: "nonzero_params", Value: cpython.IntValue(int64(stats.Changed))},
		{Key: "sparsity_ratio", Value: cpython.FloatValue(stats.Sparsity())},
	}), 0)
}

// linkOrCopy gives a file a second name, or copies it where that can't be.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
