package sandbox

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
)

// judge runs a filter over one system call. The interpreter reads big endian words, so the call is laid out as little endian machines do, word by word.
func judge(t testing.TB, prog []instruction, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	raw := make([]bpf.RawInstruction, len(prog))
	for i, in := range prog {
		raw[i] = bpf.RawInstruction{Op: in.code, Jt: in.jt, Jf: in.jf, K: in.k}
	}
	list, all := bpf.Disassemble(raw)
	if !all {
		t.Fatal("filter has instructions that nobody knows")
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatalf("filter is not valid: %v", err)
	}
	var data [64]byte
	binary.BigEndian.PutUint32(data[0:], number)
	binary.BigEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(a>>32))
	}
	n, err := vm.Run(data[:])
	if err != nil {
		t.Fatalf("filter failed: %v", err)
	}
	return uint32(n)
}

var machines = map[string]*arch.Info{"amd64": arch.X86_64, "arm64": arch.AARCH64}

// filters are all filters of an architecture.
func filters(t testing.TB, goarch string) map[string][]instruction {
	t.Helper()
	out := map[string][]instruction{}
	for name, make := range map[string]func() ([]instruction, error){
		"base":    func() ([]instruction, error) { return baseFilter(goarch, false, false, 64) },
		"fork":    func() ([]instruction, error) { return baseFilter(goarch, true, false, 64) },
		"devices": func() ([]instruction, error) { return baseFilter(goarch, true, true, 64) },
		"job":     func() ([]instruction, error) { return jobFilter(goarch) },
	} {
		prog, err := make()
		if err != nil {
			t.Fatalf("%s %s: %v", goarch, name, err)
		}
		out[name] = prog
	}
	return out
}

// TestFilterVerdicts checks single calls, on both architectures.
func TestFilterVerdicts(t *testing.T) {
	const minus1 = ^uint64(0)
	for _, c := range []struct {
		call string
		args []uint64
		want map[string]uint32 // by filter; "" for all others
	}{
		{"read", nil, map[string]uint32{"": retAllow}},
		{"exit_group", nil, map[string]uint32{"": retAllow}},
		{"getpid", nil, map[string]uint32{"": retAllow}},
		{"socket", nil, map[string]uint32{"": errnoPerm}},
		{"ptrace", nil, map[string]uint32{"": errnoPerm}},
		{"mount", nil, map[string]uint32{"": errnoPerm}},
		{"io_uring_setup", nil, map[string]uint32{"": errnoPerm}},
		{"seccomp", nil, map[string]uint32{"": errnoPerm}},
		{"clone3", nil, map[string]uint32{"": errnoNosys}},
		{"openat2", nil, map[string]uint32{"": errnoNosys}},
		{"memfd_create", nil, map[string]uint32{"": errnoPerm, "devices": retAllow}},
		{"fork", nil, map[string]uint32{"": retAllow, "base": errnoPerm, "job": errnoPerm}},
		{"execve", nil, map[string]uint32{"": retAllow, "base": errnoPerm, "job": errnoPerm}},
		{"execveat", []uint64{64, 1, 2, 3, 0x1000}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"execveat", []uint64{5, 1, 2, 3, 0x1000}, map[string]uint32{"": retAllow, "base": errnoPerm, "job": errnoPerm}},
		{"execveat", []uint64{64, 1, 2, 3, 0}, map[string]uint32{"": retAllow, "base": errnoPerm, "job": errnoPerm}},
		{"kill", []uint64{1, 9}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"tgkill", []uint64{1, 1, 9}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"pidfd_send_signal", nil, map[string]uint32{"": retAllow, "base": errnoNosys, "job": errnoPerm}},
		// Threads, processes, namespaces.
		{"clone", []uint64{0x3d0f00}, map[string]uint32{"": retAllow}},
		{"clone", []uint64{17}, map[string]uint32{"": retAllow, "base": errnoPerm, "job": errnoPerm}},
		{"clone", []uint64{17 | 0x10000000}, map[string]uint32{"": errnoPerm}},
		{"clone", []uint64{0x3d0f00 | 0x20000000}, map[string]uint32{"": errnoPerm}},
		{"clone", []uint64{17 | 0x8000}, map[string]uint32{"": errnoPerm}},
		{"clone", []uint64{0x00020000}, map[string]uint32{"": errnoPerm}},
		// Opening for reading is no more than that.
		{"openat", []uint64{minus1 - 99, 1, 0x80000}, map[string]uint32{"": retAllow}},
		{"openat", []uint64{minus1 - 99, 1, 1}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"openat", []uint64{minus1 - 99, 1, 2}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"openat", []uint64{minus1 - 99, 1, 0x40}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"openat", []uint64{minus1 - 99, 1, 0x200}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"openat", []uint64{minus1 - 99, 1, 0x410000}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"open", []uint64{1, 0x241}, map[string]uint32{"": retAllow, "job": errnoAcces}},
		{"unlinkat", nil, map[string]uint32{"": retAllow, "job": errnoAcces}},
		// Terminals. The kernel looks at the lower half only, so a filter that compares 64 bits is passed by.
		{"ioctl", []uint64{0, 0x5401}, map[string]uint32{"": retAllow}},
		{"ioctl", []uint64{0, 0x5412}, map[string]uint32{"": errnoPerm}},
		{"ioctl", []uint64{0, 0x1_0000_5412}, map[string]uint32{"": errnoPerm}},
		{"ioctl", []uint64{0, 0xffffffff_0000541c}, map[string]uint32{"": errnoPerm}},
		{"ioctl", []uint64{0, 0xc020462a}, map[string]uint32{"": errnoPerm, "devices": retAllow}},
		{"ioctl", []uint64{0, 0x30000001}, map[string]uint32{"": errnoPerm, "devices": retAllow}},
		// Own filters may be narrowed, ties to the parent may not be cut.
		{"prctl", []uint64{22, 2}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"prctl", []uint64{1, 0}, map[string]uint32{"": errnoPerm}},
		{"prctl", []uint64{4, 0}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"prctl", []uint64{4, 1}, map[string]uint32{"": errnoPerm}},
		{"prctl", []uint64{4, 1 << 32}, map[string]uint32{"": errnoPerm}},
		{"prctl", []uint64{35, 1}, map[string]uint32{"": errnoPerm}},
		{"personality", []uint64{0xffffffff}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"personality", []uint64{0x40000}, map[string]uint32{"": errnoPerm}},
		// Limits: a job asks about its own.
		{"prlimit64", []uint64{0, 7, 0, 1}, map[string]uint32{"": retAllow}},
		{"prlimit64", []uint64{0, 7, 1, 0}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"prlimit64", []uint64{0, 7, 1 << 32, 0}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"prlimit64", []uint64{1, 7, 0, 1}, map[string]uint32{"": retAllow, "job": errnoPerm}},
		{"fcntl", []uint64{0, 8, 1}, map[string]uint32{"": retAllow, "job": errnoPerm}}, // F_SETOWN: signals to others
		{"fcntl", []uint64{0, 1}, map[string]uint32{"": retAllow}},
	} {
		for goarch, info := range machines {
			number, ok := info.SyscallNames[c.call]
			if !ok {
				continue
			}
			for name, prog := range filters(t, goarch) {
				want, special := c.want[name]
				if !special {
					want = c.want[""]
				}
				if got := judge(t, prog, uint32(info.ID), uint32(number), c.args...); got != want {
					t.Errorf("%s %s %s(%#x): %#x, want %#x", goarch, name, c.call, c.args, got, want)
				}
			}
		}
	}
}

// TestFilterArchitectures: calls of other architectures are death, whatever their number.
func TestFilterArchitectures(t *testing.T) {
	for goarch, info := range machines {
		for name, prog := range filters(t, goarch) {
			for _, other := range []*arch.Info{arch.I386, arch.ARM, arch.X86_64, arch.AARCH64} {
				if other.ID == info.ID {
					continue
				}
				for n := range uint32(600) {
					if got := judge(t, prog, uint32(other.ID), n); got != retKill {
						t.Fatalf("%s %s: call %d of %s: %#x", goarch, name, n, other.Name, got)
					}
				}
			}
			if goarch == "amd64" {
				for _, n := range []uint32{0x40000000, 0x40000000 + 39, 0x40000000 + 520, 0xffffffff} {
					if got := judge(t, prog, uint32(info.ID), n); got != retKill {
						t.Errorf("%s: x32 call %#x: %#x", name, n, got)
					}
				}
			}
		}
	}
}

// TestFilterArgumentsDecideNothingElse: whatever is put into the arguments of a forbidden call, among them the number of an allowed one, it stays forbidden.
func TestFilterArgumentsDecideNothingElse(t *testing.T) {
	for goarch, info := range machines {
		for name, prog := range filters(t, goarch) {
			for _, call := range []string{"socket", "mount", "ptrace", "clone3", "prctl", "ioctl", "clone"} {
				number := uint32(info.SyscallNames[call])
				for v := range uint64(600) {
					v |= 0x40000000 // clone: not a thread, new network; prctl and ioctl: no known option
					got := judge(t, prog, uint32(info.ID), number, v, v, v, v, v, v)
					if got == retAllow && !(name == "devices" && call == "ioctl") {
						t.Fatalf("%s %s: %s with %d in all arguments is allowed", goarch, name, call, v)
					}
				}
			}
		}
	}
}

// TestFilterJobIsNarrower: whatever stage two allows, stage one allows.
func TestFilterJobIsNarrower(t *testing.T) {
	for goarch, info := range machines {
		all := filters(t, goarch)
		for n := range uint32(700) {
			for _, args := range [][]uint64{nil, {1, 1, 1, 1, 1, 1}, {64, 0, 0, 0, 0x1000}, {15}, {0, 0x5401}} {
				if judge(t, all["job"], uint32(info.ID), n, args...) == retAllow && judge(t, all["base"], uint32(info.ID), n, args...) != retAllow {
					t.Errorf("%s: call %d (%s) is for jobs and not for all", goarch, n, info.SyscallNumbers[int(n)])
				}
			}
		}
	}
}

// TestFilterNames: names are unique per list and unknown ones are errors.
func TestFilterNames(t *testing.T) {
	for i, list := range [][]string{computing, housekeeping, forking, driving, forbidden} {
		seen := map[string]bool{}
		for _, name := range list {
			if seen[name] {
				t.Errorf("list %d names %s twice", i, name)
			}
			seen[name] = true
		}
	}
	b, err := newBuilder("amd64", errnoNosys)
	if err != nil {
		t.Fatal(err)
	}
	if b.set(retAllow, "no_such_call"); b.err == nil {
		t.Error("an unknown name passed")
	}
	if _, err := newBuilder("riscv64", errnoNosys); err == nil {
		t.Error("an architecture without a table passed")
	}
	if _, err := (policy{plain: map[uint32]uint32{1: retAllow}, calls: []call{{number: 1}}}).assemble(); err == nil {
		t.Error("two rules for one call passed")
	}
}

// TestJobFilterBytes: the bytes are a program as the kernel reads it.
func TestJobFilterBytes(t *testing.T) {
	if _, ok := machines[runtime.GOARCH]; !ok {
		t.Skipf("no system call table for %s", runtime.GOARCH)
	}
	data, err := JobFilter()
	if err != nil {
		t.Fatal(err)
	}
	prog, err := jobFilter(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != 8*len(prog) || len(prog) > maxInstructions {
		t.Fatalf("%d bytes for %d instructions", len(data), len(prog))
	}
	last := data[len(data)-8:]
	if binary.LittleEndian.Uint16(last) != opRet || binary.LittleEndian.Uint32(last[4:]) != errnoNosys {
		t.Errorf("ends with % x", last)
	}
}
