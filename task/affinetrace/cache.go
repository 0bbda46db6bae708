package affinetrace

import "sync"

// cache remembers the tasks of the last seeds and makes each at most once at a time. Failures aren't remembered.
type cache struct {
	mu    sync.Mutex
	tasks map[uint32]*entry
	order []uint32 // seeds by when they came, oldest first
}

type entry struct {
	done chan struct{} // closed when task and err are set
	task *Task
	err  error
}

// get returns the task of a seed, made by this call or another.
func (c *cache) get(seed uint32, create func() (*Task, error)) (*Task, error) {
	c.mu.Lock()
	if e, ok := c.tasks[seed]; ok {
		c.mu.Unlock()
		<-e.done
		return e.task, e.err
	}
	if c.tasks == nil {
		c.tasks = map[uint32]*entry{}
	}
	e := &entry{done: make(chan struct{})}
	c.tasks[seed] = e
	c.order = append(c.order, seed)
	if len(c.order) > cachedTasks {
		delete(c.tasks, c.order[0]) // whoever waits for it has the entry
		c.order = c.order[1:]
	}
	c.mu.Unlock()

	e.task, e.err = create()
	close(e.done)
	if e.err != nil {
		c.forget(seed, e)
	}
	return e.task, e.err
}

// forget takes an entry out unless another has its place.
func (c *cache) forget(seed uint32, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks[seed] != e {
		return
	}
	delete(c.tasks, seed)
	for i, s := range c.order {
		if s == seed {
			c.order = append(c.order[:i:i], c.order[i+1:]...)
			break
		}
	}
}
