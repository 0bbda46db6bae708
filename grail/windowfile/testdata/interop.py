"""Counterpart of interop_test.go: reads a window file with pyarrow, checks its schema, and writes it again in several ways."""
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

COMMIT = pa.struct([
    ("tokens", pa.list_(pa.int32())), ("commitments", pa.string()), ("proof_version", pa.string()),
    ("model", pa.struct([("name", pa.string()), ("layer_index", pa.int32())])),
    ("signature", pa.string()), ("beacon", pa.string()),
    ("rollout", pa.struct([
        ("total_reward", pa.float64()), ("advantage", pa.float64()), ("success", pa.bool_()),
        ("token_logprobs", pa.list_(pa.float32())), ("prompt_length", pa.int32()), ("completion_length", pa.int32()),
    ])),
])
SCHEMA = pa.schema([
    ("window_start", pa.int64()), ("block", pa.int64()), ("nonce", pa.int64()), ("block_hash", pa.string()),
    ("randomness", pa.string()), ("use_drand", pa.bool_()), ("rollout_group", pa.int64()), ("rollout_index", pa.int32()),
    ("total_in_group", pa.int32()), ("checkpoint_window", pa.int64()), ("commit", COMMIT), ("timestamp", pa.float64()),
    ("challenge", pa.string()), ("hotkey", pa.string()), ("signature", pa.string()),
])


def wide(t):
    """The same type with other widths: int64, float64, large strings and lists named otherwise."""
    if pa.types.is_struct(t):
        return pa.struct([(f.name, wide(f.type)) for f in t])
    if pa.types.is_list(t):
        return pa.large_list(pa.field("thing", wide(t.value_type)))
    if pa.types.is_integer(t):
        return pa.int64()
    if pa.types.is_floating(t):
        return pa.float64()
    if pa.types.is_string(t):
        return pa.large_string()
    return t


src, dst = sys.argv[1], sys.argv[2]
table = pq.read_table(src)
meta = {k.decode(): v.decode() for k, v in (pq.read_schema(src).metadata or {}).items()}
if list(meta) != ["wallet", "window_start", "window_length", "inference_count", "timestamp"]:
    sys.exit("metadata keys %s" % list(meta))
flat = table.schema.remove_metadata()
assert flat.names == SCHEMA.names, flat.names
for got, want in zip(flat, SCHEMA):
    # The name of a list's items comes from the file here (element), from Arrow's default there (item).
    assert str(got.type).replace("element:", "item:") == str(want.type), (got, want)
rows = table.to_pylist()
again = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(meta))
reference = dict(compression="zstd", version="2.6", use_dictionary=True, write_statistics=True)
ways = {
    "reference": (again, reference),
    "snappy": (again, dict(compression="snappy")),
    "gzip-v2": (again, dict(compression="gzip", data_page_version="2.0")),
    "lz4-groups": (again, dict(compression="lz4", row_group_size=7)),
    "brotli": (again, dict(compression="brotli", store_schema=False)),
    "none-v2-groups": (again, dict(compression="none", data_page_version="2.0", row_group_size=5, data_page_size=4096)),
    "small-pages": (again, dict(compression="zstd", data_page_size=2048, write_batch_size=3, dictionary_pagesize_limit=4096)),
    "page-index": (again, dict(compression="zstd", write_page_index=True, write_page_checksum=True)),
    "delta": (again, dict(compression="zstd", use_dictionary=False, column_encoding={
        "window_start": "DELTA_BINARY_PACKED", "nonce": "DELTA_BINARY_PACKED", "rollout_index": "DELTA_BINARY_PACKED",
        "commit.tokens.list.element": "DELTA_BINARY_PACKED", "commit.commitments": "DELTA_LENGTH_BYTE_ARRAY",
        "challenge": "DELTA_BYTE_ARRAY", "hotkey": "DELTA_BYTE_ARRAY", "commit.rollout.total_reward": "BYTE_STREAM_SPLIT",
        "commit.rollout.token_logprobs.list.element": "BYTE_STREAM_SPLIT", "use_drand": "RLE"})),
    "wide": (again.cast(pa.schema([(f.name, wide(f.type)) for f in SCHEMA], metadata=meta)), dict(compression="zstd")),
}
extra = again.append_column("extra", pa.array([[{"a": 1}]] * len(rows)))
ways["extra"] = (extra, dict(compression="zstd"))
for name, (t, how) in ways.items():
    pq.write_table(t, "%s/%s.parquet" % (dst, name), **how)
print(json.dumps(sorted(ways)))
