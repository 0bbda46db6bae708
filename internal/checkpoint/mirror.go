package checkpoint

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nanteos/nanteos/internal/bucket"
)

// Dropped is a bucket that was asked no more during a fetch.
type Dropped struct {
	// Bucket is its name.
	Bucket string
	// Err says why: ErrFiles for wrong bytes, bucket.ErrNotFound for a missing file, or another failure.
	Err error
}

var errSlow = errors.New("the bucket is slow")

// slowBytes is what a bucket must give in each Limits.Slow, if others could give the same.
const slowBytes = 1 << 20

// sources are the buckets that files come from. The first one is the trainer's: it is asked for files as long as it gives good ones, and when nobody else does.
type sources struct {
	list []*source

	mu    sync.Mutex
	given []Dropped // guarded by mu
}

type source struct {
	bkt  bucket.Bucket
	out  bool // guarded by sources.mu
	read atomic.Int64
}

func newSources(buckets []bucket.Bucket) *sources {
	s := &sources{}
	for _, b := range buckets {
		s.list = append(s.list, &source{bkt: b})
	}
	return s
}

// origin is the trainer's bucket.
func (s *sources) origin() bucket.Bucket { return s.list[0].bkt }

// order is whom to ask for a file, beginning with another one each turn, so that the load is shared.
func (s *sources) order(turn int) []*source {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*source
	for i := range s.list {
		if at := s.list[(turn+i)%len(s.list)]; !at.out {
			list = append(list, at)
		}
	}
	if s.list[0].out {
		list = append(list, s.list[0])
	}
	return list
}

func (s *sources) drop(at *source, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !at.out {
		at.out = true
		s.given = append(s.given, Dropped{at.bkt.Name(), err})
	}
}

func (s *sources) dropped() []Dropped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

// watch cancels a download from a source that is slow, until the returned function is called.
func (s *source) watch(period time.Duration, cancel func(error)) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(period)
		defer tick.Stop()
		for last := s.read.Load(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				now := s.read.Load()
				if now-last < slowBytes {
					cancel(fmt.Errorf("%w: %d bytes in %v", errSlow, now-last, period))
					return
				}
				last = now
			}
		}
	}()
	return func() { close(done) }
}
