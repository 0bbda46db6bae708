package windowfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

var errCodec = errors.New("the file uses a compression codec that this reader doesn't know")

var errSize = errors.New("decompressed size differs from the page header")

// zstdDecoders are shared: a decoder is safe for concurrent DecodeAll and starts no goroutines with concurrency 1.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
})

// decompress fills dst, whose length is the size that the page header gives, from src. It never writes more than that.
func decompress(codec format.CompressionCodec, dst, src []byte) error {
	var n int
	switch codec {
	case format.Uncompressed:
		if len(src) != len(dst) {
			return errSize
		}
		copy(dst, src)
		return nil
	case format.Zstd:
		d, err := zstdDecoder()
		if err != nil {
			return err
		}
		out, err := d.DecodeAll(src, dst[:0:len(dst)])
		if err != nil {
			return err
		}
		n = len(out)
	case format.Snappy:
		size, err := snappy.DecodedLen(src)
		if err != nil {
			return err
		}
		if size != len(dst) {
			return errSize
		}
		out, err := snappy.Decode(dst, src)
		if err != nil {
			return err
		}
		n = len(out)
	case format.Lz4Raw:
		m, err := lz4.UncompressBlock(src, dst)
		if err != nil {
			return err
		}
		n = m
	case format.Gzip:
		z, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return err
		}
		return fill(dst, z)
	case format.Brotli:
		return fill(dst, brotli.NewReader(bytes.NewReader(src)))
	default:
		return errCodec
	}
	if n != len(dst) {
		return errSize
	}
	return nil
}

// fill reads exactly dst from r.
func fill(dst []byte, r io.Reader) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	var one [1]byte
	if n, _ := io.ReadFull(r, one[:]); n != 0 {
		return errSize
	}
	return nil
}
