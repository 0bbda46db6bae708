package validator

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nanteos/nanteos/grail/verify"
	"github.com/nanteos/nanteos/grail/windowfile"
	"github.com/nanteos/nanteos/internal/bucket"
)

// scratchDir holds unpacked files while they are judged.
const scratchDir = "scratch"

// versions is how often a file that is replaced while it is read is looked at again. A replacement comes after the deadline, so the next
// look finds it late.
const versions = 3

// judge checks miners side by side. The judgements are in the order of the hotkeys.
func (v *Validator) judge(ctx context.Context, e Judge) Judged {
	if v.model == nil || v.model.Policy.Checkpoint != e.Checkpoint {
		return Judged{Answer: v.answer(e.ID, fmt.Errorf("couldn't judge window %d: checkpoint %d is not loaded", e.Window.Start, e.Checkpoint))}
	}
	results := make([]Judgement, len(e.Hotkeys))
	spread(len(results), v.cfg.Judges, func(i int) {
		began := v.cfg.Now()
		ctx, cancel := context.WithTimeout(ctx, e.Limit)
		defer cancel()
		results[i] = v.miner(ctx, e, e.Hotkeys[i])
		results[i].Hotkey, results[i].Took = e.Hotkeys[i], v.cfg.Now().Sub(began)
	})
	return Judged{Answer: v.answer(e.ID, ctx.Err()), Results: results}
}

// miner judges one miner: the version of its file that is there now, if that counts.
func (v *Validator) miner(ctx context.Context, e Judge, hotkey string) (j Judgement) {
	defer func() {
		// A panic would be a bug met by foreign bytes. It says nothing about the miner and must not take the others down.
		if r := recover(); r != nil {
			j = Judgement{Outcome: Unjudged, Reason: fmt.Sprintf("the check broke down: %v", r), Hint: "report this with the miner's file"}
		}
	}()
	for range versions {
		limits := bucket.Limits{Min: v.cfg.Rules.MinFileBytes, Max: v.cfg.Rules.MaxFileBytes, Deadline: e.Closing.Deadline}
		b, p, outcome, err := v.look(ctx, hotkey, e.Window.Start, limits)
		j = Judgement{Outcome: outcome, File: p.file()}
		if outcome != "" {
			j.Reason = p.reason(limits, err)
			return j
		}
		file := bucket.NewReaderAt(ctx, b, p.Info)
		var src io.ReaderAt = file
		size := p.Info.Size
		if p.Compressed {
			plain, err := v.unpack(ctx, b, p.Info)
			if errors.Is(err, bucket.ErrChanged) {
				continue
			}
			if err != nil {
				j.Outcome, j.Reason = Unjudged, err.Error()
				if ctx.Err() == nil && badArchive(err) {
					// The reference takes a file that it can't unpack for one that isn't there.
					j.Outcome = NoFile
				}
				return j
			}
			src, size = plain, plain.size
			defer plain.Close()
		}
		rep, err := v.check(ctx, e, hotkey, src, size)
		j.Fetched = file.Fetched()
		if errors.Is(err, bucket.ErrChanged) {
			j.Outcome, j.Reason = Unjudged, "the file was replaced while it was read"
			continue
		}
		j.Report = rep
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
			j.Outcome, j.Report, j.Reason = Unjudged, nil, fmt.Sprintf("judging took longer than %s", e.Limit)
			j.Hint = "give the validator more processors, or check fewer miners side by side"
		case err != nil:
			j.Outcome, j.Reason = Unjudged, err.Error()
		case !rep.Found:
			j.Outcome, j.Reason = NoFile, "the file can't be read: "+rep.Cause
		case rep.OK:
			j.Outcome = Accepted
		default:
			j.Outcome = Failed
		}
		return j
	}
	return j
}

// check runs the checks on an open file.
func (v *Validator) check(ctx context.Context, e Judge, hotkey string, src io.ReaderAt, size int64) (*verify.FileReport, error) {
	info := v.model.Engine.Info()
	c := verify.Checker{
		Rules: v.cfg.Rules,
		Window: verify.Window{
			Miner: hotkey, Start: e.Window.Start, Hash: e.Window.Hash, ChallengeRandomness: e.Closing.Challenge, ExpectedBeacon: e.Window.ExpectedBeacon(),
			CheckpointWindow: &e.Checkpoint, Params: &v.model.Policy.Params, VocabSize: info.VocabSize, MaxLength: info.MaxLength, EOS: info.EOS,
			Dataset: v.grader.Dataset(),
		},
		Evaluator: v.grader, Replayer: v.model.Engine,
	}
	f, err := windowfile.Open(src, size, windowfile.Limits{FileBytes: v.cfg.Rules.MaxFileBytes, Rows: v.cfg.Rules.MaxFileRows})
	if err != nil {
		return c.OpenFault(err)
	}
	return c.Check(ctx, f)
}

// unpacked is a file without its .gz, on disk.
type unpacked struct {
	*os.File
	size int64
}

func (u *unpacked) Close() error {
	err := u.File.Close()
	return errors.Join(err, os.Remove(u.Name()))
}

// badArchive tells the faults of a compressed file from those of the store and of the own disk, which say nothing about the miner.
func badArchive(err error) bool {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, bucket.ErrContent):
		return false // it broke off on the way
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, bucket.ErrTooLarge), errors.Is(err, bucket.ErrNotFound):
		return true
	}
	return false
}

// unpack brings a compressed file here, no larger than a plain one may be. Only networks with PreferGzip have those.
func (v *Validator) unpack(ctx context.Context, b bucket.Bucket, want bucket.Info) (_ *unpacked, err error) {
	body, got, err := b.Get(ctx, want.Key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if got.ETag != want.ETag {
		return nil, bucket.ErrChanged
	}
	dir := filepath.Join(v.cfg.Dir, scratchDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't unpack %s: %w", want.Key, err)
	}
	f, err := os.CreateTemp(dir, "file-*")
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack %s: %w", want.Key, err)
	}
	plain := &unpacked{File: f}
	defer func() {
		if err != nil {
			_ = plain.Close()
		}
	}()
	z, err := gzip.NewReader(body)
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack %s: %w", want.Key, err)
	}
	limit := v.cfg.Rules.MaxFileBytes
	if plain.size, err = io.Copy(f, io.LimitReader(z, limit+1)); err != nil {
		return nil, fmt.Errorf("couldn't unpack %s: %w", want.Key, err)
	}
	if plain.size > limit {
		return nil, fmt.Errorf("couldn't unpack %s: %w: more than %d bytes", want.Key, bucket.ErrTooLarge, limit)
	}
	return plain, nil
}
