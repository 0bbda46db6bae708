package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// settling is how long a checkpoint stays after it was fetched or found: other processes that share the cache may be about to load it.
const settling = 2 * time.Minute

// Hold keeps a checkpoint in the cache until release is called.
func (c *Cache) Hold(window int64) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds[window]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.holds[window]--; c.holds[window] <= 0 {
			delete(c.holds, window)
		}
	}
}

// Tidy removes the checkpoints that a node that works with current has no more use for. These stay: current, to which the next patch is applied;
// later ones, to which somebody is about to switch; the newest that was fetched whole, should a chain have to be built again; those that are held, and those that were
// asked for in the last minutes. (The reference keeps up to twenty copies of the model, and sometimes removes the one in use: quirks 15 and 35.)
func (c *Cache) Tidy(current int64) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("couldn't tidy checkpoint cache: %w", err)
	}
	whole := int64(-1)
	old := map[int64]bool{}
	for _, e := range entries {
		window, ok := folderWindow(e.Name())
		if !ok {
			continue
		}
		dir := filepath.Join(c.dir, e.Name())
		if text, err := readSmall(filepath.Join(dir, metadataName)); err == nil && window <= current {
			if m, err := ParseMetadata(text); err == nil && !m.isReconstructed() {
				whole = max(whole, window)
			}
		}
		if info, err := os.Stat(dir); err == nil {
			old[window] = window < current && time.Since(info.ModTime()) >= settling
		}
	}
	errs := []error{c.sweep(), c.makeRoom()}
	for window, isOld := range old {
		c.mu.Lock()
		held := c.holds[window] > 0
		c.mu.Unlock()
		if isOld && !held && window != whole {
			errs = append(errs, c.discard(c.folder(window), window))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("couldn't tidy checkpoint cache: %w", err)
	}
	return nil
}

// touch notes that a checkpoint is asked for.
func (c *Cache) touch(window int64) {
	now := time.Now()
	_ = os.Chtimes(c.folder(window), now, now) // it is removed earlier then
}
