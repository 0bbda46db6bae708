package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// problem is an answer that isn't what was asked for, in OpenAI's form.
type problem struct {
	status  int
	kind    string // OpenAI's type
	code    string
	param   string // field of the request
	message string
	retry   time.Duration // 0: no sense in trying again
}

func (p *problem) Error() string { return p.message }

// The problems of a server rather than of a request.
var (
	errEnding   = &problem{status: http.StatusServiceUnavailable, kind: "server_error", code: "shutting_down", message: "the server is shutting down", retry: 5 * time.Second}
	errTimeout  = &problem{status: http.StatusGatewayTimeout, kind: "server_error", code: "timeout", message: "the request took longer than the server allows"}
	errInternal = &problem{status: http.StatusInternalServerError, kind: "server_error", code: "internal_error", message: "the model failed; the server's log says more"}
)

// invalid is a request that can't be understood or can't be served.
func invalid(param, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, kind: "invalid_request_error", code: "invalid_value", param: param, message: fmt.Sprintf(format, args...)}
}

func busy(after time.Duration) *problem {
	return &problem{status: http.StatusServiceUnavailable, kind: "server_error", code: "overloaded", message: "the server is busy; try again later", retry: after}
}

// body is the JSON of the problem. SGLang's clients read error.message too.
func (p *problem) body() []byte {
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	b, err := json.Marshal(map[string]any{"error": map[string]any{"message": p.message, "type": p.kind, "param": null(p.param), "code": null(p.code)}})
	if err != nil { // strings and nil always encode
		return []byte(`{"error":{"message":"internal error"}}`)
	}
	return b
}

// write sends the problem as the whole answer.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body()) // the client is told, or is gone
}
