package axon

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nanteos/nanteos/bittensor/axon/nonce"
	"github.com/nanteos/nanteos/bittensor/axon/synapse"
)

// BenchmarkTCP sends signed requests over 16 connections to a server with an instant handler and nonces on disk. Signing them is not in the
// time. It reports the requests answered in a second and the 99th percentile of the time to an answer.
func BenchmarkTCP(b *testing.B) {
	store, err := nonce.Open(filepath.Join(b.TempDir(), "nonces"), nonce.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	s := newServer(b, Config{Nonces: store}, Route[echo]{})
	address := serve(b, s)
	const connections = 16
	requests := make([][][]byte, connections)
	for i := range b.N {
		c := i % connections
		r := signedRequest(b, callerKey, &echo{Text: "What is 2+2?"}, func(e *synapse.Envelope) { e.Dendrite.UUID = synapse.Some(fmt.Sprint(c)) })
		var text bytes.Buffer
		if err := r.Write(&text); err != nil {
			b.Fatal(err)
		}
		requests[c] = append(requests[c], text.Bytes())
	}
	took := make([][]time.Duration, connections)
	var group sync.WaitGroup
	b.ResetTimer()
	for c := range connections {
		group.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for _, text := range requests[c] {
				start := time.Now()
				if _, err := conn.Write(text); err != nil {
					b.Error(err)
					return
				}
				w, err := http.ReadResponse(reader, nil)
				if err != nil {
					b.Error(err)
					return
				}
				body, _ := io.ReadAll(w.Body)
				if w.StatusCode != 200 {
					b.Errorf("%s %s", w.Status, body)
					return
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	if len(all) > 0 {
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
}

// BenchmarkUnsigned is what a request costs that is refused for want of a signature.
func BenchmarkUnsigned(b *testing.B) {
	s := newServer(b, Config{}, Route[echo]{})
	r := signedRequest(b, callerKey, &echo{Text: "What is 2+2?"}, nil)
	r.Header.Del("bt_header_dendrite_signature")
	for b.Loop() {
		if w := answer(s, r); w.Code != 401 {
			b.Fatal(w.Body)
		}
	}
}
