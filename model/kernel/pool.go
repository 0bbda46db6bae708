package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a set of persistent worker goroutines that block while there is
// nothing to do. Before they block they look for work for some ten
// microseconds: the products of a decoding step follow one another faster than
// that, and to wake a thread takes longer. They never spin for more: on
// shared processors a spinning pool makes everything else, and itself, several
// times slower.
//
// Work is cut into chunks that workers take one by one, so a worker that the
// system holds up delays one chunk. Results never depend on who took which.
// Several goroutines may use one pool at a time, and a chunk may use it again.
// A nil *Pool is a pool of one thread: the caller's.
type Pool struct {
	threads int
	looks   int // before blocking
	jobs    chan *job
	quit    chan struct{}
	once    sync.Once
	workers sync.WaitGroup
	free    sync.Pool
}

// chunks is what a pool works on; run(i) is called once for each i < n.
type chunks interface{ run(i int) }

type chunkFunc func(i int)

func (f chunkFunc) run(i int) { f(i) }

// job is one Run in progress. refs counts who may still touch it: the caller
// and each entry in the queue. It is reused when the last one lets go.
type job struct {
	work     chunks
	n        int64
	next     atomic.Int64
	done     atomic.Int64
	refs     atomic.Int32
	finished chan struct{}
	failure  atomic.Pointer[any]
}

// NewPool starts a pool of that many threads, the caller of Run being one of
// them; fewer than 1 counts as 1. Close it when done.
func NewPool(threads int) *Pool {
	p := &Pool{threads: max(threads, 1), quit: make(chan struct{})}
	if runtime.GOMAXPROCS(0) > 1 { // else who waits awake keeps the others from working
		p.looks = pauses
	}
	p.free.New = func() any { return &job{finished: make(chan struct{}, 1)} }
	p.jobs = make(chan *job, p.threads)
	for range p.threads - 1 {
		p.workers.Go(p.worker)
	}
	return p
}

// Threads returns the number of threads that Run uses, 1 for a nil pool.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Close stops the workers and waits for them. A Run in progress or after it
// completes on its caller's thread. Close may be called again.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.once.Do(func() { close(p.quit) })
	p.workers.Wait()
}

// Run calls f(0), ..., f(n-1), each once, on the pool's threads and the
// caller's, and returns when all have returned. If a call panics, the others
// still run and Run panics with the first value.
func (p *Pool) Run(n int, f func(i int)) { p.runChunks(n, chunkFunc(f)) }

func (p *Pool) runChunks(n int, work chunks) {
	if n <= 1 || p.Threads() == 1 {
		for i := range n {
			work.run(i)
		}
		return
	}
	j := p.free.Get().(*job)
	j.work, j.n = work, int64(n)
	j.next.Store(0)
	j.done.Store(0)
	j.failure.Store(nil)
	j.refs.Store(1)
	p.invite(j, min(p.threads, n)-1)
	if !j.take() {
		p.await(j)
	}
	failure := j.failure.Load()
	p.release(j)
	if failure != nil {
		panic(*failure)
	}
}

// invite queues the job for up to that many workers. A full queue means that
// the workers are busy; the caller then does more itself.
func (p *Pool) invite(j *job, workers int) {
	for range workers {
		j.refs.Add(1)
		select {
		case p.jobs <- j:
		default:
			j.refs.Add(-1)
			return
		}
	}
}

func (p *Pool) worker() {
	for j := p.next(); j != nil; j = p.next() {
		if j.take() {
			j.finished <- struct{}{}
		}
		p.release(j)
	}
}

// next waits for a job; nil says that the pool is closed.
func (p *Pool) next() *job {
	for range p.looks {
		select {
		case j := <-p.jobs:
			return j
		default:
			pause()
		}
	}
	select {
	case <-p.quit:
		return nil
	case j := <-p.jobs:
		return j
	}
}

// await waits for a worker to complete the job.
func (p *Pool) await(j *job) {
	for range p.looks {
		select {
		case <-j.finished:
			return
		default:
			pause()
		}
	}
	<-j.finished
}

func (p *Pool) release(j *job) {
	if j.refs.Add(-1) == 0 {
		j.work = nil
		p.free.Put(j)
	}
}

// take runs chunks until none is left and reports whether it completed the
// last of them. A queue entry that outlived its job finds none.
func (j *job) take() (last bool) {
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return last
		}
		j.call(int(i))
		last = j.done.Add(1) == j.n
	}
}

func (j *job) call(i int) {
	defer func() {
		if r := recover(); r != nil {
			j.fail(r)
		}
	}()
	j.work.run(i)
}

// fail is apart so that the value moves to the heap only when there is one.
func (j *job) fail(r any) { j.failure.CompareAndSwap(nil, &r) }
