//go:build unix

package patch

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
	"golang.org/x/sys/unix"

	"github.com/nanteos/nanteos/grail/patch"
)

// setting is the measured model: all tensors in one piece of memory outside the collected heap, as in a mapped file.
type setting struct {
	base, now, dst                []patch.Tensor
	baseBytes, nowBytes, dstBytes []byte
	positions                     int
	clean                         []func()
}

var shared *setting

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		for i := len(shared.clean) - 1; i >= 0; i-- {
			shared.clean[i]()
		}
	}
	os.Exit(code)
}

// prepare makes the model once: layers of a usual shape and an embedding, random weights, and one of a hundred moved by one step of bfloat16.
func prepare(tb testing.TB) *setting {
	tb.Helper()
	if shared != nil {
		return shared
	}
	layers, vocabulary, width := 30, 106496, 1024
	if testing.Short() {
		layers, vocabulary = 1, 16384
	}
	type row struct {
		name  string
		shape []int
	}
	tensors := []row{{"model.embed_tokens.weight", []int{vocabulary, width}}}
	for i := range layers {
		for _, r := range []row{
			{"input_layernorm.weight", []int{width}}, {"mlp.down_proj.weight", []int{width, 3 * width}}, {"mlp.gate_proj.weight", []int{3 * width, width}},
			{"mlp.up_proj.weight", []int{3 * width, width}}, {"self_attn.k_proj.weight", []int{width / 2, width}}, {"self_attn.o_proj.weight", []int{width, 2 * width}},
			{"self_attn.q_proj.weight", []int{2 * width, width}}, {"self_attn.v_proj.weight", []int{width / 2, width}},
		} {
			tensors = append(tensors, row{fmt.Sprintf("model.layers.%02d.%s", i, r.name), r.shape})
		}
	}
	total := 0
	for _, r := range tensors {
		n := 2
		for _, d := range r.shape {
			n *= d
		}
		total += n
	}
	s := &setting{}
	lay := func(data []byte) (out []patch.Tensor) {
		at := 0
		for _, r := range tensors {
			n := 2
			for _, d := range r.shape {
				n *= d
			}
			out = append(out, patch.Tensor{Name: r.name, DType: patch.BFloat16, Shape: r.shape, Data: data[at : at+n : at+n]})
			at += n
		}
		return out
	}
	for _, b := range []*[]byte{&s.baseBytes, &s.nowBytes, &s.dstBytes} {
		memory, err := unix.Mmap(-1, 0, total, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			tb.Fatal(err)
		}
		s.clean = append(s.clean, func() { _ = unix.Munmap(memory) })
		*b = memory
	}
	s.base, s.now, s.dst = lay(s.baseBytes), lay(s.nowBytes), lay(s.dstBytes)
	rng := rand.New(rand.NewPCG(1, 2))
	var normal [1 << 12]uint16
	for i := range normal {
		normal[i] = uint16(math.Float32bits(float32(rng.NormFloat64()*0.02)) >> 16)
	}
	for i := 0; i < total; i += 8 {
		x := rng.Uint64()
		for k := range 4 {
			v := normal[x>>(16*k)&(1<<12-1)]
			s.baseBytes[i+2*k], s.baseBytes[i+2*k+1] = byte(v), byte(v>>8)
		}
	}
	copy(s.nowBytes, s.baseBytes)
	clear(s.dstBytes) // its pages are there from now on
	for i := 0; i < total/2; i++ {
		if i += int(math.Log(1-rng.Float64()) / math.Log(0.99)); i >= total/2 { // steps of a geometric distribution: one of a hundred
			break
		}
		v := uint16(s.nowBytes[2*i]) | uint16(s.nowBytes[2*i+1])<<8
		v += uint16(rng.IntN(2))*2 - 1
		s.nowBytes[2*i], s.nowBytes[2*i+1] = byte(v), byte(v>>8)
		s.positions++
	}
	tb.Logf("model of %d MiB, %d tensors, %d of %d numbers changed", total>>20, len(tensors), s.positions, total/2)
	shared = s
	return s
}

// candidate is one way of doing the work; it gives the seconds it took.
type candidate struct {
	name string
	run  func() float64
}

func timed(f func()) float64 {
	begin := time.Now()
	f()
	return time.Since(begin).Seconds()
}

// compare runs all candidates in turn, the first of them ours, and reports the best of each.
func compare(b *testing.B, s *setting, all ...candidate) {
	b.Helper()
	best := make([]float64, len(all))
	for i := range best {
		best[i] = math.Inf(1)
	}
	for b.Loop() {
		for i, c := range all {
			best[i] = min(best[i], c.run())
		}
	}
	gigabytes := float64(len(s.baseBytes)) / 1e9
	b.ReportMetric(0, "ns/op") // of all candidates together: means nothing
	b.ReportMetric(gigabytes/best[0], "GB/s")
	line := fmt.Sprintf("best of %d: ours %.1f ms (%.2f GB/s)", b.N, 1e3*best[0], gigabytes/best[0])
	for i, c := range all[1:] {
		if c.name == "copy" || c.name == "copies" || c.name == "limit" {
			b.ReportMetric(best[0]/best[i+1], "x-"+c.name)
			line += fmt.Sprintf(", %s %.1f ms (ours takes %.2f of it)", c.name, 1e3*best[i+1], best[0]/best[i+1])
			continue
		}
		b.ReportMetric(best[i+1]/best[0], "x-"+c.name)
		line += fmt.Sprintf(", %s %.1f ms (%.1f times ours)", c.name, 1e3*best[i+1], best[i+1]/best[0])
	}
	b.Log(line)
}

// copying is the measure: the model from memory to memory, by one goroutine and by as many as run at once.
func copying(s *setting) []candidate {
	return []candidate{
		{"copy", func() float64 { return timed(func() { copy(s.dstBytes, s.baseBytes) }) }},
		{"copies", func() float64 {
			return timed(func() {
				var wg sync.WaitGroup
				n := runtime.GOMAXPROCS(0)
				part := (len(s.baseBytes)/n + 4095) &^ 4095
				for at := 0; at < len(s.baseBytes); at += part {
					wg.Go(func() { end := min(at+part, len(s.baseBytes)); copy(s.dstBytes[at:end], s.baseBytes[at:end]) })
				}
				wg.Wait()
			})
		}},
	}
}

// theirs adds the reference's way where Python is there: the sum of some of its steps.
func theirs(b *testing.B, s *setting, all []candidate, steps ...string) []candidate {
	p := startPython()(b, s)
	if p == nil {
		return all
	}
	return append(all, candidate{"python", func() (sum float64) {
		r := p.round(b)
		for _, step := range steps {
			sum += r.Seconds[step]
		}
		return sum
	}})
}

// published makes the patch and its bytes.
func published(tb testing.TB, s *setting, version patch.Version) (*patch.Patch, []byte) {
	tb.Helper()
	p, report, err := patch.Compute(tb.Context(), s.base, s.now, version, patch.Options{})
	if err != nil || report.Changed != s.positions {
		tb.Fatalf("%v, %d of %d positions", err, report.Changed, s.positions)
	}
	var out bytes.Buffer
	if err := p.Encode(&out); err != nil {
		tb.Fatal(err)
	}
	return p, out.Bytes()
}

func BenchmarkCompute(b *testing.B) {
	s := prepare(b)
	compare(b, s, theirs(b, s, append([]candidate{{"ours", func() float64 {
		return timed(func() {
			if _, _, err := patch.Compute(b.Context(), s.base, s.now, patch.V31, patch.Options{}); err != nil {
				b.Fatal(err)
			}
		})
	}}}, copying(s)...), "compute")...)
}

func BenchmarkEncode(b *testing.B) {
	s := prepare(b)
	p, _ := published(b, s, patch.V31)
	compare(b, s, theirs(b, s, append([]candidate{{"ours", func() float64 {
		return timed(func() {
			if err := p.Encode(io.Discard); err != nil {
				b.Fatal(err)
			}
		})
	}}}, copying(s)...), "encode")...)
}

func BenchmarkDecode(b *testing.B) {
	s := prepare(b)
	_, blob := published(b, s, patch.V31)
	compare(b, s, theirs(b, s, append([]candidate{{"ours", func() float64 {
		return timed(func() {
			if _, err := patch.Decode(b.Context(), blob, patch.V31, patch.Options{}); err != nil {
				b.Fatal(err)
			}
		})
	}}}, copying(s)...), "decode")...)
}

// BenchmarkApply measures the way to new weights: from published bytes ("read"), and from a patch that has been decoded and checked into memory of
// their own ("copy"), the same with the hash ("hashed"), in place, and in pieces as for a file ("stream").
func BenchmarkApply(b *testing.B) {
	s := prepare(b)
	want, err := patch.Hash(b.Context(), s.now)
	if err != nil {
		b.Fatal(err)
	}
	for _, version := range []patch.Version{patch.V31, patch.V3, patch.V2} {
		_, blob := published(b, s, version)
		for _, way := range []string{"read", "copy", "hashed", "place", "stream"} {
			if way != "read" && version != patch.V31 {
				continue
			}
			b.Run(version.Format()+"/"+way, func(b *testing.B) {
				dst := s.dst
				run := func(p *patch.Patch) (r patch.Result) {
					var err error
					if p == nil {
						if p, err = patch.Decode(b.Context(), blob, version, patch.Options{}); err != nil {
							b.Fatal(err)
						}
					}
					o := patch.Options{Hash: way == "hashed"}
					if way == "stream" {
						at := 0
						_, err = patch.Stream(b.Context(), s.base, []*patch.Patch{p}, o, func(_ int, piece []byte) error {
							at += copy(s.dstBytes[at:], piece)
							return nil
						})
					} else if way == "place" {
						_, err = patch.Apply(b.Context(), dst, dst, []*patch.Patch{p}, o)
					} else {
						r, err = patch.Apply(b.Context(), dst, s.base, []*patch.Patch{p}, o)
					}
					if err != nil {
						b.Fatal(err)
					}
					return r
				}
				copy(s.dstBytes, s.baseBytes)
				peak := peakMemory(func() {
					if r := run(nil); r.Hash != "" && r.Hash != want {
						b.Fatalf("hash %s instead of %s", r.Hash, want)
					}
				})
				if !bytes.Equal(s.dstBytes, s.nowBytes) {
					b.Fatal("other weights")
				}
				steps := map[string][]string{"read": {"decode", "apply"}, "hashed": {"apply", "hash"}}[way]
				var decoded *patch.Patch
				if way != "read" {
					if decoded, err = patch.Decode(b.Context(), blob, version, patch.Options{}); err != nil {
						b.Fatal(err)
					}
				}
				if steps == nil {
					steps = []string{"apply"}
				}
				compare(b, s, theirs(b, s, append([]candidate{{"ours", func() float64 {
					runtime.GC()
					return timed(func() { run(decoded) })
				}}}, copying(s)...), steps...)...)
				b.ReportMetric(100*float64(peak)/float64(len(s.baseBytes)), "%memory")
				b.Logf("most memory beyond the model and the published bytes: %.1f MiB, %.2f %% of the model", float64(peak)/(1<<20), 100*float64(peak)/float64(len(s.baseBytes)))
			})
		}
	}
}

// peakMemory runs f and gives by how much the memory that Go holds for its heap grew meanwhile at most.
func peakMemory(f func()) uint64 {
	read := func() uint64 {
		m := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
		metrics.Read(m)
		return m[0].Value.Uint64() + m[1].Value.Uint64()
	}
	runtime.GC()
	runtime.GC()
	before, most := read(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			most = max(most, read())
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	f()
	close(done)
	<-ended
	return max(most, before) - before
}

func BenchmarkHash(b *testing.B) {
	s := prepare(b)
	limit := candidate{"limit", func() float64 { return timed(func() { sink += xxh3.Hash128(s.nowBytes).Lo }) }}
	compare(b, s, theirs(b, s, append([]candidate{{"ours", func() float64 {
		return timed(func() {
			if _, err := patch.Hash(b.Context(), s.now); err != nil {
				b.Fatal(err)
			}
		})
	}}, limit}, copying(s)...), "hash")...)
}

var sink uint64

// BenchmarkSize compares the bytes of a patch with those of zstd over old xor new.
func BenchmarkSize(b *testing.B) {
	s := prepare(b)
	xor := &counter{}
	e, err := zstd.NewWriter(xor, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	buffer := make([]byte, 1<<20)
	for at := 0; at < len(s.baseBytes); at += len(buffer) {
		part := buffer[:min(len(buffer), len(s.baseBytes)-at)]
		for i := range part {
			part[i] = s.baseBytes[at+i] ^ s.nowBytes[at+i]
		}
		if _, err := e.Write(part); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
	python := startPython()(b, s)
	for _, version := range []patch.Version{patch.V31, patch.V3, patch.V2} {
		b.Run(version.Format(), func(b *testing.B) {
			p, blob := published(b, s, version)
			for b.Loop() {
				sink++
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(blob))/float64(s.positions), "B/change")
			b.ReportMetric(float64(len(blob))/float64(xor.n), "x-xor")
			line := fmt.Sprintf("%.2f MiB (%.2f before compression) for %d changes, %.3f of xor and zstd (%.2f MiB)", mebi(len(blob)), mebi(int(p.PayloadBytes())), s.positions,
				float64(len(blob))/float64(xor.n), mebi(xor.n))
			if python != nil {
				line += fmt.Sprintf(", %.3f of xor and libzstd's level 1 (%.2f MiB)", float64(len(blob))/float64(python.xor), mebi(python.xor))
				b.ReportMetric(float64(len(blob))/float64(python.xor), "x-libzstd")
				if version == patch.V31 {
					r := python.round(b)
					line += fmt.Sprintf("; the reference's way gives %.2f MiB", mebi(r.Bytes))
					interop(b, s, python, r)
				}
			}
			b.Log(line)
		})
	}
}

// interop reads the patch that Python wrote.
func interop(b *testing.B, s *setting, python *python, r round) {
	theirs, err := os.ReadFile(python.patch)
	if err != nil {
		b.Fatal(err)
	}
	p, err := patch.Decode(b.Context(), theirs, patch.V31, patch.Options{})
	if err != nil {
		b.Fatal(err)
	}
	got, err := patch.Apply(b.Context(), s.dst, s.base, []*patch.Patch{p}, patch.Options{Hash: true})
	if err != nil || got.Hash != r.Hash {
		b.Fatalf("Python's patch gives %s, %v, and %s there", got.Hash, err, r.Hash)
	}
}

func mebi(n int) float64 { return float64(n) / (1 << 20) }

type counter struct{ n int }

func (c *counter) Write(b []byte) (int, error) { c.n += len(b); return len(b), nil }
