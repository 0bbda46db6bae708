package devnet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/nanteos/nanteos/bittensor/sr25519"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/chain"
)

// Role is what a member does.
type Role string

// The roles.
const (
	Trainer   Role = "trainer"
	Validator Role = "validator"
	Miner     Role = "miner"
)

// Honest is the Kind of a miner that doesn't cheat, Guest of a member that is run by somebody else: a network that lets others in has two.
const (
	Honest = "honest"
	Guest  = "guest"
)

// Member is a neuron of the network. Everything about it follows from the network's seed and its name.
type Member struct {
	UID  int
	Name string
	Role Role
	// Kind is Honest or the name of a cheat, empty for others than miners.
	Kind string
	// Groups is how many groups a miner makes in a window at most: its speed.
	Groups int
	// Stake is in rao.
	Stake  uint64
	Hotkey sr25519.Keypair
	// Account names the bucket, Keys open it.
	Account string
	Keys    bucket.BucketKeys
	// Secret makes a miner's sampling.
	Secret []byte
}

// Address is the SS58 address of the hotkey.
func (m Member) Address() string { return ss58.EncodeBittensor(m.Hotkey.Public()) }

// Signer signs the member's transactions.
func (m Member) Signer() chain.Signer { return chain.KeySigner(m.Hotkey) }

// settings are the member's object store settings at the network's store.
func (m Member) settings(endpoint string) bucket.Settings {
	return bucket.Settings{AccountID: m.Account, Bucket: m.Account, Write: m.Keys.Write, Read: m.Keys.Read, Endpoint: endpoint, PathStyle: true}
}

const rao = 1_000_000_000

// Members lists the network in the order of UIDs: trainer, validators, honest miners, cheaters, guests.
func (s Settings) Members() []Member {
	members := []Member{{Name: "trainer", Role: Trainer, Stake: 10 * rao}}
	for i := range s.Validators {
		members = append(members, Member{Name: fmt.Sprintf("validator-%d", i+1), Role: Validator, Stake: uint64(1000+i) * rao})
	}
	for i := range s.Miners {
		members = append(members, Member{Name: fmt.Sprintf("miner-%d", i+1), Role: Miner, Kind: Honest, Groups: max(1, s.fastest()-i)})
	}
	count := map[string]int{}
	for _, kind := range s.Cheaters {
		count[kind]++
		name := kind
		if n := count[kind]; n > 1 {
			name = fmt.Sprintf("%s-%d", kind, n)
		}
		members = append(members, Member{Name: name, Role: Miner, Kind: kind, Groups: 1})
	}
	if s.Guests {
		members = append(members, Member{Name: "guest-miner", Role: Miner, Kind: Guest}, Member{Name: "guest-validator", Role: Validator, Kind: Guest, Stake: 500 * rao})
	}
	for i := range members {
		members[i].UID = i
		s.identify(&members[i])
	}
	return members
}

// coldkey is who owns the hotkey: guests have a wallet, the others own themselves.
func (m Member) coldkey(s Settings) string {
	if m.Kind == Guest {
		return s.guestColdkey().Address()
	}
	return m.Address()
}

// guestColdkey owns the guests, and has money to register more of them.
func (s Settings) guestColdkey() Member {
	return Member{Name: "guest", Hotkey: sr25519.NewKeypair(s.derive("guest", "coldkey"))}
}

// identify derives a member's secrets. They protect nothing: whoever knows the seed knows them.
func (s Settings) identify(m *Member) {
	m.Hotkey = sr25519.NewKeypair(s.derive(m.Name, "hotkey"))
	account := s.derive(m.Name, "account")
	m.Account = hex.EncodeToString(account[:16])
	pair := func(use string) bucket.Keys {
		id, secret := s.derive(m.Name, use+" key id"), s.derive(m.Name, use+" secret")
		return bucket.Keys{AccessKeyID: hex.EncodeToString(id[:16]), SecretAccessKey: bucket.Secret(hex.EncodeToString(secret[:]))}
	}
	m.Keys = bucket.BucketKeys{Write: pair("write"), Read: pair("read")}
	sampling := s.derive(m.Name, "sampling")
	m.Secret = sampling[:]
}

// derive makes 32 bytes of the seed, a member's name and a use.
func (s Settings) derive(name, use string) [32]byte {
	h := hmac.New(sha256.New, []byte("nanteos devnet identity v1"))
	h.Write(binary.BigEndian.AppendUint64(nil, s.Seed))
	h.Write([]byte(name + "\x00" + use))
	return [32]byte(h.Sum(nil))
}
