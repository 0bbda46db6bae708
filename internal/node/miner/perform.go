package miner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node"
)

// perform starts an effect. Those that are answered run in a goroutine of their own, with the effect's time limit.
func (m *Miner) perform(ctx context.Context, e Effect) error {
	point := fmt.Sprintf("%T", e)[len("miner."):]
	switch e := e.(type) {
	case Emit:
		m.cfg.Status.Emit(e.Event)
		return nil
	case Quit:
		return nil
	case Cancel:
		if c := m.cancels[e.ID]; c != nil {
			c()
		}
		return nil
	case Clean:
		return m.clean(ctx, e)
	case Settle:
		m.effects.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, openLimit)
			defer cancel()
			if end, err := m.blockTime(ctx, m.cfg.Rules.WindowEnd(e.Window)); err == nil {
				m.deliver(ctx, done{event: Settled{Now: m.cfg.Now(), Window: e.Window, End: end}, point: point})
			}
		})
		return nil
	case Find:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			checkpoint, err := m.cfg.Checkpoints.Latest(ctx, e.Window)
			return Found{m.answer(ctx, e.ID, err), e.Window, checkpoint}, nil
		})
	case Load:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			name, err := m.load(ctx, e.Checkpoint)
			return Loaded{m.answer(ctx, e.ID, err), e.Checkpoint, name}, nil
		})
	case Open:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			w, err := node.OpenWindow(ctx, m.cfg.Rules, m.cfg.Heads, m.cfg.Beacon, e.Window)
			return Opened{m.answer(ctx, e.ID, err), w}, nil
		})
	case Group:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			record, rows, err := m.group(ctx, e)
			return Grouped{m.answer(ctx, e.ID, err), e.Window.Start, record}, rows
		})
	case Package:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			f, dropped, err := m.pack(ctx, e)
			return Wrote{m.answer(ctx, e.ID, err), f, dropped}, nil
		})
	case Upload:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			return Put{m.answer(ctx, e.ID, m.put(ctx, e.File))}, nil
		})
	case Confirm:
		return m.start(ctx, point, e.ID, e.Limit, func(ctx context.Context) (Event, []byte) {
			info, present, err := m.head(ctx, e.File)
			return Confirmed{m.answer(ctx, e.ID, err), present, present && owns(e.File, info), info.LastModified}, nil
		})
	case Wait:
		return m.start(ctx, point, e.ID, e.For, func(ctx context.Context) (Event, []byte) {
			<-ctx.Done()
			return Woke{m.cfg.Now(), e.ID}, nil
		})
	}
	return fmt.Errorf("couldn't perform unknown effect %T", e)
}

// start runs an effect.
func (m *Miner) start(ctx context.Context, point string, id uint64, limit time.Duration, f func(context.Context) (Event, []byte)) error {
	if m.cfg.hook("before " + point) {
		return errKilled
	}
	bounded, cancel := context.WithTimeout(ctx, max(limit, time.Millisecond))
	m.cancels[id] = cancel
	m.effects.Go(func() {
		e, rows := f(bounded)
		m.deliver(ctx, done{event: e, id: id, point: point, rows: rows})
	})
	return nil
}

func (m *Miner) deliver(ctx context.Context, d done) {
	select {
	case m.answers <- d:
	case <-ctx.Done():
	}
}

// answer sorts an error by what Step decides.
func (m *Miner) answer(ctx context.Context, id uint64, err error) Answer {
	a := Answer{Now: m.cfg.Now(), ID: id}
	if err == nil {
		return a
	}
	f := &Failure{Kind: Passing, Reason: err.Error()}
	var own *bucket.Error
	if errors.As(err, &own) {
		f.Hint = own.Hint
	}
	var unfit *Unfit
	switch {
	case ctx.Err() != nil:
		f.Kind = Cut
	case errors.Is(err, node.ErrNoCheckpoint):
		f.Kind, f.Hint = NoCheckpoint, "wait for the trainer's first checkpoint"
	case errors.Is(err, node.ErrPolicy):
		f.Kind, f.Hint = Unusable, cmp.Or(node.EnvironmentHint(err), "a newer nanteos may know it")
	case errors.Is(err, bucket.ErrExists):
		f.Kind = Exists
	case errors.Is(err, bucket.ErrAccessDenied), errors.Is(err, bucket.ErrNoBucket), errors.Is(err, bucket.ErrTooLarge), errors.Is(err, bucket.ErrContent):
		f.Kind = Refusal
	case errors.Is(err, errOutbox):
		f.Kind, f.Hint = Refusal, "don't touch the outbox while a window is in progress"
	case errors.As(err, &unfit):
		f.Kind, f.Reason, f.Hint = Refusal, unfit.Reason, unfit.Hint
	}
	a.Failure = f
	return a
}

// load loads a checkpoint, makes worker and evaluator for it, and returns its name. The old one is given back first: there may be no room for
// two.
func (m *Miner) load(ctx context.Context, checkpoint int64) (string, error) {
	m.release()
	model, err := m.cfg.Checkpoints.Load(ctx, checkpoint)
	if err != nil {
		return "", err
	}
	evaluator, err := node.NewEvaluator(m.cfg.Rules, model)
	if err != nil {
		if model.Release != nil {
			model.Release()
		}
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.model, m.evaluate = model, evaluator
	m.worker = m.cfg.Worker(&Honest{Rules: m.cfg.Rules, Hotkey: m.cfg.Hotkey, Model: model, Evaluator: evaluator, Secret: m.secret, Now: m.cfg.Now})
	return model.Policy.ModelName, nil
}

// group makes and checks a group. A group that is unfit is no error: the record says why it is dropped.
func (m *Miner) group(ctx context.Context, e Group) (GroupRecord, []byte, error) {
	m.mu.Lock()
	model, worker, evaluator := m.model, m.worker, m.evaluate
	m.mu.Unlock()
	record := GroupRecord{Index: e.Index, Checkpoint: e.Checkpoint}
	if evaluator != nil {
		record.Dataset = evaluator.Dataset()
	}
	if model == nil {
		return record, nil, errors.New("couldn't make group: no checkpoint is loaded")
	}
	w := Window{Window: e.Window, Block: e.Block, Checkpoint: e.Checkpoint, Dataset: record.Dataset}
	rows, err := worker.Group(ctx, w, e.Index)
	if err == nil && !m.cfg.SkipPreflight {
		p := Preflight{Rules: m.cfg.Rules, Miner: m.address, Model: model, Evaluator: evaluator}
		err = p.Group(ctx, w, rows, e.Replay)
	}
	var unfit *Unfit
	if errors.As(err, &unfit) {
		record.Dropped, record.Check, record.Reason, record.Hint = true, unfit.Check, unfit.Reason, unfit.Hint
		return record, nil, nil
	}
	if err != nil {
		return record, nil, err
	}
	body, err := encodeGroup(m.cfg.Rules, m.address, w, rows)
	if err != nil {
		return record, nil, err
	}
	record.Rollouts, record.Bytes = len(rows), int64(len(body))
	for i := range rows {
		record.Tokens += int(rows[i].Commit.Rollout.CompletionLength)
		record.Reward += rows[i].Commit.Rollout.TotalReward / float64(len(rows))
	}
	return record, body, nil
}

// pack writes the window file. A group whose rows can't be read any more is left out.
func (m *Miner) pack(ctx context.Context, e Package) (File, []GroupRecord, error) {
	var groups []draft
	var dropped []GroupRecord
	for _, g := range e.Groups {
		rows, err := m.journal.Rows(ctx, e.Window.Start, g.Index)
		if err != nil {
			if ctx.Err() != nil {
				return File{}, nil, err
			}
			g.Dropped, g.Check, g.Reason = true, "journal", err.Error()
			dropped = append(dropped, g)
			continue
		}
		groups = append(groups, draft{g, rows})
	}
	w := Window{Window: e.Window, Checkpoint: e.Checkpoint}
	if len(groups) > 0 {
		w.Dataset = groups[0].record.Dataset // one checkpoint, one dataset
	}
	f, more, err := m.outbox.Write(ctx, m.cfg.Rules, m.address, w, groups, m.cfg.Now())
	return f, append(dropped, more...), err
}

// put stores the file unless there is an object already.
func (m *Miner) put(ctx context.Context, f File) error {
	file, sum, err := m.outbox.open(f)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = m.cfg.Bucket.Put(ctx, f.Key, file, f.Size, bucket.PutOptions{IfNoneMatch: true, ContentSHA256: sum})
	return err
}

func (m *Miner) head(ctx context.Context, f File) (bucket.Info, bool, error) {
	info, err := m.cfg.Bucket.Head(ctx, f.Key)
	if errors.Is(err, bucket.ErrNotFound) {
		return info, false, nil
	}
	return info, err == nil, err
}

// owns says whether an object is the file: by size, and by its ETag where that is an MD5 sum as for every object uploaded in one piece.
func owns(f File, info bucket.Info) bool {
	return info.Size == f.Size && (len(info.ETag) != 32 || info.ETag == f.MD5)
}

// clean removes what is no longer needed. A failure is reported and nothing else.
func (m *Miner) clean(ctx context.Context, e Clean) error {
	if m.cfg.hook("before Clean") {
		return errKilled
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := errors.Join(m.outbox.Clean(e.Before), m.journal.Clean(bounded, e.Before, m.cfg.Rules.WindowLength)); err != nil {
		m.reportFault(err)
	}
	if m.cfg.hook("after Clean") {
		return errKilled
	}
	return nil
}
