// Package score turns what a validator found in window files into weights (validator specification, A3, A9, A12 and A13).
//
// A window goes through four steps. [State.Plan] picks the miners to check among those that uploaded: without failure in the last
// windows, least often checked first, ties by a hash that changes with the window. When they were checked, [State.Close] takes the
// results into the rolling histories all at once, so that a crash or a retry in between leaves no trace. [State.TrustList] says whom
// others may trust. When an interval of blocks is over ([State.Due]), [State.Weights] computes the weights: the distinct rollouts of the
// last windows, extrapolated by availability, to the fourth power, capped, and most of it burned. [WhatIf] answers what a miner's
// weight would be if something were different.
//
// [State] is plain data, written as JSON by whoever keeps it, and checked by [State.Validate] when it is read back.
package score
