package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/nanteos/nanteos/internal/cpython"
)

// Limits of foreign metadata.
const (
	maxMetadataBytes  = 4 << 20
	maxMetadataDepth  = 32
	maxMetadataValues = 1 << 16
)

// Types of checkpoints.
const (
	Full  = "FULL"
	Delta = "DELTA"
)

// Metadata is what metadata.json says (section 12.1).
type Metadata struct {
	// Window is the checkpoint's label.
	Window int64
	// Manifest are the files with their hashes, in the order of the text.
	Manifest []File
	// TrainingConfig is an object that only people read.
	TrainingConfig cpython.Value
	// GitCommit names the trainer's build.
	GitCommit string
	// CreatedAt is when the model was saved, in unix seconds.
	CreatedAt float64
	// ModelName is the identity text that commits sign.
	ModelName string
	// ParentWindow is the label of the checkpoint that the training started from.
	ParentWindow int64
	// Type is FULL or DELTA.
	Type string
	// PrevWindow and AnchorWindow belong to patches, nil in a FULL.
	PrevWindow, AnchorWindow *int64
	// WeightsHash is the hex text of a hash over all tensors, empty when not computed.
	WeightsHash string
	// EnvID, EnvParams, GenerationParams and ThinkingMode are the policy. See Policy.
	EnvID            string
	EnvParams        cpython.Value
	GenerationParams cpython.Value
	ThinkingMode     string

	// object is what was read, of which the signature speaks; it may have more members than this type. Null in metadata made here.
	object cpython.Value
}

// File is a file of a checkpoint.
type File struct {
	// Name is relative to the checkpoint's folder, with slashes.
	Name   string
	SHA256 [sha256.Size]byte
}

// ParseMetadata reads metadata.json. What is there must have the right type, names must be safe to use as paths, hashes must be hashes;
// members that are not there keep their zero value, unknown ones are ignored. Whether the policy is complete is another question: see
// Policy. The error wraps ErrMetadata and names the member.
func ParseMetadata(text []byte) (Metadata, error) {
	v, err := cpython.ParseJSON(text, cpython.Limits{MaxBytes: maxMetadataBytes, MaxDepth: maxMetadataDepth, MaxValues: maxMetadataValues})
	if err != nil {
		return Metadata{}, fmt.Errorf("couldn't read checkpoint metadata: %w: %w", ErrMetadata, err)
	}
	if v.Kind() != cpython.Object {
		return Metadata{}, fmt.Errorf("couldn't read checkpoint metadata: %w: they are %s, not an object", ErrMetadata, v.Kind())
	}
	r := reader{object: v}
	m := Metadata{
		object:           v,
		Window:           r.integer("window"),
		TrainingConfig:   r.object_("training_config"),
		GitCommit:        r.text("git_commit"),
		CreatedAt:        r.number("created_at"),
		ModelName:        r.text("model_name"),
		ParentWindow:     r.integer("parent_window"),
		Type:             r.text("checkpoint_type"),
		PrevWindow:       r.optional("prev_window"),
		AnchorWindow:     r.optional("anchor_window"),
		WeightsHash:      r.text("weights_hash"),
		EnvID:            r.text("env_id"),
		EnvParams:        r.object_("env_params"),
		GenerationParams: r.object_("generation_params"),
		ThinkingMode:     r.text("thinking_mode"),
		Manifest:         r.manifest("file_manifest"),
	}
	if m.Type == "" {
		m.Type = Full
	}
	if r.err == nil && m.Type != Full && m.Type != Delta {
		r.fail("checkpoint_type", "is neither FULL nor DELTA")
	}
	if r.err != nil {
		return Metadata{}, fmt.Errorf("couldn't read checkpoint metadata: %w", r.err)
	}
	return m, nil
}

// reader takes members out of an object and keeps the first error. A missing member and null are the same.
type reader struct {
	object cpython.Value
	err    error
}

func (r *reader) fail(key, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s %s", ErrMetadata, key, what)
	}
}

func (r *reader) get(key string) (cpython.Value, bool) {
	v, ok := r.object.Get(key)
	return v, ok && v.Kind() != cpython.Null
}

func (r *reader) text(key string) string {
	v, ok := r.get(key)
	if !ok {
		return ""
	}
	s, ok := v.Text()
	if !ok {
		r.fail(key, "is "+v.Kind().String()+", not a text")
	}
	return s
}

func (r *reader) integer(key string) int64 {
	if n := r.optional(key); n != nil {
		return *n
	}
	return 0
}

func (r *reader) optional(key string) *int64 {
	v, ok := r.get(key)
	if !ok {
		return nil
	}
	n, ok := v.Int64()
	if !ok {
		r.fail(key, "is not an integer of 64 bits")
		return nil
	}
	return &n
}

func (r *reader) number(key string) float64 {
	v, ok := r.get(key)
	if !ok {
		return 0
	}
	f, err := v.ToFloat()
	if err != nil || v.Kind() != cpython.Float && v.Kind() != cpython.Int {
		r.fail(key, "is not a number")
	}
	return f
}

func (r *reader) object_(key string) cpython.Value {
	v, ok := r.get(key)
	if ok && v.Kind() != cpython.Object {
		r.fail(key, "is "+v.Kind().String()+", not an object")
	}
	return v
}

func (r *reader) manifest(key string) []File {
	v := r.object_(key)
	if v.Len() > maxFiles {
		r.fail(key, fmt.Sprintf("has %d files, at most %d are allowed", v.Len(), maxFiles))
		return nil
	}
	var files []File
	for _, m := range v.Members() {
		if reserved[m.Key] {
			continue // the reference's second attempt lists what the first one left, and then overwrites it (quirk 45)
		}
		if err := checkName(m.Key); err != nil {
			r.fail(key, fmt.Sprintf("has the name %.80q, which %v", m.Key, err))
			return nil
		}
		text, _ := m.Value.Text()
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			r.fail(key, fmt.Sprintf("has no SHA-256 for %q", m.Key))
			return nil
		}
		files = append(files, File{m.Key, [sha256.Size]byte(sum)})
	}
	return files
}

// SignedText is what manifest.sig signs: the object with sorted keys, compact.
func (m Metadata) SignedText() []byte { return m.value().AppendCompactSorted(nil) }

// JSON is the text of metadata.json: members in the order of the specification, indented by 2.
func (m Metadata) JSON() []byte { return appendIndented(nil, m.value(), 0) }

// value is the object that was read, or the one to write.
func (m Metadata) value() cpython.Value {
	if m.object.Kind() == cpython.Object {
		return m.object
	}
	optional := func(n *int64) cpython.Value {
		if n == nil {
			return cpython.Value{}
		}
		return cpython.IntValue(*n)
	}
	text := func(s string) cpython.Value {
		if s == "" {
			return cpython.Value{}
		}
		return cpython.StringValue(s)
	}
	object := func(v cpython.Value) cpython.Value {
		if v.Kind() != cpython.Object {
			return cpython.ObjectValue(nil)
		}
		return v
	}
	files := make([]cpython.Member, len(m.Manifest))
	for i, f := range m.Manifest {
		files[i] = cpython.Member{Key: f.Name, Value: cpython.StringValue(hex.EncodeToString(f.SHA256[:]))}
	}
	training := object(m.TrainingConfig)
	return cpython.ObjectValue([]cpython.Member{
		{Key: "window", Value: cpython.IntValue(m.Window)},
		{Key: "file_manifest", Value: cpython.ObjectValue(files)},
		{Key: "training_config", Value: training},
		{Key: "git_commit", Value: cpython.StringValue(m.GitCommit)},
		{Key: "created_at", Value: cpython.FloatValue(m.CreatedAt)},
		{Key: "model_name", Value: cpython.StringValue(m.ModelName)},
		{Key: "parent_window", Value: cpython.IntValue(m.ParentWindow)},
		{Key: "checkpoint_type", Value: cpython.StringValue(m.Type)},
		{Key: "prev_window", Value: optional(m.PrevWindow)},
		{Key: "anchor_window", Value: optional(m.AnchorWindow)},
		{Key: "weights_hash", Value: text(m.WeightsHash)},
		{Key: "env_id", Value: text(m.EnvID)},
		{Key: "env_params", Value: object(m.EnvParams)},
		{Key: "generation_params", Value: object(m.GenerationParams)},
		{Key: "thinking_mode", Value: text(m.ThinkingMode)},
		{Key: "config_hash", Value: cpython.StringValue(configHash(training))},
	})
}

// configHash is the SHA-256 of the training configuration as JSON with sorted keys and Python's default separators.
func configHash(training cpython.Value) string {
	sum := sha256.Sum256(sortedKeys(training).AppendDefault(nil))
	return hex.EncodeToString(sum[:])
}
