package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
)

// ErrNoBucket says that a node has committed no bucket on chain, or none that can be opened.
var ErrNoBucket = errors.New("node has no bucket on chain")

// Peers finds the buckets of other nodes by what they committed on chain. It keeps what it knew where the chain can't be read (storage
// specification, quirk 43), and it looks again whenever it is told to, so a bucket that was missing at the start is found later (quirk
// 14). It is safe for several goroutines.
type Peers struct {
	register Register
	open     func(commitment []byte) (Bucket, error)

	mu          sync.Mutex
	metagraph   chain.Metagraph
	commitments map[string][]byte
	buckets     map[string]peer
}

type peer struct {
	commitment []byte
	bucket     Bucket
	err        error
}

// NewPeers makes an empty map of peers. open makes a reader's bucket of the bytes of a commitment, as OpenPeer does.
func NewPeers(register Register, open func(commitment []byte) (Bucket, error)) *Peers {
	return &Peers{register: register, open: open, buckets: map[string]peer{}}
}

// Refresh reads metagraph and commitments. On failure what was known stays.
func (p *Peers) Refresh(ctx context.Context) error {
	m, err := p.register.Metagraph(ctx)
	if err != nil {
		return fmt.Errorf("couldn't read metagraph: %w", err)
	}
	c, err := p.register.Commitments(ctx)
	if err != nil {
		return fmt.Errorf("couldn't read commitments: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.metagraph, p.commitments = m, c
	return nil
}

// Metagraph returns the register as of the last refresh.
func (p *Peers) Metagraph() chain.Metagraph {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metagraph
}

// Bucket returns the bucket of a hotkey as of the last refresh. The error wraps ErrNoBucket.
func (p *Peers) Bucket(hotkey string) (Bucket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	commitment, ok := p.commitments[hotkey]
	if !ok {
		delete(p.buckets, hotkey)
		return nil, fmt.Errorf("couldn't open bucket of %s: %w", hotkey, ErrNoBucket)
	}
	known, ok := p.buckets[hotkey]
	if !ok || !bytes.Equal(known.commitment, commitment) {
		b, err := p.open(commitment)
		known = peer{bytes.Clone(commitment), b, err}
		p.buckets[hotkey] = known
	}
	if known.err != nil {
		return nil, fmt.Errorf("couldn't open bucket of %s: %w: %w", hotkey, ErrNoBucket, known.err)
	}
	return known.bucket, nil
}

// ByUID returns the bucket of a UID, and its hotkey. The error wraps ErrNoBucket.
func (p *Peers) ByUID(uid int) (b Bucket, hotkey string, err error) {
	m := p.Metagraph()
	if uid < 0 || uid >= len(m.Neurons) {
		return nil, "", fmt.Errorf("couldn't open bucket of UID %d: %w: it is not registered", uid, ErrNoBucket)
	}
	hotkey = m.Neurons[uid].Hotkey
	b, err = p.Bucket(hotkey)
	return b, hotkey, err
}

// OpenPeer opens buckets by the read credentials in a commitment, at the store that the settings name.
func OpenPeer(settings bucket.Settings) func(commitment []byte) (Bucket, error) {
	return func(commitment []byte) (Bucket, error) {
		c, err := bucket.ParseCommitment(commitment)
		if err != nil {
			return nil, err
		}
		cfg, err := settings.Peer(c)
		if err != nil {
			return nil, err
		}
		b, err := bucket.NewS3(cfg)
		if err != nil {
			return nil, err
		}
		return b, nil
	}
}
