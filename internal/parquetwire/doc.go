// Package parquetwire reads the two encodings that everything in a Parquet file stands on, from bytes that nobody vouches for: Thrift's compact protocol, in which
// footers and page headers are written, and the hybrid of runs and bit-packed groups of levels and dictionary indices. Window files (grail/windowfile) and
// datasets (internal/datasets/parquet) have readers of their own above it, because what they allow in a file differs.
package parquetwire
