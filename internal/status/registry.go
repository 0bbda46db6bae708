package status

import (
	"sync"
	"time"
)

// Options of a Registry. The zero value is good for most.
type Options struct {
	// Now stamps events that carry no time, time.Now when nil.
	Now func() time.Time
}

// Registry is the one place that every part of a process reports to. It counts events for Prometheus, remembers how each node is, and
// hands each event to its subscribers. It is safe for several goroutines.
type Registry struct {
	now     func() time.Time
	metrics *metrics

	mu          sync.Mutex
	subscribers map[*Subscription]struct{}
	nodes       map[string]*Health
	order       []string
}

// New makes a Registry.
func New(opt Options) *Registry {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Registry{now: opt.Now, metrics: newMetrics(), subscribers: map[*Subscription]struct{}{}, nodes: map[string]*Health{}}
}

// Emit takes an event in and passes it on. It never waits for a reader.
func (r *Registry) Emit(e Event) {
	if e.Time.IsZero() {
		e.Time = r.now()
	}
	r.metrics.count(e)
	// The lock is held while the event is handed out, so that all subscribers see events in one order.
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observe(e)
	for s := range r.subscribers {
		s.put(e)
	}
}

// Named returns a Sink that fills in node, role and hotkey where an event lacks them.
func (r *Registry) Named(node, role, hotkey string) Sink { return named{r, node, role, hotkey} }

type named struct {
	to                 Sink
	node, role, hotkey string
}

func (n named) Emit(e Event) {
	if e.Node == "" {
		e.Node = n.node
	}
	if e.Role == "" {
		e.Role = n.role
	}
	if e.Hotkey == "" {
		e.Hotkey = n.hotkey
	}
	n.to.Emit(e)
}

// Tee returns a Sink that passes events to several others, in order.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) Emit(e Event) {
	for _, s := range t {
		s.Emit(e)
	}
}

// Func makes a Sink of a function.
type Func func(Event)

// Emit calls the function.
func (f Func) Emit(e Event) { f(e) }

var (
	_ Sink = (*Registry)(nil)
	_ Sink = named{}
	_ Sink = tee(nil)
	_ Sink = Func(nil)
)
