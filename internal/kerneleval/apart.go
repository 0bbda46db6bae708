package kerneleval

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nanteos/nanteos/task"
)

// errBlame marks what a candidate is to blame for, unless the machine turns out to be broken.
type errBlame struct {
	text string
	err  error
}

func (e *errBlame) Error() string {
	if e.err == nil {
		return e.text
	}
	return e.text + ": " + e.err.Error()
}

func (e *errBlame) Unwrap() error { return e.err }

// maxKernel bounds the bytes of a candidate's text; completions are far shorter.
const maxKernel = 512 << 10

// apart evaluates with harness and candidate in sandboxes of their own. What fails for the machine's reasons is tried once more.
func (s *slot) apart(ctx context.Context, test, kernel string) (task.KernelResult, error) {
	if len(kernel) > maxKernel {
		return failed(false, fmt.Sprintf("candidate of %d bytes: at most %d are read", len(kernel), maxKernel)), nil
	}
	for attempt := 0; ; attempt++ {
		r, err := s.attempt(ctx, test, kernel)
		if err == nil || attempt > 0 || ctx.Err() != nil || !errors.Is(err, ErrMachine) {
			return r, err
		}
		s.pool.config.Log.Warn("kernel evaluation is tried once more", "gpu", s.gpu, "why", err)
		s.tidy()
	}
}

// duel is one evaluation.
type duel struct {
	*slot
	ctx      context.Context
	ref      *worker
	cand     *worker
	budget   budget
	standard bool
	loaded   bool
	result   task.KernelResult
}

// errDone ends an evaluation whose result is known.
var errDone = errors.New("verdict known")

func (s *slot) attempt(ctx context.Context, test, kernel string) (task.KernelResult, error) {
	if s.candidate == nil { // it starts while the other half does
		w, err := s.start(roleCandidate)
		if err != nil {
			return task.KernelResult{}, err
		}
		s.candidate = w
	}
	ref, err := s.greeted(ctx, &s.reference, roleReference)
	if err != nil {
		return task.KernelResult{}, err
	}
	cand, err := s.warm(ctx)
	if err != nil {
		return task.KernelResult{}, err
	}
	d := &duel{slot: s, ctx: ctx, ref: ref, cand: cand, budget: budget{s.pool.config.Timeout}}
	ref.jobs++
	cand.jobs++
	err = d.run(test, kernel)
	if closeErr := d.close(); closeErr != nil {
		s.pool.config.Log.Warn("kernel worker is replaced", "gpu", s.gpu, "why", closeErr)
	}
	var blame *errBlame
	switch {
	case errors.Is(err, errDone):
		return d.result, nil
	case errors.Is(err, ErrHarness):
		return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", err)
	case ctx.Err() != nil:
		return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel: %w", ctx.Err())
	case errors.As(err, &blame):
		// Whoever blames a candidate shows first that another one would have been served.
		s.pool.config.Log.Info("kernel ended its process", "gpu", s.gpu, "why", blame)
		if cand.dead.Load() {
			s.candidate = nil
		}
		if _, err := s.warm(ctx); err != nil {
			return task.KernelResult{}, err
		}
		return failed(d.loaded, blame.text), nil
	}
	return task.KernelResult{}, fmt.Errorf("couldn't evaluate kernel on GPU %d: %w: %w", s.gpu, ErrMachine, err)
}

// warm returns the nursery once the process for the next candidate can use the device.
func (s *slot) warm(ctx context.Context) (*worker, error) {
	w, err := s.greeted(ctx, &s.candidate, roleCandidate)
	if err != nil {
		return nil, err
	}
	var reply candReply
	err = w.within(ctx, s.pool.config.StartTimeout, func() error {
		if err := writeHeader(w.in, candJob{Op: "begin"}, 0); err != nil {
			return err
		}
		_, err := readHeader(w.out, &reply)
		return err
	})
	if err == nil && !reply.Warm {
		err = errors.New("a new process can't use the device")
	}
	if err != nil {
		why := w.why(err)
		w.stop()
		s.candidate = nil
		if ctx.Err() != nil {
			return nil, fmt.Errorf("couldn't start kernel worker: %w", ctx.Err())
		}
		return nil, fmt.Errorf("couldn't start kernel worker on GPU %d: %w: %s", s.gpu, ErrMachine, why)
	}
	return w, nil
}

// run goes through the stages of the reference, in its order. It returns errDone with a result, a *errBlame, or what is wrong with the machine.
func (d *duel) run(test, kernel string) error {
	var open refReply
	payload, err := d.askRef(refJob{Op: "open", Test: test}, &open)
	if err != nil {
		return err
	}
	if open.Refused != "" {
		d.result = task.KernelResult{}
		return fmt.Errorf("%w: %s", ErrHarness, open.Refused)
	}
	if open.Verdict != nil {
		return d.done(open.Verdict)
	}
	d.standard = open.Standard
	reply, _, err := d.askCand(candJob{Op: "load", Kernel: kernel}, 0)
	if err != nil {
		d.drop(payload)
		return err
	}
	switch {
	case reply.Reply.Raised != nil:
		d.result = reply.Reply.Raised.result(false)
	case !reply.Reply.HasClass:
		d.result = failed(true, "no_model_new_class")
	}
	if d.result.Error != nil {
		d.drop(payload)
		return errDone
	}
	d.loaded = true
	if open.Later != nil { // which has no payload
		return d.done(open.Later)
	}
	if reply, _, err = d.askCand(candJob{Op: "build", Init: open.Init}, payload); err != nil {
		return err
	}
	if reply.Reply.Raised != nil {
		d.result = reply.Reply.Raised.result(d.standard)
		return errDone
	}
	for t := range trials {
		if err := d.trial(t); err != nil {
			return err
		}
	}
	return errors.New("the reference half gave no verdict")
}

// trial sends one trial's inputs to the candidate and its output to the comparison.
func (d *duel) trial(t int) error {
	var inputs, verdict refReply
	payload, err := d.askRef(refJob{Op: "trial", Trial: t}, &inputs)
	if err != nil {
		return err
	}
	if inputs.Verdict != nil {
		return d.done(inputs.Verdict)
	}
	reply, size, err := d.askCand(candJob{Op: "run", Inputs: inputs.Inputs}, payload)
	if err != nil {
		return err
	}
	if reply.Reply.Raised != nil {
		d.result = reply.Reply.Raised.result(d.standard)
		return errDone
	}
	out := reply.Reply.Output
	if out == nil {
		return d.foul("no output", nil)
	}
	if out.Shape == nil {
		out.Shape = []int64{}
	}
	if size > d.pool.config.MaxOutput || len(out.Shape) > 64 || len(out.Dtype) > 40 {
		return d.foul("output beyond all bounds", nil)
	}
	var readErr, writeErr error
	d.budget.carry(min(size, 1<<30)) // the size is the candidate's word
	err = d.budget.spend(d.ctx, d.cand, func() error {
		if writeErr = writeHeader(d.ref.in, refJob{Op: "compare", Trial: t, Output: out}, size); writeErr == nil {
			readErr, writeErr = relay(d.ref.in, d.cand.out, size)
		}
		return readErr
	})
	if writeErr != nil {
		d.ref.stop()
		return fmt.Errorf("couldn't hand an output to the reference half: %w", writeErr)
	}
	if replyErr := d.waitRef(&verdict, new(int64)); replyErr != nil {
		return replyErr
	}
	switch {
	case errors.Is(err, errLate):
		return d.foul("timeout", err)
	case err != nil:
		return d.foul("candidate_died", err)
	}
	if verdict.Verdict != nil {
		return d.done(verdict.Verdict)
	}
	return nil
}

// done ends the evaluation with a verdict of the trusted half.
func (d *duel) done(v *wireVerdict) error {
	r, err := v.result()
	if err != nil {
		return err
	}
	d.result = r
	return errDone
}

// askRef asks the trusted half; the reply's payload, of the returned length, is still to be read.
func (d *duel) askRef(job refJob, reply *refReply) (payload int64, err error) {
	err = d.ref.within(d.ctx, d.pool.config.StartTimeout, func() error { return writeHeader(d.ref.in, job, 0) })
	if err == nil {
		err = d.waitRef(reply, &payload)
	}
	if err != nil {
		d.ref.stop()
	}
	return payload, err
}

// waitRef reads a reply of the trusted half.
func (d *duel) waitRef(reply *refReply, payload *int64) error {
	err := d.ref.within(d.ctx, d.pool.config.StartTimeout, func() (err error) {
		*payload, err = readHeader(d.ref.out, reply)
		return err
	})
	if err != nil {
		d.ref.stop()
		return fmt.Errorf("the reference half failed: %s", d.ref.why(err))
	}
	return nil
}

// askCand asks the candidate, with a payload that is taken from the trusted half. Its own time runs. Errors are *errBlame, or the machine's where the
// trusted half failed.
func (d *duel) askCand(job candJob, payload int64) (reply candReply, size int64, err error) {
	var readErr error
	d.budget.carry(payload)
	err = d.budget.spend(d.ctx, d.cand, func() error {
		err := writeHeader(d.cand.in, job, payload)
		if err != nil {
			d.drop(payload)
			return err
		}
		if readErr, err = relay(d.cand.in, d.ref.out, payload); readErr != nil || err != nil {
			return errors.Join(readErr, err)
		}
		size, err = readHeader(d.cand.out, &reply)
		return err
	})
	switch {
	case readErr != nil:
		d.ref.stop()
		d.cand.stop()
		return reply, 0, fmt.Errorf("the reference half cut its payload short: %w", readErr)
	case errors.Is(err, errLate):
		return reply, 0, d.foul("timeout", err)
	case err != nil:
		return reply, 0, d.foul("candidate_died", err)
	case reply.Died != "":
		return reply, 0, &errBlame{"candidate_died: " + reply.Died, nil}
	case size > 0 && reply.Reply.Output == nil:
		return reply, 0, d.foul("payload without an output", nil)
	}
	return reply, size, nil
}

// foul ends the candidate's sandbox, whose stream can't be trusted any more, and blames the candidate.
func (d *duel) foul(text string, err error) error {
	d.cand.stop()
	return &errBlame{text, err}
}

// drop reads a payload of the trusted half to nowhere.
func (d *duel) drop(n int64) {
	if n == 0 || d.ref.dead.Load() {
		return
	}
	if err := d.ref.within(d.ctx, d.pool.config.StartTimeout, func() error {
		_, err := io.CopyN(io.Discard, d.ref.out, n)
		return err
	}); err != nil {
		d.ref.stop()
	}
}

// close makes both halves ready for the next job: the candidate's process ends and another one is forked, the trusted half forgets the harness and tests
// its device.
func (d *duel) close() error {
	var err error
	if !d.cand.dead.Load() {
		// A nursery that doesn't read any more is found out by the next begin.
		if err = d.cand.within(d.ctx, d.pool.config.StartTimeout, func() error { return writeHeader(d.cand.in, candJob{Op: "end"}, 0) }); err != nil {
			d.cand.stop()
		}
	}
	if !d.ref.dead.Load() {
		var reply refReply
		_, refErr := d.askRef(refJob{Op: "close"}, &reply)
		if refErr == nil && reply.Corrupted {
			d.ref.stop()
			refErr = errors.New("the device is corrupted")
		}
		err = errors.Join(err, refErr)
	}
	return err
}
