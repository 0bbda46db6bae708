package logicnet

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// ErrInfo is the sentinel of an Information reply that makes no sense.
var ErrInfo = errors.New("invalid information")

// maxCategory bounds the name of a category in bytes.
const maxCategory = 64

// Info is what a miner says of itself. Section 5.1.
type Info struct {
	// Category is "" when it names none. A name of the wrong type, where the rules take it, is its JSON text.
	Category string
	// EpochVolume is how many requests it takes in an epoch. It is never NaN.
	EpochVolume float64
}

// ParseInfo reads the response_dict of an Information reply. A volume that is missing, null, zero or otherwise false to Python is
// DefaultVolume, a category of that kind "". Errors wrap ErrInfo.
//
// With LooseInfo a volume may be any number or truth value and a category anything but a list or an object, as the reference has it;
// without it a volume must be a number from 0 to MaxVolume and a category a text of at most 64 bytes.
func (r Rules) ParseInfo(response map[string]synapse.Value) (Info, error) {
	info, category, err := r.parseInfo(response)
	if err == nil {
		err = category
	}
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// parseInfo reads as much as the reference does before it fails: a bad category comes out only after all else is done.
func (r Rules) parseInfo(response map[string]synapse.Value) (info Info, badCategory, err error) {
	info.Category, badCategory = r.category(response["category"])
	info.EpochVolume, err = r.volume(response["epoch_volume"])
	return info, badCategory, err
}

func (r Rules) category(v synapse.Value) (string, error) {
	if falsy(v) {
		return "", nil
	}
	text, ok := v.Text()
	if !ok {
		text = v.String()
		if !r.LooseInfo {
			return "", fmt.Errorf("%w: category is %s, must be a text", ErrInfo, shorten(text))
		}
		if text[0] == '[' || text[0] == '{' {
			return text, fmt.Errorf("%w: category is %s, which has no hash in Python", ErrInfo, shorten(text))
		}
	}
	if len(text) > maxCategory && !r.LooseInfo {
		return "", fmt.Errorf("%w: category has %d bytes, at most %d are taken", ErrInfo, len(text), maxCategory)
	}
	return text, nil
}

func (r Rules) volume(v synapse.Value) (float64, error) {
	if falsy(v) {
		return r.DefaultVolume, nil
	}
	if _, ok := v.Text(); ok {
		return 0, fmt.Errorf("%w: epoch_volume is a text, must be a number", ErrInfo)
	}
	text := v.String()
	if text == "true" && r.LooseInfo {
		return 1, nil
	}
	x, err := number(text)
	switch {
	case err != nil || math.IsNaN(x):
		return 0, fmt.Errorf("%w: epoch_volume is %s, must be a number", ErrInfo, shorten(text))
	case !r.LooseInfo && (x < 0 || math.IsInf(x, 0) || r.MaxVolume > 0 && x > r.MaxVolume):
		return 0, fmt.Errorf("%w: epoch_volume is %s, must be from 0 to %v", ErrInfo, shorten(text), r.MaxVolume)
	}
	return x, nil
}

// number reads a JSON number as synapse.Value writes it, infinities and NaN among them.
func number(text string) (float64, error) {
	switch text {
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if text == "" || !strings.ContainsRune("-0123456789", rune(text[0])) {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, 64)
}

// falsy reports whether Python's truth of a value is False.
func falsy(v synapse.Value) bool {
	if v.IsNull() {
		return true
	}
	if text, ok := v.Text(); ok {
		return text == ""
	}
	switch text := v.String(); text {
	case "false", "[]", "{}":
		return true
	default:
		x, err := number(text)
		return err == nil && x == 0
	}
}
