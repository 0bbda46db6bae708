package status

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the counters behind /metrics. Labels are names of nodes, checks and kinds, which are few; never hotkeys or windows.
type metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	rollouts *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	verdicts *prometheus.CounterVec
	checked  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	weight   *prometheus.GaugeVec
	block    prometheus.Gauge
	window   *prometheus.GaugeVec
	answers  *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "nanteos", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "nanteos", Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		events:   counter("events_total", "Events by kind.", "node", "kind"),
		rollouts: counter("rollouts_total", "Rollouts that a miner finished (made), dropped before the upload (dropped) or uploaded.", "node", "fate"),
		tokens:   counter("tokens_total", "Tokens generated in finished groups.", "node"),
		bytes:    counter("uploaded_bytes_total", "Bytes of uploaded window files.", "node"),
		verdicts: counter("verdicts_total", "Judgements of a miner's window by result; check is the first that failed.", "node", "result", "check"),
		checked:  counter("checked_rollouts_total", "Rollouts that a validator checked, by result.", "node", "result"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "nanteos", Name: "duration_seconds", Help: "How long the steps of a window take.",
			Buckets: []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000}}, []string{"node", "kind"}),
		weight:  gauge("weight", "Weights last set, by UID.", "node", "uid"),
		block:   prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "nanteos", Name: "block", Help: "Newest block."}),
		window:  gauge("window", "Window that a node is at.", "node"),
		answers: counter("answers_total", "LogicNet questions by what became of them: answered (how) or not (why), graded by a validator or left unscored.", "node", "kind", "outcome"),
	}
	m.registry.MustRegister(m.events, m.rollouts, m.tokens, m.bytes, m.verdicts, m.checked, m.seconds, m.weight, m.block, m.window, m.answers)
	return m
}

func (m *metrics) count(e Event) {
	m.events.WithLabelValues(e.Node, string(e.Kind)).Inc()
	if e.Seconds > 0 {
		m.seconds.WithLabelValues(e.Node, string(e.Kind)).Observe(e.Seconds)
	}
	switch e.Kind {
	case Block:
		m.block.Set(float64(e.Block))
	case Phase:
		m.window.WithLabelValues(e.Node).Set(float64(e.Window))
	case Group:
		m.rollouts.WithLabelValues(e.Node, "made").Add(count(e.Rollouts))
		m.tokens.WithLabelValues(e.Node).Add(count(e.Tokens))
	case Dropped:
		m.rollouts.WithLabelValues(e.Node, "dropped").Add(count(e.Rollouts))
	case Upload:
		m.rollouts.WithLabelValues(e.Node, "uploaded").Add(count(e.Rollouts))
		m.bytes.WithLabelValues(e.Node).Add(max(0, float64(e.Bytes)))
	case Verdict:
		result := "refused"
		if e.Accepted == nil {
			result = "unjudged"
		} else if *e.Accepted {
			result = "accepted"
		}
		m.verdicts.WithLabelValues(e.Node, result, e.Check).Inc()
		m.checked.WithLabelValues(e.Node, "valid").Add(count(e.Valid))
		m.checked.WithLabelValues(e.Node, "invalid").Add(count(e.Checked - e.Valid))
	case Answered, Graded:
		m.answers.WithLabelValues(e.Node, string(e.Kind), e.Check).Inc()
	case Weights:
		for uid, w := range e.Weights {
			m.weight.WithLabelValues(e.Node, itoa(uid)).Set(w)
		}
	}
}

// count keeps counters from going backwards, on which they panic.
func count(n int) float64 { return float64(max(0, n)) }

// Metrics is the Prometheus registry, for whoever has more to register.
func (r *Registry) Metrics() *prometheus.Registry { return r.metrics.registry }

// Handler serves /metrics for Prometheus and /health as JSON.
func (r *Registry) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health", r.serveHealth)
	return mux
}
