package problems

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/nanteos/nanteos/internal/cpython"
)

// MinSecret is the least length of a Source's secret in bytes.
const MinSecret = 16

var (
	// ErrSecret says that a secret is too short to be one. Give the source MinSecret random bytes or more.
	ErrSecret = errors.New("the secret of a problem source is too short")
	// ErrExhausted says that a Source found no question that was not posed before. Give it more generators, or forget old digests.
	ErrExhausted = errors.New("no new question found")
)

// Digest identifies a question: the start of the SHA-256 of its generator's name and its text. It does not depend on the secret, so
// that a question is not posed again under another one.
type Digest [16]byte

// Memory remembers which questions were posed. A validator keeps it in its store; Recent keeps it in memory.
type Memory interface {
	// Add remembers a digest and says whether it is new.
	Add(d Digest) (fresh bool, err error)
}

// Problem is a question nobody has seen, with an answer that was derived twice.
type Problem struct {
	Index     uint64 // place in the source's sequence
	Generator string
	Text      string // the question as its generator writes it, with dollar signs
	Question  string // the same in the legacy frame, which names the topic: the raw question of a challenge
	Answer    string // the ground truth: without dollar signs
	Digest    Digest
}

// Hardened returns the generators a Source draws from: the sound ones that have wide ranges and a check of their answers.
func Hardened() []*Generator {
	return slices.DeleteFunc(Sound(), func(g *Generator) bool { return g.Wide == nil || g.Check == nil })
}

// Options configures a Source.
type Options struct {
	Next       uint64       // index of the first question: one more than the last that was posed under the secret
	Memory     Memory       // default: NewRecent(1 << 20)
	Generators []*Generator // default: Hardened(). Each needs Wide and Check
}

// Source poses the questions of a validator. Question i depends on the secret and i alone, through HMAC-SHA256, so that nobody who has
// seen some of the questions, nor the source code, can foresee another; the same secret and index give the same question, which is
// passed over when the memory knows it. A Source reads no clock and keeps nothing but the index; it is not safe for use by several
// goroutines.
type Source struct {
	secret     []byte
	next       uint64
	memory     Memory
	generators []*Generator
	rejected   uint64
}

// NewSource makes a source from a secret of MinSecret bytes or more, of which it keeps a copy. The error is ErrSecret, or says which
// generator cannot be used.
func NewSource(secret []byte, o Options) (*Source, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("couldn't make a problem source from %d bytes, %d are needed: %w", len(secret), MinSecret, ErrSecret)
	}
	s := &Source{secret: slices.Clone(secret), next: o.Next, memory: o.Memory, generators: slices.Clone(o.Generators)}
	if s.memory == nil {
		s.memory = NewRecent(1 << 20)
	}
	if len(s.generators) == 0 {
		s.generators = Hardened()
	}
	for _, g := range s.generators {
		if g.Wide == nil || g.Check == nil || g.Defect != "" {
			return nil, fmt.Errorf("couldn't make a problem source with %s: it has no wide ranges, no check or a defect (%q)", g.Name, g.Defect)
		}
	}
	return s, nil
}

// Index returns the index that the next question will have: what to keep across restarts.
func (s *Source) Index() uint64 { return s.next }

// Rejected returns how many drawn questions were dropped because their answer failed the check. It stays near zero: a number that
// grows is a fault of a generator.
func (s *Source) Rejected() uint64 { return s.rejected }

// Next poses a question of any kind. Errors are ErrExhausted and those of the memory.
func (s *Source) Next() (Problem, error) { return s.pose("") }

// NextOf poses a question of one kind: for miners of one batch that should get different numbers of the same difficulty.
func (s *Source) NextOf(generator string) (Problem, error) { return s.pose(generator) }

// Kinds returns the names of the generators, ascending by id.
func (s *Source) Kinds() []string {
	names := make([]string, len(s.generators))
	for i, g := range s.generators {
		names[i] = g.Name
	}
	return names
}

const (
	indices = 64  // that a source tries before it says that it is exhausted
	tries   = 4   // draws from one generator
	longest = 600 // bytes of an answer: what a model can write and a grader reads
)

func (s *Source) pose(kind string) (Problem, error) {
	for range indices {
		index := s.next
		s.next++
		r := s.rand(index)
		g := s.generators[r.Below(len(s.generators))]
		if kind != "" {
			i := slices.IndexFunc(s.generators, func(g *Generator) bool { return g.Name == kind })
			if i < 0 {
				return Problem{}, fmt.Errorf("couldn't pose a question of %q: the source has no such generator", kind)
			}
			g = s.generators[i]
		}
		for range tries {
			text, answer, ok := g.verified(r)
			if !ok {
				s.rejected++
				continue
			}
			p := Problem{Index: index, Generator: g.Name, Text: text, Question: g.LegacyFrame(text), Answer: Truth(answer), Digest: g.digest(text)}
			fresh, err := s.memory.Add(p.Digest)
			if err != nil {
				return Problem{}, fmt.Errorf("couldn't remember question %d: %w", index, err)
			}
			if fresh {
				return p, nil
			}
		}
	}
	return Problem{}, fmt.Errorf("couldn't pose a question after %d indices: %w", indices, ErrExhausted)
}

// rand returns the randomness of one question.
func (s *Source) rand(index uint64) *cpython.Rand {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte("nanteos logicnet problem 1\x00"))
	h.Write(binary.BigEndian.AppendUint64(nil, index))
	return cpython.NewRandFromBytes(h.Sum(nil))
}

// verified draws a question from the wide ranges and says whether its answer holds: by the check, and by it once more for the numbers
// that a reader finds in the question.
func (g *Generator) verified(r *cpython.Rand) (question, answer string, ok bool) {
	a := g.Draw(r, g.Wide)
	if a == nil {
		return "", "", false
	}
	question, answer = g.Write(a)
	if truth := Truth(answer); truth == "" || len(truth) > longest || !g.Check(a, answer) {
		return "", "", false
	}
	if g.Form != "" || g.Parse != nil {
		if a, ok = g.Read(question); !ok || !g.Check(a, answer) {
			return "", "", false
		}
	}
	return question, answer, true
}

func (g *Generator) digest(question string) (d Digest) {
	sum := sha256.Sum256([]byte(g.Name + "\x00" + question))
	copy(d[:], sum[:])
	return d
}

// Recent is a Memory of the last digests, the oldest being forgotten first. It takes about 50 bytes for each.
type Recent struct {
	known map[Digest]struct{}
	ring  []Digest
	size  int
	at    int
}

// NewRecent returns a memory of n digests, at least one.
func NewRecent(n int) *Recent { return &Recent{known: map[Digest]struct{}{}, size: max(1, n)} }

// Add implements Memory; it never fails.
func (m *Recent) Add(d Digest) (fresh bool, err error) {
	if _, ok := m.known[d]; ok {
		return false, nil
	}
	if len(m.ring) < m.size {
		m.ring = append(m.ring, d)
	} else {
		delete(m.known, m.ring[m.at])
		m.ring[m.at] = d
		m.at = (m.at + 1) % m.size
	}
	m.known[d] = struct{}{}
	return true, nil
}
