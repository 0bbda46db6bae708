package wallet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// needed is what Argon2 takes, with a little for everything else.
const needed = (argonMemory + 64<<10) << 10

// enoughMemory refuses to start what the system would kill the whole process for. It knows Linux; elsewhere it lets everything through.
func enoughMemory() error {
	free := availableMemory("/proc/meminfo")
	if limit := memoryLimit("/sys/fs/cgroup/memory.max"); limit > 0 && (free == 0 || limit < free) {
		free = limit
	}
	if free == 0 || free >= needed {
		return nil
	}
	return hinted{fmt.Errorf("couldn't derive the key of a password: %w: %d MiB are free, it takes %d", ErrMemory, free>>20, uint64(needed)>>20),
		"end other programs, or do it on a machine with more memory"}
}

// availableMemory reads MemAvailable in bytes, 0 where it can't be told.
func availableMemory(file string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) == 3 && string(words[0]) == "MemAvailable:" && string(words[2]) == "kB" {
			n, err := strconv.ParseUint(string(words[1]), 10, 44)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// memoryLimit reads the limit of a container in bytes, 0 where there is none.
func memoryLimit(file string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}
