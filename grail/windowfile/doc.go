// Package windowfile writes and reads the Parquet file in which a miner hands in the rollouts of one window (protocol
// specification, section 6).
//
// # What a window file is
//
// One row per rollout and 27 leaf columns: numbers and texts that say which window, group and nonce the rollout belongs to, and a
// nested struct commit with the token ids, the sketch commitments (JSON text), the log-probabilities, the rewards and the
// signatures. Five texts in the file's key-value metadata name the wallet, the window and the number of rows. [Write] produces
// what the Python reference produces through Arrow C++: the same schema by name, type, nesting and optionality, format version
// 2.6, ZSTD level 1, data pages of version 1 around 1 MiB, dictionaries with a fall back to plain values, one row group.
//
// # How it is read
//
// A validator needs little of a file: four narrow columns for the structure, the token ids of all rows for the digests, and
// everything of some sixty sampled rows. [Open] therefore reads the footer only; [File.Scan] reads chosen columns of a range of
// rows, page by page, through an [io.ReaderAt] that may well be a range request to an object store, and [File.Ranges] says
// beforehand which bytes that will touch. Pages of flat columns before the range are skipped without being fetched.
//
// # Why the pages are decoded here
//
// A file comes from somebody who may want the reader to fail. The general Parquet readers at hand trust sizes that the file
// claims: lists in the footer are allocated before they are read, decompression grows until the data ends, and one codec doubles
// its buffer without end on bad input. This package walks footer and pages with a bounded Thrift reader, decompresses into
// buffers whose size was checked against [Limits] and never beyond, and decodes levels and values in blocks of a thousand, so
// that memory follows the size of a page and never a number in a header. Enumerations and the encoder of the footer come from
// parquet-go; parquet-go and pyarrow read and write the same files in the tests.
//
// # What is accepted
//
// As the reference does through Arrow, the reader takes column types from the file: any integer width, signed or not; single or
// double precision; string or large string; any name for the element of a list; several row groups; data pages of version 1 and
// 2; the codecs ZSTD, Snappy, gzip, LZ4 (raw), Brotli and none; all value encodings that writers of such files use. A missing
// column reads as null, further columns are ignored, and nulls are kept apart from zeros in the Null field of a row.
package windowfile
