package dataset

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
)

// digestPrefix begins what is hashed; another form of the encoding would have another number.
const digestPrefix = "nanteos dataset 1"

// digest is the SHA-256, in lower-case hex, of this text. A number is eight bytes, the highest first; TEXT is its length in bytes as a number,
// followed by its UTF-8:
//
//	TEXT "nanteos dataset 1"
//	TEXT of the environment's id
//	for each table that is there, in the order of the spec:
//	    TEXT of its name, number of rows
//	    for each row in upstream order, for each column in the order of the spec:
//	        't' TEXT            a text
//	        'i' number          a whole number, in two's complement
//	        'l' number, TEXTs   a list of texts: how many, then each
//	        'n'                 an optional number or list that the row hasn't; an optional text is then an empty one
//
// docs/datasets.md has the same as a Python program.
func (s Spec) digest(tables map[string][]Row) string {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 64<<10) // a hash never fails, and so neither does this
	text(w, digestPrefix)
	text(w, s.Env)
	for _, t := range s.Tables {
		rows, ok := tables[t.Name]
		if !ok {
			continue
		}
		text(w, t.Name)
		number(w, uint64(len(rows)))
		for _, r := range rows {
			for _, c := range s.Columns {
				value(w, r[c.Name])
			}
		}
	}
	_ = w.Flush()
	return hex.EncodeToString(h.Sum(nil))
}

func value(w *bufio.Writer, v any) {
	switch v := v.(type) {
	case string:
		_ = w.WriteByte('t')
		text(w, v)
	case int64:
		_ = w.WriteByte('i')
		number(w, uint64(v))
	case []string:
		_ = w.WriteByte('l')
		number(w, uint64(len(v)))
		for _, s := range v {
			text(w, s)
		}
	default:
		_ = w.WriteByte('n')
	}
}

func text(w *bufio.Writer, s string) {
	number(w, uint64(len(s)))
	_, _ = io.WriteString(w, s)
}

func number(w *bufio.Writer, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	_, _ = w.Write(b[:])
}
