package beacon

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// LocalConfig describes a beacon that this process signs itself.
type LocalConfig struct {
	// Seed makes the key; the same seed, genesis and period give the same chain and the same rounds. Whoever knows it knows all
	// future rounds: it is for networks on one machine.
	Seed []byte
	// Genesis is the time of round 1.
	Genesis time.Time
	// Period is the time between rounds, 3 s when zero. It may be less than a second.
	Period time.Duration
	// Now is the clock, time.Now when nil.
	Now func() time.Time
}

// Local is a beacon that signs for real with its own key. It keeps the last rounds and makes others anew when asked.
type Local struct {
	info   ChainInfo
	now    func() time.Time
	secret *big.Int
	rounds *cache
}

// NewLocal makes the key and the chain's name.
func NewLocal(cfg LocalConfig) (*Local, error) {
	if len(cfg.Seed) == 0 {
		return nil, errors.New("couldn't make local beacon: empty seed")
	}
	if cfg.Period == 0 {
		cfg.Period = 3 * time.Second
	}
	if cfg.Period < time.Millisecond {
		return nil, fmt.Errorf("couldn't make local beacon: period %s is under a millisecond", cfg.Period)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// 512 bits reduced by the 255-bit group order: the bias is below 2^-250.
	wide := sha512.Sum512(append([]byte("nanteos local beacon key\x00"), cfg.Seed...))
	secret := new(big.Int).Mod(new(big.Int).SetBytes(wide[:]), fr.Modulus())
	if secret.Sign() == 0 {
		return nil, errors.New("couldn't make local beacon: seed gives the zero key, choose another")
	}
	var pub bls.G2Affine
	pub.ScalarMultiplicationBase(secret)
	key := pub.Bytes()
	info := ChainInfo{PublicKey: key[:], GenesisTime: cfg.Genesis.UTC(), Period: cfg.Period, Scheme: SchemeQuicknet}
	info.Hash = localHash(info)
	return &Local{info: info, now: cfg.Now, secret: secret, rounds: newCache(256)}, nil
}

// localHash names a local chain by what pins it.
func localHash(info ChainInfo) string {
	b := []byte("nanteos local beacon chain\x00")
	b = append(b, info.PublicKey...)
	b = binary.BigEndian.AppendUint64(b, uint64(info.GenesisTime.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(info.Period))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Info describes the chain, which another process can pin.
func (l *Local) Info() ChainInfo { return l.info }

// Latest returns the round that is due now.
func (l *Local) Latest(ctx context.Context) (Round, error) {
	n := RoundAt(l.info, l.now())
	if n < 1 {
		return Round{}, fmt.Errorf("%w: local beacon starts at %s", ErrNotDue, l.info.GenesisTime.Format(time.RFC3339Nano))
	}
	return l.Round(ctx, uint64(n))
}

// Round signs round n if it is due.
func (l *Local) Round(ctx context.Context, n uint64) (Round, error) {
	if err := ctx.Err(); err != nil {
		return Round{}, fmt.Errorf("couldn't sign beacon round %d: %w", n, err)
	}
	if newest := RoundAt(l.info, l.now()); n == 0 || newest < 1 || n > uint64(newest) {
		return Round{}, fmt.Errorf("%w: round %d is due at %s, newest is %d", ErrNotDue, n, TimeOf(l.info, n).Format(time.RFC3339Nano), newest)
	}
	if r, ok := l.rounds.get(n); ok {
		return r, nil
	}
	p, err := hashToCurve(n)
	if err != nil {
		return Round{}, err
	}
	p.ScalarMultiplication(&p, l.secret)
	sig := p.Bytes()
	r := newRound(n, sig[:])
	l.rounds.put(r)
	return r, nil
}
