package verify

import (
	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/cpython"
)

// ModelLimits reads vocabulary size and context length from the JSON of a model's config (section 7.6): the first key with a
// positive integer counts. vocab is 0 when no key names one, length is then the rules' default.
func ModelLimits(r grail.Rules, config []byte) (vocab, length int, err error) {
	v, err := cpython.ParseJSON(config, cpython.Limits{})
	if err != nil {
		return 0, 0, err
	}
	vocab = firstPositive(v, "vocab_size", "n_vocab", "vocabulary_size")
	if vocab == 0 {
		if text, ok := v.Get("text_config"); ok {
			vocab = firstPositive(text, "vocab_size")
		}
	}
	length = firstPositive(v, "max_position_embeddings", "max_seq_len", "n_positions", "seq_length", "max_sequence_length", "model_max_length")
	if length == 0 {
		length = r.DefaultContext
	}
	return vocab, length, nil
}

func firstPositive(v cpython.Value, keys ...string) int {
	for _, k := range keys {
		x, _ := v.Get(k)
		if n, ok := x.Int64(); ok && n > 0 {
			return int(min(n, 1<<31-1))
		}
	}
	return 0
}
