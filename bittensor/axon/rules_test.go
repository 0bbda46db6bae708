package axon

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/vectortest"
)

func TestNonceWindowVectors(t *testing.T) {
	const file = "logicnet/nonce_window.json"
	var v struct {
		About string
		Cases []struct {
			Now          int64 `json:"now_ns"`
			Timeout      float64
			IsFloat      bool `json:"timeout_is_float"`
			Threshold    any
			Nonce        int64
			Fresh        bool
			DiffSeconds  float64 `json:"diff_seconds"`
			AllowedDelta float64 `json:"allowed_delta_seconds"`
			Message      string
		}
	}
	vectortest.Decode(t, file, &v)
	for i, c := range v.Cases {
		if got := tooOld(c.Now, c.Nonce, c.Timeout, !c.IsFloat); got == c.Fresh {
			t.Errorf("case %d: too old: %v", i, got)
		}
		if got := ageError(c.Now, c.Nonce, c.Timeout, !c.IsFloat).Error(); got != c.Message {
			t.Errorf("case %d: %q, want %q", i, got, c.Message)
		}
	}
	vectortest.Count(t, file, len(v.Cases))
}

func TestTooOldExtremes(t *testing.T) {
	now := int64(1754000857187695266)
	for _, c := range []struct {
		nonce   int64
		timeout float64
		integer bool
		want    bool
	}{
		{now, math.NaN(), false, false}, {now, math.Inf(1), false, false}, {now, math.Inf(-1), false, true},
		{math.MinInt64, 1e300, true, false}, {math.MinInt64, 1e300, false, false}, {math.MaxInt64, -1e300, true, true}, {math.MaxInt64, -1e300, false, true},
		{math.MinInt64, 0, true, true}, {math.MaxInt64, 0, true, false}, {5, 1e9, true, true}, {5, 1.76e9, true, false}, {now - 4e9, 0, true, true}, {now - 4e9 + 1, 0, true, false},
	} {
		if got := tooOld(now, c.nonce, c.timeout, c.integer); got != c.want {
			t.Errorf("tooOld(%d, %g, %v) = %v", c.nonce, c.timeout, c.integer, got)
		}
	}
}

func TestVerifySequenceVectors(t *testing.T) {
	for _, file := range []string{"logicnet/verify_sequences.json", "logicnet/verify_sequences_sdk10.json"} {
		t.Run(file, func(t *testing.T) {
			type step struct {
				Now       int64 `json:"now_ns"`
				Nonce     *int64
				Hotkey    *string
				UUID      *string
				Version   *int64
				Timeout   *float64
				IsFloat   bool    `json:"timeout_is_float"`
				BodyHash  *string `json:"computed_body_hash"`
				Signature *string
				Kind      string
				Message   string
				Accept    bool
				Error     string
			}
			var v struct {
				About, SDK string
				Cases      []struct {
					AxonHotkey  string `json:"axon_hotkey"`
					Steps       []step
					FinalNonces map[string]int64 `json:"final_nonces"`
				}
			}
			vectortest.Decode(t, file, &v)
			steps := 0
			for i, c := range v.Cases {
				reference, hardened := nonce.Memory(nonce.Options{}), nonce.Memory(nonce.Options{})
				for k, s := range c.Steps {
					steps++
					e := synapse.NewEnvelope()
					e.Timeout, e.BodyHash = optional(s.Timeout), optional(s.BodyHash)
					e.Dendrite.Hotkey, e.Dendrite.UUID, e.Dendrite.Signature = optional(s.Hotkey), optional(s.UUID), optional(s.Signature)
					if s.Nonce != nil {
						e.Dendrite.Nonce = synapse.Int(*s.Nonce)
					}
					if s.Version != nil {
						e.Dendrite.Version = synapse.Int(*s.Version)
					}
					now := time.Unix(0, s.Now)
					key, err := Reference().Verify(now, &e, !s.IsFloat, c.AxonHotkey, reference)
					unsigned := s.Kind == "missing" || s.Kind == "empty"
					switch {
					case unsigned && s.Accept:
						// SDK 9.3 to 10.4 take this. We refuse it and note the nonce as they do, to go on with the sequence.
						if err == nil {
							t.Errorf("case %d step %d: an unsigned request is accepted", i, k)
						}
						if err := reference.Accept(now, key, e.Dendrite.UUID.Or("None"), *s.Nonce, math.MaxInt64); err != nil {
							t.Fatal(err)
						}
					case (err == nil) != s.Accept:
						t.Errorf("case %d step %d (%s): error %v, the reference accepts: %v", i, k, s.Kind, err, s.Accept)
					case err != nil && !unsigned && normal(err.Error()) != normal(s.Error):
						t.Errorf("case %d step %d: %q, want %q", i, k, err, s.Error)
					case err != nil && !errors.Is(err, ErrNotVerified):
						t.Errorf("case %d step %d: %v does not wrap the sentinel", i, k, err)
					}
					if want := s.Message; want != "" && string(synapse.RequestMessage(e.Dendrite.Nonce, e.Dendrite.Hotkey.Or("None"), c.AxonHotkey, e.Dendrite.UUID, e.BodyHash)) != want {
						t.Errorf("case %d step %d: the message differs from %s", i, k, want)
					}
					// The hardened rules accept nothing that the reference refuses, but for nonces older than one that they did not take.
					newer := strings.HasSuffix(s.Error, "a newer one was last processed")
					if _, err := Hardened().Verify(now, &e, !s.IsFloat, c.AxonHotkey, hardened); err == nil && !s.Accept && !newer {
						t.Errorf("case %d step %d: accepted by the hardened rules only", i, k)
					}
				}
				for endpoint, want := range c.FinalNonces {
					hotkey, uuid, _ := strings.Cut(endpoint, ":")
					key, _, err := ss58.Decode(hotkey)
					if err != nil {
						t.Fatal(err)
					}
					if got, ok := reference.Last(key, uuid); !ok || got != want {
						t.Errorf("case %d: nonce of %s is %d, want %d", i, endpoint, got, want)
					}
				}
				if reference.Len() != len(c.FinalNonces) {
					t.Errorf("case %d: %d endpoints, want %d", i, reference.Len(), len(c.FinalNonces))
				}
			}
			vectortest.Count(t, file, steps)
		})
	}
}

func optional[T any](p *T) (o synapse.Optional[T]) {
	if p != nil {
		o = synapse.Some(*p)
	}
	return o
}

// normal cuts what the reference says after the kind of a signature error, which is its key library's.
func normal(text string) string {
	if strings.HasPrefix(text, "Nonce is") || text == "Missing Nonce" || text == "" {
		return text
	}
	return "signature"
}
