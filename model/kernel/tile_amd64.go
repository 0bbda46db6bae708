package kernel

// tile cuts the rows into groups of about equal height, so that 16 rows are
// two groups of 8 and not one of 12 and one of 4, which waits for its adds.
func tile(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []float32, accumulate bool) {
	level := active.Load()
	if level == levelGeneric {
		tileGeneric(y, ldy, x, rowStep, depthStep, m, k, panel, accumulate)
		return
	}
	add := 0
	if accumulate {
		add = 1
	}
	for i := 0; i < m; {
		h := tileHeight(level, m-i)
		py, px := &y[i*ldy], &x[i*rowStep]
		if level == levelAVX512 {
			rowsAVX512(h, py, uintptr(ldy)*4, px, uintptr(rowStep)*4, uintptr(depthStep)*4, k, &panel[0], add)
		} else {
			rowsAVX2(h, py, uintptr(ldy)*4, px, uintptr(rowStep)*4, uintptr(depthStep)*4, k, &panel[0], add)
			if h > 2 { // a tile of half the panel's width: the other half
				rowsAVX2(h, &y[i*ldy+16], uintptr(ldy)*4, px, uintptr(rowStep)*4, uintptr(depthStep)*4, k, &panel[16], add)
			}
		}
		i += h
	}
}

// tileHeight returns how many of the rows that are left to take next.
func tileHeight(level isaLevel, rows int) int {
	most := 12
	if level == levelAVX2 {
		most = 6
	}
	groups := (rows + most - 1) / most
	return (rows + groups - 1) / groups
}

func rowsAVX512(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *float32, add int) {
	switch h {
	case 1:
		tile1x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 7:
		tile7x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 8:
		tile8x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 9:
		tile9x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 10:
		tile10x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 11:
		tile11x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 12:
		tile12x32AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}

func rowsAVX2(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *float32, add int) {
	switch h {
	case 1:
		tile1x32AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}
