package grail

// BeaconRef is the beacon object of a commit, {"randomness": hex text}.
type BeaconRef struct {
	// Randomness is the hex text from which the coefficients are drawn.
	Randomness string
}
