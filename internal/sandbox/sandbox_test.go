package sandbox

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestSpecCheck: what can't be right is refused before anything happens, on every platform.
func TestSpecCheck(t *testing.T) {
	for name, edit := range map[string]func(*Spec){
		"relative path":    func(s *Spec) { s.Path = "bin/true" },
		"unclean path":     func(s *Spec) { s.Path = "/bin/../bin/true" },
		"zero in path":     func(s *Spec) { s.Path = "/bin/true\x00" },
		"whole root":       func(s *Spec) { s.ReadOnly = []string{"/"} },
		"proc":             func(s *Spec) { s.ReadOnly = []string{"/proc"} },
		"below sys":        func(s *Spec) { s.ReadOnly = []string{"/sys/class"} },
		"all of sys":       func(s *Spec) { s.ReadOnly, s.Devices = []string{"/sys"}, []string{"/dev/null"} },
		"dev":              func(s *Spec) { s.ReadOnly = []string{"/dev/shm"} },
		"files' place":     func(s *Spec) { s.ReadOnly = []string{"/nanteos/x"} },
		"all of tmp":       func(s *Spec) { s.ReadOnly = []string{"/tmp"} },
		"relative folder":  func(s *Spec) { s.ReadOnly = []string{"usr"} },
		"device elsewhere": func(s *Spec) { s.Devices = []string{"/etc/passwd"} },
		"all devices":      func(s *Spec) { s.Devices = []string{"/dev"} },
		"device by dots":   func(s *Spec) { s.Devices = []string{"/dev/../etc"} },
		"file with slash":  func(s *Spec) { s.Files = map[string][]byte{"../x": nil} },
		"file dots":        func(s *Spec) { s.Files = map[string][]byte{"..": nil} },
		"file no name":     func(s *Spec) { s.Files = map[string][]byte{"": nil} },
		"file long name":   func(s *Spec) { s.Files = map[string][]byte{strings.Repeat("x", 256): nil} },
		"files too large":  func(s *Spec) { s.Files = map[string][]byte{"x": make([]byte, maxFiles+1)} },
		"zero in args":     func(s *Spec) { s.Args = []string{"a\x00b"} },
		"nameless":         func(s *Spec) { s.Env = []string{"=x"} },
		"no variable":      func(s *Spec) { s.Env = []string{"x"} },
		"endless tmp":      func(s *Spec) { s.Limits.Tmp = -1 },
		"backend":          func(s *Spec) { s.Backend = 7 },
	} {
		spec := Spec{Path: "/bin/true", ReadOnly: []string{"/usr/lib"}}
		edit(&spec)
		if p, err := Start(t.Context(), spec); !errors.Is(err, ErrSpec) {
			t.Errorf("%s: %v", name, err)
			if p != nil {
				_ = p.Close()
			}
		}
	}
}

func TestErrorsKeepSecrets(t *testing.T) {
	_, err := Start(t.Context(), Spec{Path: "/bin/true", Env: []string{"hunter2"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestDefaults(t *testing.T) {
	got := Limits{Memory: -1, CPU: time.Second}.withDefaults()
	want := Limits{Memory: -1, FileSize: defaultFileSize, Tmp: defaultTmp, OpenFiles: defaultOpenFiles, Processes: defaultProcesses, CPU: time.Second}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestTail(t *testing.T) {
	var log tail
	for _, c := range []struct{ write, end string }{
		{"first\n", "first\n"},
		{strings.Repeat("x", LogLimit-3), "x"},
		{"middle", "xmiddle"},
		{strings.Repeat("y", 3*LogLimit) + "end", "yend"},
	} {
		if n, err := log.Write([]byte(c.write)); n != len(c.write) || err != nil {
			t.Fatalf("%d %v", n, err)
		}
		if s := log.String(); !strings.HasSuffix(s, c.end) || len(s) > LogLimit {
			t.Errorf("after %.10q...: %d bytes", c.write, len(s))
		}
	}
}

func TestExitErrorTexts(t *testing.T) {
	for want, e := range map[string]*ExitError{
		"ended with code 3":   {Code: 3},
		"signal: SIGSYS":      {Code: -1, Signal: "SIGSYS"},
		"was stopped: killed": {Code: -1, Signal: "SIGKILL", Cause: ErrKilled},
	} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q lacks %q", e, want)
		}
	}
	for b, want := range map[Backend]string{Auto: "auto", Namespaces: "namespaces", Bubblewrap: "bubblewrap", 9: "Backend(9)"} {
		if b.String() != want {
			t.Errorf("%q, want %q", b, want)
		}
	}
}
