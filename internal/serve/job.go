package serve

import (
	"context"
	"sync"

	"github.com/nanteos/nanteos/model"
)

// tokenLog is a token with its log-probability and the most likely ones in its place.
type tokenLog struct {
	model.Candidate
	top []model.Candidate
}

// piece is what is new of one choice.
type piece struct {
	index  int // of the choice
	text   string
	ids    []int32
	logs   []tokenLog
	finish string // "stop" or "length" with the last piece
	stop   any    // what stopped it: a stop string or a token id
}

// join appends a later piece of the same choice.
func (p *piece) join(q piece) {
	p.text += q.text
	p.ids = append(p.ids, q.ids...)
	p.logs = append(p.logs, q.logs...)
	p.finish, p.stop = q.finish, q.stop
}

// job is the sequences of one request, and the mailbox for what they give. The
// scheduler puts, one handler takes.
type job struct {
	sequences []*sequence

	mu     sync.Mutex
	pieces []piece
	left   int // sequences that go on
	err    *problem
	ready  chan struct{} // holds one value when there is something to take
}

// sequence is one choice. Its fields belong to the scheduler.
type sequence struct {
	job     *job
	index   int
	request model.BatchRequest
	text    *textStream
	stream  *model.Stream // nil: not joined yet
	ended   bool
}

func newJob(sequences []*sequence) *job {
	j := &job{sequences: sequences, left: len(sequences), ready: make(chan struct{}, 1)}
	for _, s := range sequences {
		s.job = j
	}
	return j
}

func (j *job) signal() {
	select {
	case j.ready <- struct{}{}:
	default:
	}
}

// put adds a piece. Pieces of one choice that nobody has taken yet become one.
func (j *job) put(p piece) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.finish != "" {
		j.left--
	}
	if n := len(j.pieces); len(j.sequences) == 1 && n > 0 {
		j.pieces[n-1].join(p)
	} else {
		j.pieces = append(j.pieces, p)
	}
	j.signal()
}

// fail ends the job, unless it has ended.
func (j *job) fail(err *problem) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.left > 0 && j.err == nil {
		j.err = err
	}
	j.signal()
}

// take waits for pieces. done says that these are the last. The error is the job's, or the cause of ctx's end.
func (j *job) take(ctx context.Context) (pieces []piece, done bool, err error) {
	select {
	case <-j.ready:
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, false, j.err
	}
	pieces, j.pieces = j.pieces, nil
	return pieces, j.left == 0, nil
}

// advance takes the sequence's next token and says whether it has ended.
func (s *sequence) advance(t model.Token) bool {
	p := piece{index: s.index, ids: []int32{t.ID}}
	if s.request.LogProbs {
		p.logs = []tokenLog{{t.Candidate, t.Top}}
	}
	stop := ""
	if t.Reason != model.FinishStop || s.text.keepStop {
		p.text, stop = s.text.add(t.ID)
	}
	if t.Reason != "" && stop == "" {
		text := ""
		text, stop = s.text.end()
		p.text += text
	}
	switch {
	case stop != "":
		p.finish, p.stop = "stop", stop
	case t.Reason == model.FinishStop:
		p.finish, p.stop = "stop", t.ID
	case t.Reason != "":
		p.finish = "length"
	}
	s.job.put(p)
	return p.finish != ""
}
