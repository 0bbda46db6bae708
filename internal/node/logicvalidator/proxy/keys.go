package proxy

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Key is what a user proves itself with. It is never printed or encoded.
type Key string

const redacted = "[secret]"

// Format hides the key from every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the key.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// minKey is the shortest key: one that is shorter can be guessed.
const minKey = 16

func (k Key) check() error {
	if len(k) < minKey || len(k) > 1024 || strings.ContainsFunc(string(k), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("want %d to 1024 printable characters without spaces", minKey)
	}
	return nil
}

// maxKeys bounds the keys of a file.
const maxKeys = 10_000

// ReadKeys reads keys: a line for each with a name and the key, separated by white space. Empty lines and those that begin with # are left out.
// Errors wrap ErrConfig and repeat no key.
func ReadKeys(text string) (map[string]Key, error) {
	keys := map[string]Key{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || len(fields[0]) > 64 {
			return nil, fmt.Errorf("couldn't read keys: %w: line %d is not a name and a key", ErrConfig, n)
		}
		key := Key(fields[1])
		if err := key.check(); err != nil {
			return nil, fmt.Errorf("couldn't read keys: %w: line %d: %w", ErrConfig, n, err)
		}
		if _, ok := keys[fields[0]]; ok || len(keys) == maxKeys {
			return nil, fmt.Errorf("couldn't read keys: %w: line %d: a name twice, or more than %d keys", ErrConfig, n, maxKeys)
		}
		keys[fields[0]] = key
	}
	if len(keys) == 0 {
		return nil, errors.Join(fmt.Errorf("couldn't read keys: %w: there are none", ErrConfig))
	}
	return keys, nil
}

// user is who has a key.
type user struct {
	name string
	sum  [32]byte
	rate *bucket
}

// bucket lets rate questions a second through, and burst at once.
type bucket struct {
	rate, burst float64

	mu   sync.Mutex
	full float64
	at   time.Time
}

func newBucket(rate float64, burst int) *bucket {
	return &bucket{rate: rate, burst: float64(burst), full: float64(burst)}
}

// take takes one question; where there is none left it returns how long to wait for the next.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.at); !b.at.IsZero() && passed > 0 {
		b.full = min(b.burst, b.full+float64(passed.Seconds()*b.rate))
	}
	if b.at.IsZero() || now.After(b.at) {
		b.at = now
	}
	if b.full >= 1 {
		b.full--
		return 0
	}
	return max(time.Millisecond, time.Duration((1-b.full)/b.rate*float64(time.Second)))
}
