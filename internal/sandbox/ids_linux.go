//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// firstFreeID is far above the ids of accounts, of systemd's dynamic users and of the ranges that containers usually get.
	firstFreeID = 0x70000000
	freeIDs     = 1 << 20
)

var lastID atomic.Uint32

// freeID gives an id of the caller's user namespace that belongs to nobody, another one each time, for processes that must own nothing and share
// no limit with others. Only root can give ids; false where we aren't, or where our namespace has no such ids.
func freeID() (int, bool) {
	if os.Geteuid() != 0 || !hasCapability(unix.CAP_SETUID) || !hasCapability(unix.CAP_SETGID) {
		return 0, false
	}
	id := firstFreeID + (uint32(os.Getpid())*257+lastID.Add(1))%freeIDs
	for _, id := range []uint32{id, insideID} {
		if mapped("/proc/self/uid_map", id) && mapped("/proc/self/gid_map", id) {
			return int(id), true
		}
	}
	return 0, false
}

// hasCapability says whether this thread has a capability in its own user namespace.
func hasCapability(c uint) bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	return unix.Capget(&head, &have[0]) == nil && have[c/32].Effective&(1<<(c%32)) != 0
}

// mapped says whether an id exists in our user namespace.
func mapped(file string, id uint32) bool {
	data, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	lines := bufio.NewScanner(strings.NewReader(string(data)))
	for lines.Scan() {
		var inside, outside, size uint64
		if _, err := fmt.Sscan(lines.Text(), &inside, &outside, &size); err == nil && uint64(id) >= inside && uint64(id) < inside+size {
			return true
		}
	}
	return false
}
