package chain

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/chain"
	"github.com/nanteos/nanteos/bittensor/ss58"
	"github.com/nanteos/nanteos/internal/subtensor"
)

const (
	// clientEnv makes the test program a client of the chain at the URL in it, and nothing else.
	clientEnv = "NANTEOS_BENCH_CLIENT"
	neurons   = 1024
	// idleLimit is the goal for the resident memory of an idle client, in kB.
	idleLimit = 50 << 10
)

func TestMain(m *testing.M) {
	if url := os.Getenv(clientEnv); url != "" {
		if err := client(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// client does what a miner or validator does between its duties: it has read a metagraph and follows the chain's heads. It prints the
// number of neurons and its resident memory in kB.
func client(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := chain.Dial(ctx, chain.Config{Network: url})
	if err != nil {
		return err
	}
	defer c.Close()
	now, err := c.Best(ctx)
	if err != nil {
		return err
	}
	graph, err := now.Metagraph(ctx, 1)
	if err != nil {
		return err
	}
	heads := c.Heads(ctx)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		if _, ok := <-heads.C; !ok {
			return heads.Err()
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	kb, ok := resident(string(status))
	if !ok {
		return fmt.Errorf("no VmRSS in /proc/self/status")
	}
	fmt.Println(len(graph.Neurons), kb)
	return nil
}

func resident(status string) (kb int, ok bool) {
	for line := range strings.Lines(status) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			n, err := fmt.Sscan(rest, &kb)
			return kb, n == 1 && err == nil
		}
	}
	return 0, false
}

// TestIdleMemory holds the resident memory of an idle client to the goal, and tells the Python SDK's where it is there.
func TestIdleMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	url := fullSubnet(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ours := run(t, exec.CommandContext(t.Context(), program), clientEnv+"="+url)
	t.Logf("idle client after a metagraph of %d neurons: %.1f MB resident", neurons, float64(ours)/1024)
	if ours > idleLimit {
		t.Errorf("idle client takes %d kB, the goal is %d", ours, idleLimit)
	}
	python := sdk(t)
	if python == "" {
		return
	}
	theirs := run(t, exec.CommandContext(t.Context(), python, "testdata/idle.py", url))
	t.Logf("Python SDK: %.1f MB resident (x%.1f)", float64(theirs)/1024, float64(theirs)/float64(ours))
}

// run runs a client and returns its resident memory in kB.
func run(t *testing.T, cmd *exec.Cmd, env ...string) int {
	t.Helper()
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("client failed: %v\n%s", err, stderr.String())
	}
	var n, kb int
	if _, err := fmt.Sscan(string(out), &n, &kb); err != nil || n != neurons {
		t.Fatalf("client says %q (%v), want %d neurons and its memory", out, err, neurons)
	}
	return kb
}

// fullSubnet starts a local chain whose subnet 1 has 1,024 neurons, and returns its URL.
func fullSubnet(t *testing.T) string {
	t.Helper()
	address := func(kind string, i int) string {
		return ss58.EncodeBittensor(sha256.Sum256(binary.LittleEndian.AppendUint32([]byte(kind), uint32(i))))
	}
	p := subtensor.DefaultHyperparameters()
	p.MaxUIDs = neurons
	s := subtensor.Subnet{NetUID: 1, Name: "full", Params: p}
	for i := range neurons {
		s.Neurons = append(s.Neurons, subtensor.Neuron{Hotkey: address("hot", i), Coldkey: address("cold", i), Stake: uint64(i) * 1e9})
	}
	node, err := subtensor.Open(t.Context(), subtensor.Config{
		BlockTime: 250 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Genesis: subtensor.Genesis{Name: t.Name(), Subnets: []subtensor.Subnet{s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	addr, err := node.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return "ws://" + addr.String()
}
