package beacon

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// maxBody bounds what is read of a relay's answer; a real one has about 300 bytes.
const maxBody = 16 << 10

// roundJSON is a round as relays write it. Version 2 leaves randomness out.
type roundJSON struct {
	Round             *uint64 `json:"round"`
	Randomness        *string `json:"randomness,omitempty"`
	Signature         *string `json:"signature"`
	PreviousSignature *string `json:"previous_signature,omitempty"`
}

// parseRound reads a relay's answer of version 1 or 2. It checks the form only; the Verifier decides whether to believe it.
// Fields that it does not know are ignored, since relays may add some.
func parseRound(body []byte) (Round, error) {
	if len(body) > maxBody {
		return Round{}, fmt.Errorf("answer has more than %d bytes", maxBody)
	}
	var j roundJSON
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&j); err != nil {
		return Round{}, fmt.Errorf("answer is not a round's JSON: %w", err)
	}
	if d.More() {
		return Round{}, fmt.Errorf("answer has something after the round, at byte %d", d.InputOffset())
	}
	if j.Round == nil || j.Signature == nil {
		return Round{}, fmt.Errorf("answer lacks round or signature")
	}
	sig, err := decodeHex("signature", *j.Signature, signatureBytes)
	if err != nil {
		return Round{}, err
	}
	r := newRound(*j.Round, sig)
	if j.Randomness != nil {
		claimed, err := decodeHex("randomness", *j.Randomness, len(r.Randomness))
		if err != nil {
			return Round{}, err
		}
		if !bytes.Equal(claimed, r.Randomness) {
			return Round{}, fmt.Errorf("%w: randomness is not the SHA-256 of the signature", ErrInvalid)
		}
	}
	return r, nil
}

func decodeHex(name, text string, size int) ([]byte, error) {
	if len(text) != 2*size {
		return nil, fmt.Errorf("%s has %d characters, not %d", name, len(text), 2*size)
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not hex: %w", name, err)
	}
	return b, nil
}

// encodeRound writes r as a relay of version 1 or 2 does.
func encodeRound(r Round, version int) []byte {
	sig := hex.EncodeToString(r.Signature)
	if version == 2 {
		return fmt.Appendf(nil, `{"round":%d,"signature":"%s"}`+"\n", r.Number, sig)
	}
	return fmt.Appendf(nil, `{"round":%d,"randomness":"%s","signature":"%s"}`+"\n", r.Number, r.Text(), sig)
}

// infoJSON is the description of a chain that relays give under /info.
type infoJSON struct {
	PublicKey   string  `json:"public_key"`
	Period      float64 `json:"period"`
	GenesisTime int64   `json:"genesis_time"`
	GenesisSeed string  `json:"genesis_seed,omitempty"`
	Hash        string  `json:"hash,omitempty"`
	ChainHash   string  `json:"chain_hash,omitempty"`
	Scheme      string  `json:"schemeID,omitempty"`
	SchemeV2    string  `json:"scheme,omitempty"`
	BeaconID    string  `json:"beacon_id,omitempty"`
}

// encodeInfo writes the description of version 1 or 2. A local chain's period may be a fraction of a second there, which drand's never
// is; its genesis is cut to whole seconds, so pin a local chain by its ChainInfo and not by this text.
func encodeInfo(c ChainInfo, version int) []byte {
	j := infoJSON{PublicKey: hex.EncodeToString(c.PublicKey), Period: c.Period.Seconds(), GenesisTime: c.GenesisTime.Unix()}
	if version == 2 {
		j.ChainHash, j.SchemeV2, j.BeaconID = c.Hash, c.Scheme, "nanteos"
	} else {
		j.Hash, j.Scheme = c.Hash, c.Scheme
	}
	b, err := json.Marshal(j)
	if err != nil {
		return []byte("{}\n") // a struct of plain fields always marshals
	}
	return append(b, '\n')
}

// cleanRelay strips what people write at the end of a base URL.
func cleanRelay(base string) string { return strings.TrimRight(strings.TrimSpace(base), "/") }
