package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nanteos/nanteos/grail"
	"github.com/nanteos/nanteos/internal/bucket"
	"github.com/nanteos/nanteos/internal/node/validator"
)

// Evidence is what is needed to judge a window file again, offline and with the validator's own figures. A devnet leaves it behind:
//
//	rules.json              the network's rules
//	checkpoint/             the model folder of the first checkpoint, with the trainer's metadata.json
//	checkpoint-90/          those of later ones, where the network learns
//	window-60/report.json   the validator's report of the window
//	window-60/NAME.parquet  the files of the miners that were judged
type Evidence struct {
	// Rules are the network's.
	Rules grail.Rules
	// Report is the validator's, with the window's hash, randomness and verdicts.
	Report validator.WindowReport
	// Checkpoint is the folder of model, tokenizer and metadata.json.
	Checkpoint string
}

const (
	rulesName      = "rules.json"
	reportName     = "report.json"
	checkpointName = "checkpoint"
	// maxEvidenceFile bounds one window file of the evidence.
	maxEvidenceFile = 64 << 20
)

// ErrNoEvidence says that a window file doesn't lie in a folder of evidence.
var ErrNoEvidence = errors.New("no evidence beside the file")

// ReadEvidence reads what lies around a window file. The error wraps ErrNoEvidence where there is none.
func ReadEvidence(file string) (Evidence, error) {
	dir := filepath.Dir(file)
	root := filepath.Dir(dir)
	var e Evidence
	text, err := os.ReadFile(filepath.Join(root, rulesName))
	if errors.Is(err, fs.ErrNotExist) {
		return Evidence{}, fmt.Errorf("couldn't find %s: %w", filepath.Join(root, rulesName), ErrNoEvidence)
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("couldn't read rules: %w", err)
	}
	if e.Rules, err = grail.ParseRules(text); err != nil {
		return Evidence{}, fmt.Errorf("couldn't read %s: %w", filepath.Join(root, rulesName), err)
	}
	text, err = os.ReadFile(filepath.Join(dir, reportName))
	if errors.Is(err, fs.ErrNotExist) {
		return Evidence{}, fmt.Errorf("couldn't find %s: %w", filepath.Join(dir, reportName), ErrNoEvidence)
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("couldn't read report: %w", err)
	}
	if err := json.Unmarshal(text, &e.Report); err != nil {
		return Evidence{}, fmt.Errorf("couldn't read %s: %w", filepath.Join(dir, reportName), err)
	}
	e.Checkpoint = filepath.Join(root, checkpointFolder(e.Report.Checkpoint))
	return e, nil
}

// checkpointFolder is where the checkpoint with a label lies in the evidence.
func checkpointFolder(label int64) string {
	if label == 0 {
		return checkpointName
	}
	return checkpointName + "-" + strconv.FormatInt(label, 10)
}

// evidencePlace is where the evidence goes: into the data folder, or into a place in the user's cache that the next run replaces.
func (n *Network) evidencePlace() (string, error) {
	switch {
	case n.cfg.Evidence != "":
		return filepath.Abs(n.cfg.Evidence)
	case !n.folder.temporary:
		return n.folder.evidenceDir(), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "nanteos", "devnet"), nil
}

// keepEvidence writes the evidence of the last verdicts anew and notes the files in the report. Without verdicts it leaves what is there.
func (n *Network) keepEvidence(r *Report) error {
	wanted := map[int64][]int{} // miners by window
	for i, m := range r.Miners {
		switch {
		case m.Caught != nil:
			wanted[m.Caught.Window] = append(wanted[m.Caught.Window], i)
		case m.Verdict != nil && m.Verdict.Rollouts > 0:
			wanted[m.Verdict.Window] = append(wanted[m.Verdict.Window], i)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	place, err := n.evidencePlace()
	if err != nil {
		return fmt.Errorf("couldn't keep evidence: %w", err)
	}
	if err := n.writeEvidence(place, wanted, r); err != nil {
		return WithHint(fmt.Errorf("couldn't keep evidence: %w", err), "use --data to keep it in a folder of your choice")
	}
	r.Evidence = place
	return nil
}

// writeEvidence makes the folder beside its place and puts it there when it is complete. It replaces nothing but evidence.
func (n *Network) writeEvidence(place string, wanted map[int64][]int, r *Report) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(place), "."+filepath.Base(place)+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	text, err := json.MarshalIndent(n.rules, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, rulesName), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for window, miners := range wanted {
		dir := "window-" + strconv.FormatInt(window, 10)
		report := filepath.Join(n.folder.node(n.ledger.firstValidator()), "reports", dir+".json")
		text, err := os.ReadFile(report)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was long ago; validators keep the last ones
		}
		if err != nil {
			return err
		}
		var judged validator.WindowReport
		if err := json.Unmarshal(text, &judged); err != nil {
			return fmt.Errorf("couldn't read %s: %w", report, err)
		}
		if ok, err := n.copyCheckpoint(tmp, judged.Checkpoint); err != nil {
			return err
		} else if !ok {
			continue // it is not kept any more
		}
		if err := os.Mkdir(filepath.Join(tmp, dir), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, dir, reportName), text, 0o644); err != nil {
			return err
		}
		for _, i := range miners {
			m := &r.Miners[i]
			body, err := n.windowFile(ctx, m.UID, window)
			if errors.Is(err, bucket.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			name := filepath.Join(dir, m.Name+".parquet")
			if err := os.WriteFile(filepath.Join(tmp, name), body, 0o644); err != nil {
				return err
			}
			m.File = name
		}
	}
	if _, err := os.Stat(place); err == nil {
		if _, err := os.Stat(filepath.Join(place, rulesName)); err != nil {
			return fmt.Errorf("%s holds something else", place)
		}
		if err := os.RemoveAll(place); err != nil {
			return err
		}
	}
	return os.Rename(tmp, place)
}

// copyCheckpoint puts a checkpoint into a folder of evidence, unless it is there. ok is false where the network has removed it.
func (n *Network) copyCheckpoint(root string, label int64) (ok bool, err error) {
	to := filepath.Join(root, checkpointFolder(label))
	if _, err := os.Stat(to); err == nil {
		return true, nil
	}
	from := filepath.Join(n.folder.checkpoints(), "checkpoint-"+strconv.FormatInt(label, 10))
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, os.CopyFS(to, os.DirFS(from))
}

// windowFile reads a miner's file as a validator sees it.
func (n *Network) windowFile(ctx context.Context, uid int, window int64) ([]byte, error) {
	m := n.members[uid]
	b, err := n.store.Bucket(m.Account, m.Keys.Read)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	body, _, err := bucket.ReadAll(ctx, b, bucket.WindowKey(m.Address(), window), maxEvidenceFile)
	return body, err
}
