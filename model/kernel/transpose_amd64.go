package kernel

// transposeColumns is how many columns of src are taken before the next 8 rows:
// that many rows of dst stay in the first cache until they are complete.
const transposeColumns = 64

func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	whole := rows &^ 7
	if active.Load() == levelGeneric || whole == 0 || cols < 8 {
		transposeGeneric(dst, ldd, src, lds, rows, cols)
		return
	}
	blocks := cols &^ 7
	_ = src[(whole-1)*lds+blocks-1]
	_ = dst[(blocks-1)*ldd+whole-1]
	for c := 0; c < blocks; c += transposeColumns {
		width := min(transposeColumns, blocks-c)
		for r := 0; r < whole; r += 8 {
			transpose8AVX2(&dst[c*ldd+r], uintptr(ldd)*4, &src[r*lds+c], uintptr(lds)*4, width/8)
		}
	}
	if blocks < cols {
		transposeGeneric(dst[blocks*ldd:], ldd, src[blocks:], lds, whole, cols-blocks)
	}
	if whole < rows {
		transposeGeneric(dst[whole:], ldd, src[whole*lds:], lds, rows-whole, cols)
	}
}
