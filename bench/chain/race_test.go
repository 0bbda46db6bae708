//go:build race

package chain

// raceEnabled: the race detector multiplies memory.
const raceEnabled = true
