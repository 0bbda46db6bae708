package checkpoint

// Published is what a publication came to.
type Published struct {
	// Window is the checkpoint's label, Type FULL or DELTA.
	Window int64
	Type   string
	// Bytes is what was uploaded, FullBytes the size of the whole model's files.
	Bytes, FullBytes int64
	// Changed of Parameters weights differ from those of the checkpoint before; 0 of 0 in a FULL.
	Changed, Parameters int64
	// Reason says why a FULL was published where a DELTA was due, empty otherwise.
	Reason string
}
