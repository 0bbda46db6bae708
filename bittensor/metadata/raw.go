package metadata

import (
	"fmt"
	"reflect"

	"github.com/nanteos/nanteos/bittensor/scale"
)

// Raw is a value that is encoded already: a call within a batch, say. Encode takes it for any type, after a look that it is a value of it.
type Raw []byte

var rawType = reflect.TypeFor[Raw]()

func (e *encoder) raw(id TypeID, b Raw) error {
	d := e.rt.decoder(b)
	d.skip(id)
	if err := d.r.End(); err != nil {
		return fmt.Errorf("couldn't take encoded %s as it is: %w: %w", e.rt.label(id), ErrType, err)
	}
	e.w.Raw(b...)
	return nil
}

// ExtrinsicBody returns an extrinsic without the length in front: what runtime APIs take for arguments of the type UncheckedExtrinsic, such
// as TransactionPaymentApi.query_info.
func ExtrinsicBody(extrinsic []byte) ([]byte, error) {
	r := scale.NewReader(extrinsic)
	b := r.Bytes()
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("couldn't take the length off an extrinsic: %w", err)
	}
	return b, nil
}
