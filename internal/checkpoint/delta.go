package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/grail/patch"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/cpython"
	"github.com/nanteos/nanteos/internal/engine"
	"github.com/nanteos/nanteos/model/safetensors"
)

// Files of a patch.
const (
	patchName     = "delta_sparse.bin.zst"
	patchMetaName = "delta_metadata.json"
)

// maxPatchMetaValues bounds delta_metadata.json, which lists the shape of each tensor that changed.
const maxPatchMetaValues = 1 << 18

// Files that a checkpoint made of patches has besides: the trainer's metadata of the last patch, and their signature, so that it can be checked as long as it
// lies here. They are hidden, and so never published.
const (
	sourceName    = ".source"
	sourceSigName = ".source.sig"
)

// reconstruct makes a checkpoint of patches and their base.
func (f *fetch) reconstruct(ctx context.Context, ch chain) error {
	target := ch.links[len(ch.links)-1]
	staging, err := f.c.stage(target.Window)
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) // nothing is left of it after the renaming
	folder := func(m *signed) string { return filepath.Join(staging, fmt.Sprintf(".patch-%d", m.Window)) }
	for _, m := range ch.links {
		if err := m.checkPatch(); err != nil {
			return err
		}
	}
	taken, err := f.files(ctx, bucket.DeltaKey, ch.links, func(m *signed, name string) string {
		return filepath.Join(folder(m), filepath.FromSlash(name))
	})
	if err != nil {
		return err
	}
	var base Checkpoint
	if ch.cached != nil {
		base = *ch.cached
	} else if base, err = f.obtain(ctx, ch.whole); err != nil {
		return err
	}
	hash, sum, err := f.apply(ctx, base.Dir, staging, ch.links, folder)
	if err != nil {
		return err
	}
	f.c.step("weights")
	if want := target.WeightsHash; len(want) == len(hash) && want != hash {
		return fmt.Errorf("%w: %w: it is %s after the patches since checkpoint %d, the trainer's is %.64s", ErrFiles, patch.ErrHash, hash, base.Window, want)
	} else if want != "" && len(want) != len(hash) {
		if err := verifyWeights(ctx, staging, want); err != nil {
			return err
		}
	}
	if err := f.dress(ctx, base, target, folder(target), staging, sum); err != nil {
		return err
	}
	for _, m := range ch.links {
		if err := os.RemoveAll(folder(m)); err != nil {
			return err
		}
	}
	if err := f.finish(ctx, staging, target.Window, taken); err != nil {
		return err
	}
	f.report.Base, f.report.Patches = base.Window, len(ch.links)
	return nil
}

// checkPatch says whether a patch has its two files.
func (m *signed) checkPatch() error {
	for _, name := range []string{patchName, patchMetaName} {
		if !slices.ContainsFunc(m.Manifest, func(f File) bool { return f.Name == name }) {
			return fmt.Errorf("%w: patch %d has no %s", ErrMetadata, m.Window, name)
		}
	}
	return nil
}

// apply writes the weights that patches make of a base to a staging folder, and returns their hash and the SHA-256 of the file.
// Patches that take more memory together than allowed are
// applied in several goes, each of which writes a file.
func (f *fetch) apply(ctx context.Context, base, staging string, links []*signed, folder func(*signed) string) (
	hash string, sum [sha256.Size]byte, err error,
) {
	fail := func(err error) (string, [sha256.Size]byte, error) { return "", sum, err }
	w, err := openWeights(base)
	if err != nil {
		return fail(err)
	}
	defer func() { w.Close() }()
	var batch []*patch.Patch
	var size int64
	write := func(name string) error {
		hash, sum, err = f.stream(ctx, w, batch, filepath.Join(staging, name))
		return err
	}
	goes := 0
	for _, m := range links {
		p, err := f.decode(ctx, m, folder(m))
		if err != nil {
			return fail(err)
		}
		if len(batch) > 0 && size+p.PayloadBytes() > f.c.limits.PatchBytes {
			dir := filepath.Join(staging, fmt.Sprintf(".go-%d", goes))
			if err := os.Mkdir(dir, 0o755); err != nil {
				return fail(err)
			}
			if err := write(filepath.Join(filepath.Base(dir), safetensors.SingleName)); err != nil {
				return fail(err)
			}
			next, err := openWeights(dir)
			if err != nil {
				return fail(err)
			}
			w.Close()
			w, batch, size = next, nil, 0
			if err := os.RemoveAll(dir); err != nil { // it stays mapped
				return fail(err)
			}
			goes++
		}
		batch, size = append(batch, p), size+p.PayloadBytes()
		f.c.step("decoded")
	}
	err = write(safetensors.SingleName)
	return hash, sum, err
}

// decode reads a fetched patch.
func (f *fetch) decode(ctx context.Context, m *signed, dir string) (*patch.Patch, error) {
	fail := func(err error) (*patch.Patch, error) {
		if ctx.Err() != nil || ofDisk(err) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: patch %d: %w", ErrFiles, m.Window, err)
	}
	text, err := readSmall(filepath.Join(dir, patchMetaName))
	if err != nil {
		return fail(err)
	}
	version, err := parsePatchMeta(text, *m.PrevWindow)
	if err != nil {
		return fail(err)
	}
	path := filepath.Join(dir, patchName)
	info, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	if info.Size() > f.c.limits.PatchBytes {
		return fail(fmt.Errorf("%d bytes are more than the %d allowed", info.Size(), f.c.limits.PatchBytes))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fail(err)
	}
	p, err := patch.Decode(ctx, data, version, patch.Options{MaxPayload: f.c.limits.PatchBytes})
	if err != nil {
		return fail(err)
	}
	return p, nil
}

// parsePatchMeta reads from delta_metadata.json in which form the patch is. Shapes and statistics are not needed: the patch has the shapes that it is checked by.
func parsePatchMeta(text []byte, prev int64) (patch.Version, error) {
	v, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: maxMetadataBytes, MaxDepth: maxMetadataDepth, MaxValues: maxPatchMetaValues})
	if err != nil {
		return 0, err
	}
	r := reader{object: v}
	format, other := r.text("format"), r.optional("prev_window")
	if r.err != nil {
		return 0, r.err
	}
	if other != nil && *other != prev {
		return 0, fmt.Errorf("%s says that it is applied to checkpoint %d, the signed metadata to %d", patchMetaName, *other, prev)
	}
	return patch.ParseFormat(format)
}

// stream writes the weights after patches to a file, piece by piece.
func (f *fetch) stream(ctx context.Context, w *weights, patches []*patch.Patch, path string) (hash string, sum [sha256.Size]byte, err error) {
	tensors := slices.Clone(w.tensors)
	slices.SortStableFunc(tensors, func(a, b patch.Tensor) int { // wider numbers first, which aligns them all
		if c := b.DType.Size() - a.DType.Size(); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	head, err := weightsHeader(tensors)
	if err != nil {
		return "", sum, err
	}
	pieces, out := newPipe()
	go func() {
		_, err := out.Write(head)
		if err == nil {
			var result patch.Result
			result, err = patch.Stream(ctx, tensors, patches, patch.Options{Hash: true}, func(_ int, piece []byte) error {
				f.c.step("piece")
				_, err := out.Write(piece)
				return err
			})
			hash = result.Hash
		}
		out.CloseWithError(err)
	}()
	sha := sha256.New()
	err = f.c.write(path, io.TeeReader(pieces, sha))
	pieces.CloseWithError(err) // ends the other side
	out.wait()
	switch {
	case err == nil, ctx.Err() != nil, ofDisk(err), outOfSpace(err):
		return hash, [sha256.Size]byte(sha.Sum(nil)), err
	}
	return "", sum, fmt.Errorf("%w: %w", ErrFiles, err)
}

// dress puts beside new weights what else belongs to the model, and metadata by which it can be checked.
func (f *fetch) dress(ctx context.Context, base Checkpoint, target *signed, patchDir, staging string, weights [sha256.Size]byte) error {
	names := []string{safetensors.SingleName}
	for _, file := range base.Metadata.Manifest {
		if !inherits(file.Name) {
			continue
		}
		in, err := os.Open(filepath.Join(base.Dir, file.Name))
		if err != nil {
			return err
		}
		err = f.c.write(filepath.Join(staging, file.Name), contextReader{ctx, in})
		in.Close()
		if err != nil {
			return err
		}
		names = append(names, file.Name)
	}
	for _, file := range target.Manifest {
		if file.Name == engine.CanaryName {
			if err := bring(filepath.Join(patchDir, file.Name), filepath.Join(staging, file.Name)); err != nil {
				return err
			}
			names = append(names, file.Name)
		}
	}
	f.c.step("dressed")
	slices.Sort(names)
	var manifest []File
	for _, name := range names {
		sum := weights
		if name != safetensors.SingleName {
			var err error
			if sum, err = hashFile(ctx, filepath.Join(staging, name)); err != nil {
				return err
			}
		}
		i := slices.IndexFunc(base.Metadata.Manifest, func(f File) bool { return f.Name == name })
		if i >= 0 && inherits(name) && base.Metadata.Manifest[i].SHA256 != sum {
			return fmt.Errorf("%w: %s of checkpoint %d has changed", ErrFiles, name, base.Window)
		}
		manifest = append(manifest, File{name, sum})
	}
	files := map[string][]byte{metadataName: reconstructed(target.Metadata, manifest, f.trainer), sourceName: target.text}
	if len(target.signature) > 0 {
		files[sourceSigName] = target.signature
	}
	for name, text := range files {
		if err := f.c.write(filepath.Join(staging, name), bytes.NewReader(text)); err != nil {
			return err
		}
	}
	return nil
}

// inherits says whether a file of the base belongs to the checkpoint after a patch, too (section 7.4). Weights do not, nor their index: loaders that find one
// beside new weights take the old ones (quirk 34). Neither does what the base's canary sang.
func inherits(name string) bool {
	switch name {
	case safetensors.SingleName, safetensors.IndexName, safetensors.IndexName + ".gz", engine.CanaryName:
		return false
	}
	return !reserved[name] && !strings.Contains(name, "/") && !strings.HasPrefix(name, "READY") &&
		!(strings.HasPrefix(name, "model-") && strings.HasSuffix(name, ".safetensors"))
}

// reconstructed is the metadata.json of a checkpoint made of patches: the last patch's, with the files of the folder and with whose signature was checked
// on all that it is made of.
func reconstructed(m Metadata, manifest []File, trainer *[sr25519.PublicKeySize]byte) []byte {
	anchor := cpython.Value{}
	if m.AnchorWindow != nil {
		anchor = cpython.IntValue(*m.AnchorWindow)
	}
	checked := cpython.Value{}
	if trainer != nil {
		checked = cpython.StringValue(hex.EncodeToString(trainer[:]))
	}
	m.Type, m.Manifest, m.object = Full, manifest, cpython.Value{}
	return appendIndented(nil, cpython.ObjectValue(append(slices.Clone(m.value().Members()),
		cpython.Member{Key: reconstructedKey, Value: cpython.BoolValue(true)},
		cpython.Member{Key: "original_anchor_window", Value: anchor},
		cpython.Member{Key: "checked_trainer", Value: checked},
	)), 0)
}

const reconstructedKey = "reconstructed_from_delta"

// isReconstructed says whether metadata are of a checkpoint made of patches here.
func (m Metadata) isReconstructed() bool {
	v, ok := m.object.Get(reconstructedKey)
	b, isBool := v.Bool()
	return ok && isBool && b
}

// acceptReconstructed says whether a checkpoint made of patches may be used: where the trainer is known, all that it was made of has its signature,
// and the metadata are what they make.
func acceptReconstructed(ctx context.Context, dir string, m Metadata, text []byte, window int64, trainer *[sr25519.PublicKeySize]byte) error {
	if err := accept(m, Full, window, nil, nil); err != nil || trainer == nil {
		return err
	}
	source, err := readSmall(filepath.Join(dir, sourceName))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	signature, err := readSmall(filepath.Join(dir, sourceSigName))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	from, err := ParseMetadata(source)
	if err != nil {
		return err
	}
	if err := accept(from, Delta, window, signature, trainer); err != nil {
		return err
	}
	if !bytes.Equal(reconstructed(from, m.Manifest, trainer), text) {
		return fmt.Errorf("%w: the metadata are not those of the trainer", ErrSignature)
	}
	if from.WeightsHash != "" {
		return verifyWeights(ctx, dir, from.WeightsHash)
	}
	return nil
}
