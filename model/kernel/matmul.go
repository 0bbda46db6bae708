package kernel

import "sync"

// Blocking of a product. None of it changes a bit.
const (
	blockK     = 512      // depth of one pass of many rows: a panel block of 64 KiB
	blockRows  = 192      // most rows of one pass: 384 KiB of x beside the panel block
	blockX     = 64 << 10 // numbers of x, 256 KiB, up to which a pass of few rows may be deeper, see matmul.depth
	serialCost = 40e3     // nanoseconds up to which a product isn't worth sharing, see matmul.plan
	chunkCost  = 40e3     // wanted time of a chunk
)

// Tile computes one panel's 32 output columns:
//
//	y[i][c] = fma(x[i][k-1], panel[k-1][c], ... fma(x[i][0], panel[0][c], a))
//
// for i < m, c < 32, where a is +0, or the old y[i][c] if accumulate. Row i of
// y starts at i*ldy, of x at i*ldx; panel is [k][32]. For k = 0, y is set to
// zero, or left alone if accumulate.
func Tile(y []float32, ldy int, x []float32, ldx int, m, k int, panel []float32, accumulate bool) {
	if m <= 0 {
		return
	}
	if k <= 0 {
		clearTile(y, ldy, m, accumulate)
		return
	}
	y, x, panel = y[:(m-1)*ldy+PanelWidth], x[:(m-1)*ldx+k], panel[:k*PanelWidth]
	tile(y, ldy, x, ldx, 1, m, k, panel, accumulate)
}

// TileBF16 is Tile with a panel of bfloat16 numbers, widened exactly.
func TileBF16(y []float32, ldy int, x []float32, ldx int, m, k int, panel []uint16, accumulate bool) {
	checked16(y, ldy, x, ldx, m, k, panel, storeBF16, accumulate)
}

// TileF16 is Tile with a panel of IEEE binary16 numbers, widened exactly.
func TileF16(y []float32, ldy int, x []float32, ldx int, m, k int, panel []uint16, accumulate bool) {
	checked16(y, ldy, x, ldx, m, k, panel, storeF16, accumulate)
}

func checked16(y []float32, ldy int, x []float32, ldx int, m, k int, panel []uint16, s storage, accumulate bool) {
	if m <= 0 {
		return
	}
	if k <= 0 {
		clearTile(y, ldy, m, accumulate)
		return
	}
	y, x, panel = y[:(m-1)*ldy+PanelWidth], x[:(m-1)*ldx+k], panel[:k*PanelWidth]
	tile16(y, ldy, x, ldx, 1, m, k, panel, s, accumulate)
}

func clearTile(y []float32, ldy, m int, accumulate bool) {
	for i := 0; i < m && !accumulate; i++ {
		clear(y[i*ldy:][:PanelWidth])
	}
}

// MatMul computes y[m][N] (+)= x[m][K] · Wᵀ, the forward product of a linear
// layer: y[i][n] is one fma chain over k ascending of x[i][k]*W[n][k], from +0
// or, if accumulate, from the old y[i][n] (a bias or residual already there).
// Row i of y starts at i*ldy, of x at i*ldx.
func MatMul(y []float32, ldy int, x []float32, ldx int, m int, w *Packed, accumulate bool) {
	if m <= 0 {
		return
	}
	g := matmul{y[:(m-1)*ldy+w.N], x[:(m-1)*ldx+w.K], ldy, ldx, 1, m, w, accumulate, 0, 0, 0}
	g.block(0, m, 0, w.Panels())
}

// MatMulPool is MatMul spread over a pool: the same bits.
func MatMulPool(pool *Pool, y []float32, ldy int, x []float32, ldx int, m int, w *Packed, accumulate bool) {
	if m <= 0 {
		return
	}
	g := matmul{y[:(m-1)*ldy+w.N], x[:(m-1)*ldx+w.K], ldy, ldx, 1, m, w, accumulate, 0, 0, 0}
	g.spread(pool)
}

// MatMulTN is MatMul with the left operand transposed in memory: x is [K][m],
// its row k starting at k*ldx. With x = dY[rows][out] and w =
// PackTransposed(X, rows, in) it is the weight's gradient
// dW[out][in] (+)= sum over rows of dY[row][out]*X[row][in], rows ascending,
// without transposing dY.
func MatMulTN(y []float32, ldy int, x []float32, ldx int, m int, w *Packed, accumulate bool) {
	if m <= 0 {
		return
	}
	g := matmul{y[:(m-1)*ldy+w.N], x[:(w.K-1)*ldx+m], ldy, 1, ldx, m, w, accumulate, 0, 0, 0}
	g.block(0, m, 0, w.Panels())
}

// MatMulTNPool is MatMulTN spread over a pool: the same bits.
func MatMulTNPool(pool *Pool, y []float32, ldy int, x []float32, ldx int, m int, w *Packed, accumulate bool) {
	if m <= 0 {
		return
	}
	g := matmul{y[:(m-1)*ldy+w.N], x[:(w.K-1)*ldx+m], ldy, 1, ldx, m, w, accumulate, 0, 0, 0}
	g.spread(pool)
}

// matmul is one product: y[m][N] with element x[i][k] at i*rowStep + k*depthStep.
// The last three fields are the plan for a pool.
type matmul struct {
	y, x                    []float32
	ldy, rowStep, depthStep int
	m                       int
	w                       *Packed
	accumulate              bool

	rows, panels, rowBlocks int
}

var matmuls = sync.Pool{New: func() any { return new(matmul) }}

func (g *matmul) spread(pool *Pool) {
	n := 1
	if pool.Threads() > 1 {
		n = g.plan(pool.Threads())
	}
	if n == 1 {
		g.block(0, g.m, 0, g.w.Panels())
		return
	}
	shared := matmuls.Get().(*matmul)
	*shared = *g
	pool.runChunks(n, shared)
	*shared = matmul{}
	matmuls.Put(shared)
}

// plan cuts the product into chunks of rows × panels and returns their number:
// few enough that handing them out is cheap, enough that two threads end
// together even where one is held up.
func (g *matmul) plan(threads int) int {
	total := g.w.Panels()
	// Nanoseconds a panel costs one thread at 100 GFLOP/s, with its weights
	// coming from memory at 10 GB/s.
	perRow := 0.64 * float64(g.w.K)
	perPanel := perRow*float64(g.m) + 12.8*float64(g.w.K)
	if perPanel*float64(total) < serialCost {
		return 1
	}
	g.rows = passRows(g.m)
	g.rowBlocks = (g.m + g.rows - 1) / g.rows
	perChunk := perRow*float64(g.rows) + 12.8*float64(g.w.K)
	g.panels = min(total, max(1, int(chunkCost/perChunk)))
	if most := total * g.rowBlocks / (4 * threads); g.panels > most {
		g.panels = max(1, min(most, total))
	}
	return g.rowBlocks * ((total + g.panels - 1) / g.panels)
}

// run computes chunk i of the plan.
func (g *matmul) run(i int) {
	p, r := i/g.rowBlocks*g.panels, i%g.rowBlocks*g.rows
	g.block(r, min(r+g.rows, g.m), p, min(p+g.panels, g.w.Panels()))
}

// passRows cuts m rows into passes of about equal height, a multiple of all
// tile heights, so that the weights are read as seldom as can be.
func passRows(m int) int {
	const tiles = 12
	passes := (m + blockRows - 1) / blockRows
	return (m + passes*tiles - 1) / (passes * tiles) * tiles
}

// block computes rows [r0,r1) of panels [p0,p1).
func (g *matmul) block(r0, r1, p0, p1 int) {
	step := passRows(r1 - r0)
	for ; r0 < r1; r0 += step {
		rows := min(step, r1-r0)
		deep := g.depth(rows)
		for k0 := 0; k0 < g.w.K; k0 += deep {
			depth := min(deep, g.w.K-k0)
			x := g.x[r0*g.rowStep+k0*g.depthStep:]
			for p := p0; p < p1; p++ {
				g.panel(r0, rows, x, p, k0, depth)
			}
		}
	}
}

// depth cuts k into passes of equal depth. Few rows read each weight once, from memory, which goes fastest in one long stream.
func (g *matmul) depth(rows int) int {
	most := max(blockK, blockX/rows)
	passes := (g.w.K + most - 1) / most
	return (g.w.K + passes - 1) / passes
}

// panel computes depth [k0,k0+depth) of one panel for a block of rows.
func (g *matmul) panel(r0, rows int, x []float32, p, k0, depth int) {
	c0 := p * PanelWidth
	accumulate := g.accumulate || k0 > 0
	if g.w.N-c0 >= PanelWidth {
		g.tile(g.y[r0*g.ldy+c0:], g.ldy, x, rows, p, k0, depth, accumulate)
		return
	}
	// The last panel is wider than y: compute it beside y.
	const height = 12
	var buf [height * PanelWidth]float32
	cols := g.w.N - c0
	for i := 0; i < rows; i += height {
		h := min(height, rows-i)
		y := g.y[(r0+i)*g.ldy+c0:]
		for j := 0; j < h && accumulate; j++ {
			copy(buf[j*PanelWidth:][:cols], y[j*g.ldy:])
		}
		g.tile(buf[:], PanelWidth, x[i*g.rowStep:], h, p, k0, depth, accumulate)
		for j := range h {
			copy(y[j*g.ldy:][:cols], buf[j*PanelWidth:])
		}
	}
}

func (g *matmul) tile(y []float32, ldy int, x []float32, m, p, k0, depth int, accumulate bool) {
	at := p*g.w.K*PanelWidth + k0*PanelWidth
	if g.w.half != nil {
		tile16(y, ldy, x, g.rowStep, g.depthStep, m, depth, g.w.half[at:at+depth*PanelWidth], g.w.storage, accumulate)
		return
	}
	tile(y, ldy, x, g.rowStep, g.depthStep, m, depth, g.w.f32[at:at+depth*PanelWidth], accumulate)
}
