package kernel

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestPoolRunsEachChunkOnce(t *testing.T) {
	for _, threads := range []int{-1, 1, 2, 5} {
		pool := NewPool(threads)
		for n := range 40 {
			counts := make([]atomic.Int32, n)
			pool.Run(n, func(i int) { counts[i].Add(1) })
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Fatalf("threads=%d n=%d: chunk %d ran %d times", threads, n, i, c)
				}
			}
		}
		pool.Close()
		pool.Close()
	}
}

// TestPoolUnderLoad uses one pool from many goroutines and from within its own
// chunks; run it with -race.
func TestPoolUnderLoad(t *testing.T) {
	pool := NewPool(3)
	defer pool.Close()
	var total atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 50 {
				plain := make([]int, 16) // each chunk writes its own element, the caller reads all
				pool.Run(len(plain), func(i int) {
					plain[i] = i
					pool.Run(3, func(j int) { total.Add(int64(j)) })
				})
				for i, v := range plain {
					if v != i {
						t.Errorf("chunk %d left %d", i, v)
					}
				}
			}
		})
	}
	callers.Wait()
	if want := int64(8 * 50 * 16 * 3); total.Load() != want {
		t.Errorf("inner chunks added up to %d, want %d", total.Load(), want)
	}
}

// TestIdlePoolBlocks runs a pool in a bubble where Wait returns when every goroutine is blocked: its threads look for work for
// a while only, and wake when there is some again.
func TestIdlePoolBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := NewPool(3)
		defer pool.Close()
		var ran atomic.Int32
		for round := range int32(20) {
			pool.Run(6, func(int) { ran.Add(1) })
			synctest.Wait()
			if n := ran.Load(); n != 6*(round+1) {
				t.Fatalf("%d chunks ran after %d rounds of 6", n, round+1)
			}
		}
	})
}

// TestPoolOfOneProcessorDoesNotLook holds that nobody waits awake where another needs the processor.
func TestPoolOfOneProcessorDoesNotLook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	pool := NewPool(2)
	defer pool.Close()
	if pool.looks != 0 {
		t.Errorf("threads look %d times for work before they block", pool.looks)
	}
	var ran atomic.Int32
	for range 50 {
		pool.Run(4, func(int) { ran.Add(1) })
	}
	if ran.Load() != 200 {
		t.Errorf("%d of 200 chunks ran", ran.Load())
	}
}

func TestPoolPanicReachesTheCaller(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	var ran atomic.Int32
	func() {
		defer func() {
			if r := recover(); r != "chunk 3" {
				t.Errorf("recovered %v, want the chunk's own value", r)
			}
		}()
		pool.Run(10, func(i int) {
			ran.Add(1)
			if i == 3 {
				panic("chunk 3")
			}
		})
	}()
	if ran.Load() != 10 {
		t.Errorf("%d of 10 chunks ran", ran.Load())
	}
	pool.Run(10, func(int) { ran.Add(1) })
	if ran.Load() != 20 {
		t.Error("the pool is unusable after a panic")
	}
}

func TestClosedAndNilPoolsRunOnTheCaller(t *testing.T) {
	before := runtime.NumGoroutine()
	closed := NewPool(4)
	closed.Close()
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines outlive Close", after-before)
	}
	for name, pool := range map[string]*Pool{"closed": closed, "nil": nil} {
		var n atomic.Int32
		pool.Run(7, func(int) { n.Add(1) })
		if n.Load() != 7 {
			t.Errorf("%s pool ran %d of 7 chunks", name, n.Load())
		}
		pool.Close()
	}
}

// TestPlanCoversEachOutputOnce checks that the chunks of a product partition it.
func TestPlanCoversEachOutputOnce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(14, 15))
	for range 2000 {
		g := matmul{m: 1 + rnd.IntN(3000), w: &Packed{N: 1 + rnd.IntN(9000), K: 1 + rnd.IntN(5000)}}
		n := g.plan(1 + rnd.IntN(8))
		if n == 1 {
			continue
		}
		var area int
		for i := range n {
			p, r := i/g.rowBlocks*g.panels, i%g.rowBlocks*g.rows
			rows, panels := min(r+g.rows, g.m)-r, min(p+g.panels, g.w.Panels())-p
			if rows <= 0 || panels <= 0 {
				t.Fatalf("chunk %d of %d is empty in %+v", i, n, g)
			}
			area += rows * panels
		}
		if area != g.m*g.w.Panels() {
			t.Fatalf("chunks cover %d of %d in %+v", area, g.m*g.w.Panels(), g)
		}
	}
}

func TestProductsDoNotAllocate(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	x, y := make([]float32, 16*256), make([]float32, 16*1030)
	w := Pack(make([]float32, 1030*256), 1030, 256)
	var buf [40]float32
	for name, f := range map[string]func(){
		"MatMul":     func() { MatMul(y, 1030, x, 256, 16, w, false) },
		"MatMulPool": func() { MatMulPool(pool, y, 1030, x, 256, 16, w, false) },
		"Repack":     func() { w.Repack(make([]float32, 0, 1030*256)[:1030*256]) },
		"Exp":        func() { b := buf; Exp(b[:], b[:]) },
		"Softmax":    func() { b := buf; Softmax(b[:], b[:], 37, 1) },
		"RMSNorm":    func() { b := buf; RMSNorm(b[:], b[:], b[:], 1e-6) },
	} {
		limit := 0.5 // a garbage collection may empty the free lists
		if name == "Repack" {
			limit = 1.5
		}
		if n := testing.AllocsPerRun(50, f); n > limit {
			t.Errorf("%s allocates %.1f times a call", name, n)
		}
	}
}
