//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// stageName is os.Args[0] of the process that builds a sandbox from inside. Nothing else acts on it.
const stageName = "nanteos-sandbox-stage"

// The stage's own descriptors.
const (
	configFD = 3 // plan, from the parent
	statusFD = 4 // status, to the parent
)

// plan is what the parent tells the stage: a length of 8 bytes and JSON, through a pipe whose other end the parent holds open until the stage is
// done, so that the stage can tell a dead parent.
type plan struct {
	Path    string
	Args    []string
	Env     []string
	Binds   []bind
	Files   map[string][]byte
	Devices []string
	Limits  Limits
	Fork    bool
	TmpExec bool
	// Build says to make the mounts; bubblewrap has made them already otherwise.
	Build bool
	// Remount says to limit bubblewrap's /tmp further, which takes a capability that it leaves us for that.
	Remount bool
	// ID is the user and group to become, -1 for the one it has.
	ID int
	// Probe says to exit after everything is set, instead of executing Path.
	Probe bool
}

// bind is a host path shown inside.
type bind struct {
	Host, Inside string
	Dir          bool
}

// status is what the stage tells: one JSON line when all is ready for exec, and another one with Error if something failed.
type status struct {
	Error string
	// Machine says that the failure is the machine's: no sandbox can be built here.
	Machine bool
	Layers  []Layer
}

// machineError is a failure that no other specification would avoid.
type machineError struct{ error }

func (e machineError) Unwrap() error { return e.error }

func machine(format string, args ...any) error { return machineError{fmt.Errorf(format, args...)} }

// writePlan sends the plan.
func writePlan(w io.Writer, p *plan) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("couldn't encode plan of the sandbox: %w", err)
	}
	_, err = w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(data))), data...))
	if err != nil {
		return fmt.Errorf("couldn't send plan to the sandbox: %w", err)
	}
	return nil
}

// readPlan receives it.
func readPlan(r io.Reader) (*plan, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("couldn't read plan of the sandbox: %w", err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > 2*maxFiles {
		return nil, fmt.Errorf("couldn't read plan of the sandbox: %d bytes", n)
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return nil, fmt.Errorf("couldn't read plan of the sandbox: %w", err)
	}
	p := new(plan)
	if err := json.Unmarshal(buf.Bytes(), p); err != nil {
		return nil, fmt.Errorf("couldn't decode plan of the sandbox: %w", err)
	}
	return p, nil
}

// readStatus reads what the stage tells until it has executed its target or died. ok says that it got as far as exec.
func readStatus(r io.Reader) (s status, ok bool, err error) {
	d := json.NewDecoder(io.LimitReader(r, 1<<20))
	for {
		var line status
		if e := d.Decode(&line); e != nil {
			if !errors.Is(e, io.EOF) && err == nil {
				err = fmt.Errorf("couldn't read status of the sandbox: %w", e)
			}
			return s, ok, err
		}
		if line.Error != "" {
			return line, false, nil
		}
		s, ok = line, true
	}
}

func init() {
	own := len(os.Args) == 1 && os.Args[0] == stageName
	byBubblewrap := len(os.Args) == 2 && os.Args[0] == bwrapCommand && os.Args[1] == stageName
	if own || byBubblewrap {
		os.Exit(stageMain())
	}
}

// stageMain is the life of the stage. It returns only when the target was not executed.
func stageMain() int {
	config, report := os.NewFile(configFD, "config"), os.NewFile(statusFD, "status")
	if config == nil || report == nil {
		return 70
	}
	tell := func(s status) {
		if data, err := json.Marshal(s); err == nil {
			_, _ = report.Write(append(data, '\n'))
		}
	}
	_ = config.SetReadDeadline(time.Now().Add(30 * time.Second)) // where the pipe allows
	p, err := readPlan(config)
	if err == nil {
		var layers []Layer
		if p.Build {
			layers, err = buildRoot(p)
		} else if p.Remount {
			err = remountTmp(p)
		}
		if err == nil {
			err = confine(p, config, layers, tell)
		}
	}
	if err == nil {
		return 0 // a probe
	}
	var m machineError
	tell(status{Error: err.Error(), Machine: errors.As(err, &m)})
	return 71
}
