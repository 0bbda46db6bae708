package serve

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nanteos/nanteos/model"
)

// metrics are the figures behind /metrics.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	first    prometheus.Histogram
	steps    prometheus.Histogram
}

func newMetrics(s *Server) *metrics {
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "nanteos_serve", Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nanteos_serve", Name: "requests_total", Help: "Requests by route and status."}, []string{"route", "status"}),
		seconds:  histogram("request_seconds", "Time of requests for completions.", .01, .03, .1, .3, 1, 3, 10, 30, 100, 300),
		first:    histogram("first_token_seconds", "Time to the first token.", .001, .003, .01, .03, .1, .3, 1, 3, 10, 30),
		steps:    histogram("step_seconds", "Time of a step of the batch.", .0003, .001, .003, .01, .03, .1, .3, 1, 3),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.seconds, m.first, m.steps)
	if s.scheduler != nil {
		load := func(kind func(prometheus.Opts, func() float64) prometheus.Collector, name, help string, f func(model.BatchLoad) float64) {
			registry.MustRegister(kind(prometheus.Opts{Namespace: "nanteos_serve", Name: name, Help: help}, func() float64 {
				l, _, _, _ := s.scheduler.state()
				return f(l)
			}))
		}
		gauge := func(o prometheus.Opts, f func() float64) prometheus.Collector {
			return prometheus.NewGaugeFunc(prometheus.GaugeOpts(o), f)
		}
		counter := func(o prometheus.Opts, f func() float64) prometheus.Collector {
			return prometheus.NewCounterFunc(prometheus.CounterOpts(o), f)
		}
		load(gauge, "sequences_running", "Sequences being decoded.", func(l model.BatchLoad) float64 { return float64(l.Running) })
		load(gauge, "sequences_waiting", "Sequences that wait.", func(l model.BatchLoad) float64 { return float64(l.Waiting) })
		load(gauge, "pages", "Pages of keys and values that there are.", func(l model.BatchLoad) float64 { return float64(l.Pages) })
		load(gauge, "pages_held", "Pages that sequences hold.", func(l model.BatchLoad) float64 { return float64(l.PagesHeld) })
		load(gauge, "pages_cached", "Pages of ended sequences that are kept for others with the same beginning.", func(l model.BatchLoad) float64 { return float64(l.PagesCached) })
		load(counter, "prompt_tokens_total", "Prompt tokens processed.", func(l model.BatchLoad) float64 { return float64(l.Prefilled) })
		load(counter, "adopted_tokens_total", "Tokens found in pages that were known.", func(l model.BatchLoad) float64 { return float64(l.Adopted) })
		load(counter, "generated_tokens_total", "Tokens generated.", func(l model.BatchLoad) float64 { return float64(l.Generated) })
		load(counter, "preemptions_total", "Sequences put back for want of memory.", func(l model.BatchLoad) float64 { return float64(l.Preemptions) })
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}
