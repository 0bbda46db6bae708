package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// part is a file that is arriving: its bytes, and a journal of which of them are there. The file is divided into chunks of equal length, and of
// each a beginning has arrived. The journal never claims bytes that were not flushed to the disk before.
type part struct {
	root *os.Root
	name string // of the bytes; the journal has .json after it
	f    *os.File

	mu      sync.Mutex
	j       journal
	unsaved int64
	every   int64 // bytes between two saves
	saving  sync.Mutex
}

// journal is what is kept about a part.
type journal struct {
	Path     string `json:"path"`
	Identity string `json:"identity"`
	Size     int64  `json:"size"`
	Chunk    int64  `json:"chunk"`
	// Done is how many bytes of each chunk have arrived.
	Done []int64 `json:"done"`
}

const (
	// saveEvery is after how many bytes the journal of a file is saved.
	saveEvery  = 32 << 20
	maxJournal = 64 << 20
)

// partName is the name that a file has while it arrives.
func partName(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:16])
}

func newJournal(f File, chunk int64) journal {
	j := journal{Path: f.Path, Identity: f.identity(), Size: f.Size, Chunk: chunk}
	if f.Size > 0 {
		j.Done = make([]int64, (f.Size-1)/chunk+1)
	}
	return j
}

// valid reports whether the journal can be one of the file.
func (j journal) valid(f File) bool {
	if j.Path != f.Path || j.Identity == "" || j.Identity != f.identity() || j.Size != f.Size || j.Size <= 0 || j.Chunk < 64<<10 || int64(len(j.Done)) != (j.Size-1)/j.Chunk+1 {
		return false
	}
	for i, d := range j.Done {
		if from, to := j.bounds(i); d < 0 || d > to-from {
			return false
		}
	}
	return true
}

// bounds are the first byte of a chunk and the one after its last.
func (j journal) bounds(i int) (from, to int64) {
	from = int64(i) * j.Chunk
	return from, min(from+j.Chunk, j.Size)
}

// arrived is the sum of Done.
func (j journal) arrived() int64 {
	var n int64
	for _, d := range j.Done {
		n += d
	}
	return n
}

// extent is the least length that the file of bytes must have.
func (j journal) extent() int64 {
	var n int64
	for i, d := range j.Done {
		if from, _ := j.bounds(i); d > 0 {
			n = max(n, from+d)
		}
	}
	return n
}

// readJournal returns what has arrived of a file, if anything usable.
func readJournal(root *os.Root, f File) (journal, bool) {
	name := partName(f.Path)
	in, err := root.Open(name + ".json")
	if err != nil {
		return journal{}, false
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxJournal))
	if err != nil {
		return journal{}, false
	}
	var j journal
	if json.Unmarshal(text, &j) != nil || !j.valid(f) {
		return journal{}, false
	}
	st, err := root.Lstat(name)
	return j, err == nil && st.Mode().IsRegular() && st.Size() >= j.extent()
}

// openPart goes on with a part, or begins one. A file whose content is known by nothing is always begun anew.
func openPart(root *os.Root, f File, chunk, every int64) (*part, error) {
	p := &part{root: root, name: partName(f.Path), every: every}
	j, resumed := readJournal(root, f)
	if !resumed {
		if err := root.Remove(p.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("couldn't begin %s: %w", quote(f.Path), err)
		}
		j = newJournal(f, chunk)
	}
	file, err := root.OpenFile(p.name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the part of %s: %w", quote(f.Path), err)
	}
	p.f, p.j = file, j
	return p, nil
}

// pending lists the chunks that are not complete.
func (p *part) pending() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []int
	for i, d := range p.j.Done {
		if from, to := p.j.bounds(i); from+d < to {
			out = append(out, i)
		}
	}
	return out
}

// missing are the bytes of a chunk that have not arrived.
func (p *part) missing(i int) (from, to int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, to = p.j.bounds(i)
	return from + p.j.Done[i], to
}

// arrived is how many bytes are there.
func (p *part) arrived() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.j.arrived()
}

// write adds bytes to a chunk, which one goroutine at a time may do, and saves the journal now and then.
func (p *part) write(i int, b []byte) error {
	at, to := p.missing(i)
	if int64(len(b)) > to-at {
		return fmt.Errorf("%w: more bytes than asked for", ErrProtocol)
	}
	if _, err := p.f.WriteAt(b, at); err != nil {
		return writeError(err)
	}
	p.mu.Lock()
	p.j.Done[i] += int64(len(b))
	p.unsaved += int64(len(b))
	save := p.unsaved >= p.every
	if save {
		p.unsaved = 0
	}
	p.mu.Unlock()
	if save {
		return p.save()
	}
	return nil
}

// save writes the journal: first the bytes to the disk, then the claim that they are there.
func (p *part) save() error {
	p.saving.Lock()
	defer p.saving.Unlock()
	p.mu.Lock()
	text, err := json.Marshal(p.j)
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("couldn't encode journal: %w", err)
	}
	if err := p.f.Sync(); err != nil {
		return writeError(err)
	}
	return replaceFile(p.root, p.name+".json", text)
}

// reset forgets everything that has arrived.
func (p *part) reset() error {
	p.saving.Lock()
	defer p.saving.Unlock()
	if err := p.root.Remove(p.name + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(err)
	}
	p.mu.Lock()
	clear(p.j.Done)
	p.unsaved = 0
	p.mu.Unlock()
	if err := p.f.Truncate(0); err != nil {
		return writeError(err)
	}
	return nil
}

// replaceFile writes a small file by a rename, so that it is old or new and never half.
func replaceFile(root *os.Root, name string, text []byte) error {
	tmp := name + ".new"
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return writeError(err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// writeError recognises a full disk.
func writeError(err error) error {
	if isFull(err) {
		return hinted{fmt.Errorf("couldn't write: %w: %w", ErrSpace, err), "make room, or choose another disk with --out; the same command goes on where this one stopped"}
	}
	return fmt.Errorf("couldn't write: %w", err)
}
