package hub

import (
	"sync"
	"time"
)

// Event tells how a pull goes on. Events of one pull come one at a time, in order.
type Event struct {
	// Event is resolved (Commit and Total are known), progress, retry (Reason, WaitMS), verified (a file is complete and its checksum right),
	// kept (a file needn't be fetched) or done.
	Event  string `json:"event"`
	Model  string `json:"model"`
	Commit string `json:"commit,omitempty"`
	// File and Size are the file that the event is about.
	File string `json:"file,omitempty"`
	Size int64  `json:"size,omitempty"`
	// Done of Total bytes of the pull are here. Files is how many files it has.
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
	Files int   `json:"files,omitempty"`
	// Reason and WaitMS tell of a failure that is tried again.
	Reason string `json:"reason,omitempty"`
	WaitMS int64  `json:"wait_ms,omitempty"`
	// Folder is where the model is, when it is done; Unchanged that nothing had to be fetched; Unverified the files without a checksum.
	Folder     string   `json:"folder,omitempty"`
	Unchanged  bool     `json:"unchanged,omitempty"`
	Unverified []string `json:"unverified,omitempty"`
}

// progressEvery is the least time between two progress events.
const progressEvery = 100 * time.Millisecond

// teller counts bytes and tells events one at a time.
type teller struct {
	mu   sync.Mutex
	tell func(Event)
	e    Event // what every event has
	last time.Time
}

// say tells an event, with the counts filled in.
func (t *teller) say(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.Model, e.Commit, e.Done, e.Total = t.e.Model, t.e.Commit, t.e.Done, t.e.Total
	if t.tell != nil {
		t.tell(e)
	}
}

// moved counts bytes, and tells of it now and then.
func (t *teller) moved(n int64) {
	t.mu.Lock()
	t.e.Done += n
	due := time.Since(t.last) >= progressEvery
	if due {
		t.last = time.Now()
	}
	t.mu.Unlock()
	if due {
		t.say(Event{Event: "progress"})
	}
}

// found counts bytes that were here before.
func (t *teller) found(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.Done += n
}

// plan sets what is known once the model is looked up.
func (t *teller) plan(commit string, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.e.Commit, t.e.Total = commit, total
}

// retry makes a listener of failures about a file.
func (t *teller) retry(file string) retryTell {
	return func(err error, wait time.Duration) {
		t.say(Event{Event: "retry", File: file, Reason: err.Error(), WaitMS: wait.Milliseconds()})
	}
}
