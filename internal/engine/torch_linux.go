package engine

import "syscall"

// ownGroup gives a process a group of its own, which killGroup ends, and lets it end with the thread that starts it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends a process that was started with ownGroup and those that it started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
