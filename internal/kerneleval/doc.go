// Package kerneleval runs GPU kernels that a model wrote against the PyTorch modules that they are to replace.
//
// # Who runs where
//
// A harness is the reference module with its inputs, from the dataset; a candidate is the model's text. Two programs in sandboxes of their own
// (internal/sandbox, no network, nothing of the host but Python and the driver) share the work, and this package carries bytes between them:
//
//	reference   runs the harness: inputs, expected outputs, comparison, verdict. Never runs a candidate. Keeps its CUDA context
//	candidate   a nursery that has torch loaded and forks a process for each candidate: load, build, and one run for each trial
//
// So a candidate holds nothing that could give it a verdict: it sees its own text, copies of the constructor's arguments and of each trial's inputs, and
// answers with bytes that the other half reads as a tensor. Python is python/kernel_eval.py.
//
// # Reward hacks
//
// What the reference (one process for harness, candidate and worker: Config.Quirks) lets pass, and what stops it here:
//
//	hack                                                 stopped by
//	return the reference's output, from gc, frames,      the expected output is in another sandbox, and in no file
//	  sys.modules or the harness's Model and get_inputs
//	an uninitialised tensor that gets the freed memory   likewise: memory of another process
//	  of the expected output; aliasing it
//	an output kept from an earlier call or job           each trial has inputs of its own, each job a process and a scratch folder of its own
//	tensor subclasses, lazy tensors whose comparison     forward has to return a torch.Tensor; what is compared is made of its bytes, type and
//	  or shape lies                                        shape being checked against a list and against the number of bytes
//	patched torch.abs, max, allclose, manual_seed,       patches stay in the candidate's process, which compares nothing
//	  Module.__call__, json, print, timers, get_inputs
//	frames forged on the protocol's descriptor           they can but hold outputs; a verdict has no form there
//	changed inputs, so that the reference sees them      copies are sent, before the reference runs on its own
//	NaN, which the reference's max() forgets             NaN against a number is a difference of NaN, and no tolerance holds it
//	work left on side streams, or a thread               the device is synchronised before the output is read; what comes later is not seen
//	os._exit, SystemExit, exceptions in __del__,         the candidate's process ended without an output: not correct. The nursery goes on
//	  a crash of the interpreter, memory beyond limits
//	killing or stopping the nursery, fork bombs,         not correct, and the sandbox is replaced. The nursery can't be traced (not dumpable), and
//	  processes left behind to harm the next candidate     ends every process before it forks the next
//	endless loops                                        Config.Timeout of the candidate's own time: not correct. A miner can't escape a verdict so
//	a poisoned Triton cache                              the cache is in the scratch folder, which is emptied
//	a check that the candidate brings about              harnesses with a check_correctness of their own are refused (ErrHarness): it would
//	                                                       have to run beside the candidate
//
// Not stopped, because it is no lie: a candidate that calls PyTorch's own operators and is right. Nor is a constant that happens to lie within the
// tolerance for the three seeds, which every peer knows.
//
// # Whose fault
//
// A candidate that crashes, hangs or answers nonsense is not correct, once a fresh process on the same device has passed the tiny operation that a
// broken device can't do. Where that fails, or where the reference half fails, there is no verdict: an error that wraps ErrMachine. With
// Config.Quirks errors are the reference's own results, infra_error included (specification, section 11.7).
//
// Specification: grail-environments, sections 11.6 and 11.7.
package kerneleval
