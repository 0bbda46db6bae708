package kerneleval

import (
	"context"
	"errors"
	"fmt"

	"github.com/nanteos/nanteos/task"
)

// StandardCheck is the end of a harness that is judged by the standard check: seeds 42 and up, three trials, tolerance 0.01 (section 11.6). The worker knows it by
// this text. A harness is the dataset's code, two line breaks, and this.
const StandardCheck = "# nanteos: standard check\n"

// Harness makes the harness of a row of the dataset.
func Harness(code string) string { return code + "\n\n" + StandardCheck }

// warmUp is a reference and a kernel that matches it: what must work before anybody is judged.
const warmUpModel = `import torch
import torch.nn as nn

class Model(nn.Module):
    def forward(self, x):
        return x + 1.0

def get_inputs():
    return [torch.rand(256)]

def get_init_inputs():
    return []
`

const warmUpKernel = `import torch
import torch.nn as nn
import triton
import triton.language as tl

@triton.jit
def add_one(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    tl.store(out_ptr + at, tl.load(x_ptr + at, mask=inside) + 1.0, mask=inside)

class ModelNew(nn.Module):
    def forward(self, x):
        out = torch.empty_like(x)
        add_one[(triton.cdiv(x.numel(), 128),)](x, out, x.numel(), BLOCK=128)
        return out
`

// Ready starts the processes of every GPU and lets each compute a small Triton kernel, so that the first job waits for nothing and whatever is missing is
// told at the start: torch, triton, CUDA, a GPU of that index, a sandbox. Errors wrap task.ErrNoTool and say what to do.
func (p *Pool) Ready(ctx context.Context) error {
	for _, s := range p.slots {
		r, err := s.do(ctx, func() (task.KernelResult, error) {
			defer s.tidy()
			if p.config.Quirks {
				if p.config.Backend == Subprocess {
					return s.fresh(ctx, Harness(warmUpModel), warmUpKernel)
				}
				if _, err := s.greeted(ctx, &s.whole, roleWhole); err != nil {
					return task.KernelResult{}, err
				}
				return s.together(ctx, Harness(warmUpModel), warmUpKernel)
			}
			return s.apart(ctx, Harness(warmUpModel), warmUpKernel)
		})
		if err == nil && !r.Correct {
			text := "no reason given"
			if r.Error != nil {
				text = *r.Error
			}
			err = errors.New("the kernel of the warm-up failed: " + tail(text, 1000))
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("couldn't make GPU %d ready for kernels: %w: %w. Check KERNEL_EVAL_GPU_IDS and the Python with torch and triton, or set GRAIL_GPU_EVAL=false "+
				"where the network allows it", s.gpu, task.ErrNoTool, err)
		}
		if err != nil {
			return fmt.Errorf("couldn't make GPU %d ready for kernels: %w", s.gpu, err)
		}
	}
	return nil
}
