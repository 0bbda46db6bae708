package triton

// Prompt poses the problem of a module's source, which is inserted verbatim.
func Prompt(code string) string { return promptHead + code + promptTail }

const promptHead = "You write custom Triton kernels to replace the PyTorch operators in the given architecture to get speedups.\n" +
	"\n" +
	"You have complete freedom to choose the set of operators you want to replace. You may replace multiple operators with " +
	"custom implementations, consider operator fusion opportunities (combining multiple operators into a single kernel, for " +
	"example, combining matmul+relu), or algorithmic changes (such as online softmax). You are only limited by your " +
	"imagination.\n" +
	"\n" +
	"Here is an example of how to write a Triton kernel to replace a PyTorch operator:\n" +
	"\n" +
	"Input architecture:\n" +
	"```python\n" +
	"import torch\n" +
	"import torch.nn as nn\n" +
	"\n" +
	"class Model(nn.Module):\n" +
	"    def __init__(self):\n" +
	"        super().__init__()\n" +
	"\n" +
	"    def forward(self, a, b):\n" +
	"        return a + b\n" +
	"\n" +
	"def get_inputs():\n" +
	"    return [torch.randn(4, 4), torch.randn(4, 4)]\n" +
	"\n" +
	"def get_init_inputs():\n" +
	"    return []\n" +
	"```\n" +
	"\n" +
	"Output:\n" +
	"```python\n" +
	"import torch\n" +
	"import torch.nn as nn\n" +
	"import triton\n" +
	"import triton.language as tl\n" +
	"\n" +
	"@triton.jit\n" +
	"def add_kernel(x_ptr, y_ptr, output_ptr, n_elements, BLOCK_SIZE: tl.constexpr):\n" +
	"    pid = tl.program_id(axis=0)\n" +
	"    block_start = pid * BLOCK_SIZE\n" +
	"    offsets = block_start + tl.arange(0, BLOCK_SIZE)\n" +
	"    mask = offsets < n_elements\n" +
	"    x = tl.load(x_ptr + offsets, mask=mask)\n" +
	"    y = tl.load(y_ptr + offsets, mask=mask)\n" +
	"    output = x + y\n" +
	"    tl.store(output_ptr + offsets, output, mask=mask)\n" +
	"\n" +
	"class ModelNew(nn.Module):\n" +
	"    def __init__(self):\n" +
	"        super().__init__()\n" +
	"\n" +
	"    def forward(self, a, b):\n" +
	"        output = torch.empty_like(a)\n" +
	"        n_elements = output.numel()\n" +
	"        grid = lambda meta: (triton.cdiv(n_elements, meta['BLOCK_SIZE']),)\n" +
	"        add_kernel[grid](a, b, output, n_elements, BLOCK_SIZE=1024)\n" +
	"        return output\n" +
	"```\n" +
	"\n" +
	"Now, you are given the following architecture:\n" +
	"\n" +
	"```python\n"

const promptTail = "\n" +
	"```\n" +
	"\n" +
	"Optimize the architecture named Model with custom Triton kernels! Name your optimized output architecture ModelNew. " +
	"Output the new code. Please generate real code, NOT pseudocode, make sure the code compiles and is fully functional. " +
	"Just output the new model code, no other text, and NO testing code (no if __name__ == '__main__')!\n" +
	"\n" +
	"Your output MUST:\n" +
	"1. Include all necessary imports (torch, torch.nn, triton, triton.language)\n" +
	"2. Define at least one @triton.jit kernel function\n" +
	"3. Define a class called ModelNew that inherits from nn.Module\n" +
	"4. Implement a forward() method that uses your custom Triton kernel(s)\n" +
	"\n" +
	"IMPORTANT: Wrap your final code in <SOLUTION> and </SOLUTION> tags. Code outside these tags is ignored."
