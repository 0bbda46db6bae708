package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/grail/windowfile"
)

// Checker checks the window files of one window.
type Checker struct {
	// Rules are the network's.
	Rules grail.Rules
	// Window is what is known about window and miner.
	Window Window
	// Evaluator renders prompts and grades.
	Evaluator Evaluator
	// Replayer runs the model.
	Replayer Replayer
	// Options tell how far to go.
	Options Options

	scripted func(rows []grail.Row) rowSource // tests put outcomes in the pipeline's place
}

// Options tell how far a check goes. The zero value is the validator's.
type Options struct {
	// All runs every check on every chosen row, without stopping at a failure: for explaining. The report's Reason is still the
	// first failure's.
	All bool
	// Rows are checked instead of a sample, if not nil; ascending.
	Rows []int64
	// Positions is how many positions a verdict keeps, 5 by default.
	Positions int
}

// Check checks a file. The error is nil whether the miner passes or fails: that is the report's. An error wraps ErrUnjudged where
// storage, model or environment failed, or is the context's; the report then says how far it came.
func (c *Checker) Check(ctx context.Context, src Source) (*FileReport, error) {
	rep := &FileReport{Miner: c.Window.Miner, WindowStart: c.Window.Start, Found: true}
	meta, err := src.Metadata()
	if err != nil {
		return rep, c.fileFault(rep, err)
	}
	rep.Rows = src.NumRows()
	rep.Dataset = c.datasets(meta.Dataset)
	sampler := NewSampler(c.Rules.SampleOrder)
	digests := Digests{}
	whole := c.Rules.SampleOrder == grail.SampleByDigest && c.Options.Rows == nil && rep.Rows > int64(c.Rules.CheckAllRows)

	structure := NewStructure(c.Rules, c.Window, meta)
	err = src.Scan(ctx, windowfile.Structure, 0, rep.Rows, func(_ int64, row *grail.Row) error {
		structure.Add(row)
		if !whole {
			sampler.addNumber(row)
		}
		return nil
	})
	if err != nil {
		return rep, c.fileFault(rep, err)
	}
	if reason, detail := structure.Finish(); reason != "" {
		c.rejectFile(rep, reason, detail)
		if !c.Options.All {
			return rep, nil
		}
	}
	if whole {
		err := src.Scan(ctx, windowfile.All, 0, rep.Rows, func(_ int64, row *grail.Row) error {
			sampler.Add(row)
			digests.Add(row)
			return nil
		})
		if err != nil {
			return rep, c.fileFault(rep, err)
		}
	}
	rep.Planned = c.Options.Rows
	limit := int64(maxNamedBytes)
	if rep.Planned == nil {
		limit = maxSampleBytes
		rep.Planned = sampler.Draw(c.Rules, c.Window.Miner, c.Window.ChallengeRandomness)
	}
	rows, err := readRows(ctx, src, rep.Planned, limit)
	if err != nil {
		return rep, c.fileFault(rep, err)
	}
	rejected := rep.Reason != ""
	w := newWalk(c.Rules, rep, rows, c.Options.All)
	checks := newPipeline(c, rows)
	checks.dataset = rep.Dataset
	var results rowSource = checks
	if c.scripted != nil {
		results = c.scripted(rows)
	}
	if err := w.run(ctx, results); err != nil {
		if errors.Is(err, ErrUnjudged) {
			rep.Unjudged = true
		}
		return rep, err
	}
	if rep.Reason != "" {
		if rejected {
			rep.Metrics = Metrics{HadFailure: 1}
		}
		return rep, nil
	}
	if !whole {
		err := src.Scan(ctx, windowfile.Digests, 0, rep.Rows, func(_ int64, row *grail.Row) error {
			digests.Add(row)
			return nil
		})
		if err != nil {
			return rep, c.fileFault(rep, err)
		}
	}
	rep.OK = true
	rep.Digests = digests
	if c.Rules.UniqueBound {
		rep.Metrics.EstimatedUnique = min(rep.Metrics.EstimatedUnique, int64(len(digests)))
	}
	return rep, nil
}

// datasets says how the file's dataset differs from the validator's, empty where it doesn't or where one of them is not known.
func (c *Checker) datasets(file string) string {
	if own := c.Window.Dataset; own != "" && file != "" && own != file {
		return fmt.Sprintf("its problems were drawn from the dataset %.12s…, here they are drawn from %.12s…", file, own)
	}
	return ""
}

// datasetRemedy says what the owner of a file can do whose problems are from another dataset.
const datasetRemedy = "both sides need the same dataset: that whose digest the trainer publishes as dataset of env_params"

// rejectFile fails the miner for the whole file: nothing was checked.
func (c *Checker) rejectFile(rep *FileReport, reason, detail string) {
	rep.Reason, rep.Cause = string(StageFile)+":"+reason, detail
	rep.Metrics = Metrics{HadFailure: 1}
}

// fileFault sorts an error of the source: the file's own faults fail the miner or make the file count as not found, everything else
// is the validator's.
func (c *Checker) fileFault(rep *FileReport, err error) error {
	switch {
	case errors.Is(err, windowfile.ErrUnreadable):
		if !c.Rules.FailUnreadableFile {
			rep.Found, rep.OK, rep.Reason, rep.Metrics = false, false, "", Metrics{}
			rep.Cause = err.Error()
			return nil
		}
		c.rejectFile(rep, ReasonUnreadable, err.Error())
		return nil
	case errors.Is(err, windowfile.ErrCorrupt), errors.Is(err, windowfile.ErrTooLarge), errors.Is(err, windowfile.ErrNullGroup):
		c.rejectFile(rep, ReasonCorrupt, err.Error())
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	rep.Unjudged = true
	return fmt.Errorf("%w: couldn't read the file of %s: %w", ErrUnjudged, c.Window.Miner, err)
}

// OpenFault makes the report of a file that windowfile.Open refused; the error is as in Check.
func (c *Checker) OpenFault(err error) (*FileReport, error) {
	rep := &FileReport{Miner: c.Window.Miner, WindowStart: c.Window.Start, Found: true}
	return rep, c.fileFault(rep, err)
}

// Bounds of the rows that are held for checking, in bytes. 64 honest rows of 16,384 tokens take 21 MB; JSON of odd forms could take
// gigabytes out of a file of some kilobytes. Who names rows may want all of a large file.
const (
	maxSampleBytes = 256 << 20
	maxNamedBytes  = 4 << 30
)

// readRows reads the given rows, ascending, in as few scans as they allow. More than limit bytes of them are an error that wraps
// windowfile.ErrTooLarge.
func readRows(ctx context.Context, src Source, want []int64, limit int64) ([]grail.Row, error) {
	var held int64
	rows := make([]grail.Row, 0, len(want))
	for i := 0; i < len(want); {
		j := i + 1
		for j < len(want) && want[j] == want[j-1]+1 {
			j++
		}
		if want[i] < 0 || want[j-1] >= src.NumRows() {
			return nil, fmt.Errorf("couldn't read row %d of a file with %d rows", want[j-1], src.NumRows())
		}
		err := src.Scan(ctx, windowfile.All, want[i], want[j-1]+1, func(i int64, row *grail.Row) error {
			if held += windowfile.RowBytes(row); held > limit {
				return fmt.Errorf("couldn't hold rows %d to %d: %w: more than %d bytes", want[0], i, windowfile.ErrTooLarge, limit)
			}
			rows = append(rows, *row)
			return nil
		})
		if err != nil {
			return nil, err
		}
		i = j
	}
	return rows, nil
}
