package patch

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// windowMax is the largest window that a frame may ask for beyond its content; whole payloads are decompressed in one piece, so it costs nothing.
const windowMax = 128 << 20

// blockMax is the most a zstd block can decompress to.
const blockMax = 128 << 10

// frameLength walks the blocks of the first frame and gives its length and how many bytes its blocks can decompress to at most.
// It reads three bytes a block.
func frameLength(data []byte, h *zstd.Header) (length int, most uint64, err error) {
	at := h.HeaderSize
	limit := uint64(blockMax)
	for {
		if at+3 > len(data) {
			return 0, 0, refuse("", RuleFrame, "it ends at byte %d inside the zstd frame", len(data))
		}
		b := uint32(data[at]) | uint32(data[at+1])<<8 | uint32(data[at+2])<<16
		last, kind, size := b&1 != 0, b>>1&3, int(b>>3)
		at += 3
		switch kind {
		case 0: // raw
			at += size
			most += uint64(min(size, blockMax))
		case 1: // one byte, repeated
			at++
			most += uint64(min(size, blockMax))
		case 2:
			at += size
			most += limit
		default:
			return 0, 0, refuse("", RuleFrame, "a zstd block at byte %d is of the reserved kind", at-3)
		}
		if last {
			break
		}
	}
	if h.HasCheckSum {
		at += 4
	}
	if at > len(data) {
		return 0, 0, refuse("", RuleFrame, "it ends at byte %d inside the zstd frame", len(data))
	}
	return at, most, nil
}

// unpack decompresses the first frame of data. The frame must state a content size of at most limit bytes and, unless quirks, be all of data.
func unpack(data []byte, limit int64, quirks bool) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return nil, refuse("", RuleFrame, "it doesn't begin with a zstd frame: %v", err)
	}
	if h.Skippable {
		return nil, refuse("", RuleFrame, "it begins with a skippable zstd frame")
	}
	if h.DictionaryID != 0 {
		return nil, refuse("", RuleFrame, "its zstd frame wants the dictionary %d", h.DictionaryID)
	}
	if !h.HasFCS {
		return nil, refuse("", RuleFrame, "its zstd frame doesn't state its content size")
	}
	if h.FrameContentSize > uint64(limit) {
		return nil, refuse("", RuleSize, "its content is %d bytes long, at most %d are allowed", h.FrameContentSize, limit)
	}
	length, most, err := frameLength(data, &h)
	if err != nil {
		return nil, err
	}
	if length < len(data) && !quirks {
		return nil, refuse("", RuleFrame, "%d bytes follow the zstd frame", len(data)-length)
	}
	if most < h.FrameContentSize {
		return nil, refuse("", RuleFrame, "its zstd frame states %d bytes of content and can't hold more than %d", h.FrameContentSize, most)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(max(h.FrameContentSize+blockMax, min(h.WindowSize, windowMax))), zstd.WithDecoderMaxWindow(1<<41))
	if err != nil {
		return nil, refuse("", RuleFrame, "the zstd decoder doesn't start: %v", err)
	}
	defer d.Close()
	out, err := d.DecodeAll(data[:length], nil)
	if err != nil {
		return nil, refuse("", RuleFrame, "its zstd frame is broken: %v", err)
	}
	if uint64(len(out)) != h.FrameContentSize {
		return nil, refuse("", RuleFrame, "its zstd frame states %d bytes of content and has %d", h.FrameContentSize, len(out))
	}
	return out, nil
}

// singleMax is the length up to which a payload is compressed in one piece.
const singleMax = 1 << 20

// ownBlock is the length from which on rows, columns and values get blocks of zstd, and so statistics, of their own: together
// they take some percent more.
const ownBlock = 4 << 10

// pack writes the parts as one zstd frame of level 1 that states its content size, without checksum. size is the sum of their lengths.
func pack(w io.Writer, size int64, parts func(emit func([]byte) error) error) error {
	options := []zstd.EOption{zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1),
		zstd.WithAllLitEntropyCompression(true), zstd.WithSingleSegment(true)} // a frame of less than 256 bytes states its size only so
	if size <= singleMax {
		all := make([]byte, 0, size)
		if err := parts(func(b []byte) error { all = append(all, b...); return nil }); err != nil {
			return err
		}
		e, err := zstd.NewWriter(nil, options...)
		if err != nil {
			return err
		}
		defer e.Close()
		_, err = w.Write(e.EncodeAll(all, nil))
		return err
	}
	e, err := zstd.NewWriter(nil, options...)
	if err != nil {
		return err
	}
	e.ResetContentSize(w, size)
	pending := 0
	err = parts(func(b []byte) error {
		if len(b) >= ownBlock && pending >= ownBlock {
			if err := e.Flush(); err != nil {
				return err
			}
			pending = 0
		}
		pending += len(b)
		_, err := e.Write(b)
		return err
	})
	return errors.Join(err, e.Close())
}

func u32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
