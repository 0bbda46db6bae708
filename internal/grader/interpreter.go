package grader

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nanteos/nanteos/task"
)

// interpreter is a CPython and what it needs to see to run.
type interpreter struct {
	Path    string   // the real executable: no shim, no link
	Version string   // such as "3.12.1"
	See     []string // files and folders: the executable, the standard library, shared libraries
	Site    []string // folders of installed packages: the virtual environment's, where it is one
}

// names are the interpreters that are looked for on PATH, the reference's version first.
var names = []string{"python3.12", "python3", "python3.13", "python3.11"}

// inspection asks an interpreter about itself. It runs outside the sandbox: the interpreter is the operator's, and no foreign text is near.
const inspection = `
import json, os, platform, struct, sys, sysconfig
for name in "ctypes decimal hashlib math resource select unicodedata zlib array".split():
    try: __import__(name)
    except ImportError: pass
mapped = {line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line}
print(json.dumps({
    "implementation": platform.python_implementation(), "version": sys.version.split()[0],
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "stdlib": [sysconfig.get_path(p) for p in ("stdlib", "platstdlib")], "mapped": sorted(mapped), "bits": 8 * struct.calcsize("P"),
    "site": sorted({sysconfig.get_path(p) for p in ("purelib", "platlib")}),
    "special": bool(hasattr(sys, "gettotalrefcount") or sysconfig.get_config_var("Py_GIL_DISABLED")), "ctypes": "ctypes" in sys.modules,
}))`

// about is an interpreter's answer.
type about struct {
	Implementation, Version, Executable string
	Stdlib, Mapped, Site                []string
	Bits                                int
	Special, CTypes                     bool
}

// findInterpreter returns the interpreter that was asked for, or the best one of PATH: 3.12 before any other. Errors wrap task.ErrNoTool.
func findInterpreter(ctx context.Context, wanted string) (interpreter, error) {
	if wanted != "" {
		return inspect(ctx, wanted)
	}
	var best interpreter
	var reasons []error
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		found, err := inspect(ctx, path)
		if err != nil {
			reasons = append(reasons, err)
			continue
		}
		if strings.HasPrefix(found.Version, "3.12.") {
			return found, nil
		}
		if best.Path == "" {
			best = found
		}
	}
	if best.Path != "" {
		return best, nil
	}
	if len(reasons) == 0 {
		reasons = append(reasons, errors.New("PATH has no python3"))
	}
	return interpreter{}, fmt.Errorf("couldn't find a Python: %w: install CPython 3.12, or name one with NANTEOS_GRADER_PYTHON: %w", task.ErrNoTool, errors.Join(reasons...))
}

// inspect asks one interpreter.
func inspect(ctx context.Context, path string) (interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c", inspection)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return interpreter{}, fmt.Errorf("couldn't ask %s for its version: %w: %w", path, task.ErrNoTool, err)
	}
	var a about
	if err := json.Unmarshal(bytes.TrimSpace(out), &a); err != nil {
		return interpreter{}, fmt.Errorf("couldn't read what %s says about itself: %w: %w", path, task.ErrNoTool, err)
	}
	if err := a.suitable(); err != nil {
		return interpreter{}, fmt.Errorf("couldn't use %s: %w: %w", path, task.ErrNoTool, err)
	}
	site := slices.DeleteFunc(a.Site, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	})
	return interpreter{a.Executable, a.Version, a.see(), site}, nil
}

// suitable says whether verdicts of the interpreter are known to be the reference's but for what the package's comment lists.
func (a about) suitable() error {
	_, known := Differences(a.Version)
	switch {
	case a.Implementation != "CPython" || a.Bits != 64 || a.Special:
		return fmt.Errorf("it is %s %s of %d bits; an ordinary 64-bit build of CPython 3.12 is needed", a.Implementation, a.Version, a.Bits)
	case !known:
		return fmt.Errorf("it is Python %s, whose verdicts differ from the reference's; install CPython 3.12 (3.13 and 3.11 do, with known differences)", a.Version)
	case !a.CTypes:
		return fmt.Errorf("it lacks the module ctypes, without which its processes can't be confined")
	}
	return nil
}

// system are where the loader finds shared libraries.
var system = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64"}

// see is what the interpreter has to see: itself, its standard library, the loader's folders, and where else its libraries come from.
func (a about) see() []string {
	out := []string{a.Executable}
	for _, path := range append(slices.Clone(system), "/etc/ld.so.cache") {
		if _, err := os.Stat(path); err == nil {
			out = append(out, path)
		}
	}
	add := func(path string) {
		if path != "" && !slices.ContainsFunc(out, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") }) {
			out = append(out, path)
		}
	}
	for _, path := range a.Stdlib {
		add(path)
	}
	for _, path := range a.Mapped {
		if filepath.IsAbs(path) && strings.Contains(filepath.Base(path), ".so") {
			add(filepath.Dir(path))
		}
	}
	return out
}
