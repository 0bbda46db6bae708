// Command gen writes the assembly of package kernel: *_amd64.s with the code,
// stubs_*_amd64.go with its Go declarations. Run it in the folder of package
// kernel:
//
//	go run ./gen
//
// Both instruction sets come from the same description, so that they cannot
// drift apart: a function below emits, for each group of 16 elements, one
// 512-bit or two 256-bit operations of the same kind. The test of this package
// regenerates the files and compares.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	dir := flag.String("dir", ".", "folder of package kernel")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("couldn't write the kernels: %w", err)
		}
	}
	return nil
}

// generate returns the content of all generated files by name.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, avx512 := range []bool{false, true} {
		a := newAssembler(avx512)
		a.tiles()
		a.vectors()
		a.reductions()
		if !avx512 {
			a.transposition()
		}
		if err := a.print(files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (a *assembler) print(files map[string][]byte) error {
	f, err := a.Result()
	if err != nil {
		return fmt.Errorf("couldn't describe the %s kernels: %w", a.suffix, err)
	}
	if err := pass.Compile.Execute(f); err != nil {
		return fmt.Errorf("couldn't assemble the %s kernels: %w", a.suffix, err)
	}
	cfg := printer.Config{Name: "model/kernel/gen", Pkg: "kernel"}
	for name, p := range map[string]printer.Printer{
		a.file + "_amd64.s":             printer.NewGoAsm(cfg),
		"stubs_" + a.file + "_amd64.go": printer.NewStubs(cfg),
	} {
		if files[name], err = p.Print(f); err != nil {
			return fmt.Errorf("couldn't print %s: %w", name, err)
		}
	}
	return nil
}

// newAssembler starts the file of one instruction set.
func newAssembler(avx512 bool) *assembler {
	a := &assembler{Context: build.NewContext(), avx512: avx512, constants: map[string]constant{}}
	a.suffix, a.file, a.width = "AVX2", "avx2", 8
	if avx512 {
		a.suffix, a.file, a.width = "AVX512", "avx512", 16
	}
	return a
}
