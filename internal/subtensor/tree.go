package subtensor

import (
	"strings"

	"github.com/cespare/xxhash/v2"
)

// tree is an ordered map that never changes: put and del return a new one that shares all but the path to the change. A block keeps
// the root of its state, so a read at an older hash costs as much as one at the head, and readers need no lock.
//
// It is a treap whose priorities are the hashes of the keys, so its shape depends on its content alone.
type tree struct {
	key         string
	value       []byte
	priority    uint64
	left, right *tree
}

func (t *tree) get(key string) ([]byte, bool) {
	for t != nil {
		switch {
		case key < t.key:
			t = t.left
		case key > t.key:
			t = t.right
		default:
			return t.value, true
		}
	}
	return nil, false
}

func (t *tree) put(key string, value []byte) *tree {
	return t.insert(key, value, xxhash.Sum64String(key))
}

func (t *tree) insert(key string, value []byte, priority uint64) *tree {
	if t == nil {
		return &tree{key: key, value: value, priority: priority}
	}
	c := *t
	switch {
	case key == t.key:
		c.value = value
		return &c
	case key < t.key:
		c.left = t.left.insert(key, value, priority)
		if c.left.priority > c.priority {
			l := *c.left
			c.left, l.right = l.right, &c
			return &l
		}
	default:
		c.right = t.right.insert(key, value, priority)
		if c.right.priority > c.priority {
			r := *c.right
			c.right, r.left = r.left, &c
			return &r
		}
	}
	return &c
}

func (t *tree) del(key string) *tree {
	if t == nil {
		return nil
	}
	c := *t
	switch {
	case key < t.key:
		if c.left = t.left.del(key); c.left == t.left {
			return t
		}
	case key > t.key:
		if c.right = t.right.del(key); c.right == t.right {
			return t
		}
	default:
		return merge(t.left, t.right)
	}
	return &c
}

func merge(a, b *tree) *tree {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		c := *a
		c.right = merge(a.right, b)
		return &c
	default:
		c := *b
		c.left = merge(a, b.left)
		return &c
	}
}

// scan gives the keys with the prefix that come after start (all of them when start is empty), in order, until yield returns false.
func (t *tree) scan(prefix, start string, yield func(key string, value []byte) bool) bool {
	if t == nil {
		return true
	}
	after := t.key > start || start == ""
	if t.key >= prefix && after && !t.left.scan(prefix, start, yield) {
		return false
	}
	if strings.HasPrefix(t.key, prefix) {
		if after && !yield(t.key, t.value) {
			return false
		}
	} else if t.key > prefix {
		return true // everything to the right is past the prefix
	}
	return t.right.scan(prefix, start, yield)
}
