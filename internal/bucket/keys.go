package bucket

import "strconv"

// Keys of the objects that nodes exchange (storage specification, 10.2). Windows are named by their first block.

// WindowKey is where a miner puts its rollouts of a window.
func WindowKey(hotkey string, window int64) string {
	return "grail/windows/" + hotkey + "-window-" + strconv.FormatInt(window, 10) + ".parquet"
}

// WindowPrefix begins the keys of all window files.
const WindowPrefix = "grail/windows/"

// TrustKey is where a validator puts its list of trusted miners of a window.
func TrustKey(window int64) string {
	return "grail/trust/trust_list_" + strconv.FormatInt(window, 10) + ".json"
}

// CheckpointPrefix is the folder of the checkpoint of a window, with the slash that DeletePrefix wants.
func CheckpointPrefix(window int64) string {
	return "grail/checkpoints/checkpoint-" + strconv.FormatInt(window, 10) + "/"
}

// FullKey is a file of a whole checkpoint, DeltaKey one of a sparse patch.
func FullKey(window int64, file string) string { return CheckpointPrefix(window) + "FULL/" + file }

// DeltaKey is a file of a sparse patch.
func DeltaKey(window int64, file string) string { return CheckpointPrefix(window) + "DELTA/" + file }

// ReadyKey marks the checkpoint of a window as complete and usable from window ready on.
func ReadyKey(window, ready int64) string {
	return CheckpointPrefix(window) + "READY-" + strconv.FormatInt(ready, 10)
}
