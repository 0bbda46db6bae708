package status

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Health is how a node is doing, as far as its events tell.
type Health struct {
	Node   string `json:"node"`
	Role   string `json:"role,omitempty"`
	Hotkey string `json:"hotkey,omitempty"`
	UID    *int   `json:"uid,omitempty"`
	// Running says that it has started and not stopped.
	Running bool `json:"running"`
	// Window and Phase are where it is.
	Window int64  `json:"window"`
	Phase  string `json:"phase,omitempty"`
	// Seen is the time of its last event.
	Seen time.Time `json:"seen"`
	// Fault and Hint are the last thing that went wrong, at FaultTime; empty once a later window was finished.
	Fault     string    `json:"fault,omitempty"`
	Hint      string    `json:"hint,omitempty"`
	FaultTime time.Time `json:"fault_time,omitzero"`
}

// observe keeps Health. The caller holds the lock.
func (r *Registry) observe(e Event) {
	if e.Node == "" {
		return
	}
	h, ok := r.nodes[e.Node]
	if !ok {
		h = &Health{Node: e.Node}
		r.nodes[e.Node] = h
		r.order = append(r.order, e.Node)
	}
	h.Seen = e.Time
	if e.Role != "" {
		h.Role = e.Role
	}
	switch e.Kind {
	case Start:
		h.Running, h.Hotkey, h.UID = true, e.Hotkey, e.UID
	case Stop:
		h.Running = false
		if e.Reason != "" {
			h.Fault, h.Hint, h.FaultTime = e.Reason, e.Hint, e.Time
		}
	case Phase:
		h.Window, h.Phase = e.Window, e.Phase
	case Fault, Skipped:
		h.Fault, h.Hint, h.FaultTime = e.Reason, e.Hint, e.Time
	case Upload, Weights:
		h.Fault, h.Hint, h.FaultTime = "", "", time.Time{}
	}
}

// Nodes returns the health of all nodes, in the order in which they first reported.
func (r *Registry) Nodes() []Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Health, len(r.order))
	for i, name := range r.order {
		out[i] = *r.nodes[name]
	}
	return out
}

// serveHealth answers with all nodes, and with status 503 where one has stopped.
func (r *Registry) serveHealth(w http.ResponseWriter, _ *http.Request) {
	nodes := r.Nodes()
	w.Header().Set("Content-Type", "application/json")
	for _, n := range nodes {
		if !n.Running && n.Role != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			break
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"nodes": nodes}) // the reader went away; nothing to be done
}

func itoa(n int) string { return strconv.Itoa(n) }
