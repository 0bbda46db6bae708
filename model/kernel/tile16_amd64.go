package kernel

func tile16(y []float32, ldy int, x []float32, rowStep, depthStep, m, k int, panel []uint16, s storage, accumulate bool) {
	level := active.Load()
	if level == levelGeneric {
		tileGeneric16(y, ldy, x, rowStep, depthStep, m, k, panel, s, accumulate)
		return
	}
	add := 0
	if accumulate {
		add = 1
	}
	for i := 0; i < m; {
		h := tileHeight(level, m-i)
		py, px := &y[i*ldy], &x[i*rowStep]
		rows16(level, s, h, py, uintptr(ldy)*4, px, uintptr(rowStep)*4, uintptr(depthStep)*4, k, &panel[0], add)
		if level == levelAVX2 && h > 2 { // a tile of half the panel's width: the other half
			rows16(level, s, h, &y[i*ldy+16], uintptr(ldy)*4, px, uintptr(rowStep)*4, uintptr(depthStep)*4, k, &panel[16], add)
		}
		i += h
	}
}

func rows16(level isaLevel, s storage, h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *uint16, add int) {
	switch {
	case level == levelAVX512 && s == storeBF16:
		rowsBF16AVX512(h, y, ldy, x, rowStep, depthStep, k, panel, add)
	case level == levelAVX512:
		rowsF16AVX512(h, y, ldy, x, rowStep, depthStep, k, panel, add)
	case s == storeBF16:
		rowsBF16AVX2(h, y, ldy, x, rowStep, depthStep, k, panel, add)
	default:
		rowsF16AVX2(h, y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}

func rowsBF16AVX512(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *uint16, add int) {
	switch h {
	case 1:
		tile1x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 7:
		tile7x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 8:
		tile8x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 9:
		tile9x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 10:
		tile10x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 11:
		tile11x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 12:
		tile12x32BF16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}

func rowsBF16AVX2(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *uint16, add int) {
	switch h {
	case 1:
		tile1x32BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x16BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x16BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x16BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x16BF16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}

func rowsF16AVX512(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *uint16, add int) {
	switch h {
	case 1:
		tile1x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 7:
		tile7x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 8:
		tile8x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 9:
		tile9x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 10:
		tile10x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 11:
		tile11x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 12:
		tile12x32F16AVX512(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}

func rowsF16AVX2(h int, y *float32, ldy uintptr, x *float32, rowStep, depthStep uintptr, k int, panel *uint16, add int) {
	switch h {
	case 1:
		tile1x32F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 2:
		tile2x32F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 3:
		tile3x16F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 4:
		tile4x16F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 5:
		tile5x16F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	case 6:
		tile6x16F16AVX2(y, ldy, x, rowStep, depthStep, k, panel, add)
	}
}
