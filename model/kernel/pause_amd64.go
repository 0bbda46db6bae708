package kernel

// pauses is how often a thread of a pool looks for work, or for the end of it, before it blocks: 10 to 40 microseconds.
const pauses = 200

// pause tells the processor that this thread waits, for 40 (Zen) to 190 (Skylake) nanoseconds.
//
//go:noescape
func pause()
