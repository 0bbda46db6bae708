// Package miner is the Grail miner: it makes groups of rollouts for the window in progress, checks them as a validator will, and hands them in
// as one file before the deadline.
//
// # A window
//
//	seen        which checkpoint (READY rule), load it, hash and randomness of the window
//	generating  one group after the other, each made, checked and journalled, while there is time for another
//	packaged    READY markers once more; the window file lies in the outbox, synced
//	uploading   the intent to upload is journalled; put, then ask the store what it holds
//	uploaded    the store has the file      or      skipped: given up, for a reason that is told
//
// [Step] decides, [Miner] does. Step is a pure function of state, rules and event; Miner journals the new state before it performs the effects. After
// a crash Step gets the journalled state and goes on in the same window with the next free problem index. A window has at most one file: the
// intent names its SHA-256 before the first byte leaves, the bytes lie in the outbox, the store is asked before anything is sent again,
// and every put refuses to replace an object.
//
// # What is done differently from the reference
//
// By the numbers of the quirks in the storage specification, section 20:
//
//   - 13: a chain that can't be read is not "not registered" (node.UID); 14 and 43: the trainer's bucket is looked up again every time, and a failed
//     look leaves what was known (node.Peers).
//   - 16 and 23: without knowing the newest READY marker a window is skipped, not mined with an old checkpoint; a listing that fails is not an empty one.
//   - 17: a failure in a group costs that group; what is journalled is uploaded, also after a crash.
//   - 18 and 52: no watchdog is needed: every effect has a time limit and the deciding goroutine never waits for one.
//   - 19: stopping ends between groups, or within one, and uploads what is complete.
//   - 20: the block time is learnt from the times that blocks carry, and only when there are new ones.
//   - 21: a group is stopped in time; an upload that can't arrive before the deadline is not begun, and one that is under way ends with it.
//   - 22: no invented randomness: without a beacon the block hash is used, or, where the rules bind the beacon, the window waits for it.
//   - 53: an upload is reported when the store confirms it, retried while there is time, kept on disk, and kept below the size limit by leaving out
//     groups from the end.
//   - 56: every window ends with one event that says what became of it.
//   - 58: the markers are read again early in the window and before the upload; groups of another checkpoint are not handed in.
//
// Beyond the quirks: sampling seeds depend on a secret, since a copier who can compute them can upload a miner's completions first; short groups
// are dropped before they are proved; the first group of a window is replayed for real, every group passes all other checks.
package miner
