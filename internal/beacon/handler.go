package beacon

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Handler serves b as a drand relay does, versions 1 and 2:
//
//	/chains                              the chain's hash in a list
//	/<hash>/info                         the chain's description
//	/<hash>/public/<n>                   round n or "latest", with randomness
//	/v2/chains, /v2/chains/<hash>/info   the same for version 2
//	/v2/chains/<hash>/rounds/<n>         round n or "latest", without randomness
//
// A round that is not due yet is answered with 404 in version 1 and 425 in version 2.
func Handler(b Beacon) http.Handler {
	info := b.Info()
	mux := http.NewServeMux()
	list := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 3600, []byte(`["`+info.Hash+`"]`+"\n")) }
	describe := func(version int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.PathValue("hash") != info.Hash {
				http.Error(w, "unknown chain", http.StatusNotFound)
				return
			}
			writeJSON(w, 3600, encodeInfo(info, version))
		}
	}
	round := func(version int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { serveRound(w, r, b, version) }
	}
	mux.HandleFunc("GET /chains", list)
	mux.HandleFunc("GET /v2/chains", list)
	mux.HandleFunc("GET /{hash}/info", describe(1))
	mux.HandleFunc("GET /v2/chains/{hash}/info", describe(2))
	mux.HandleFunc("GET /{hash}/public/{round}", round(1))
	mux.HandleFunc("GET /v2/chains/{hash}/rounds/{round}", round(2))
	return mux
}

func serveRound(w http.ResponseWriter, req *http.Request, b Beacon, version int) {
	if req.PathValue("hash") != b.Info().Hash {
		http.Error(w, "unknown chain", http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), 10*time.Second)
	defer cancel()
	var r Round
	var err error
	age := 31536000 // a round never changes
	if name := req.PathValue("round"); name == "latest" {
		age = 0
		r, err = b.Latest(ctx)
	} else {
		n, perr := strconv.ParseUint(name, 10, 64)
		if perr != nil {
			http.Error(w, "round must be a number or latest", http.StatusBadRequest)
			return
		}
		r, err = b.Round(ctx, n)
	}
	switch {
	case errors.Is(err, ErrNotDue) && version == 2:
		http.Error(w, err.Error(), http.StatusTooEarly)
	case errors.Is(err, ErrNotDue):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, "round unavailable", http.StatusServiceUnavailable)
	default:
		writeJSON(w, age, encodeRound(r, version))
	}
}

func writeJSON(w http.ResponseWriter, maxAge int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	if maxAge > 0 {
		w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(maxAge))
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	_, _ = w.Write(body) // the client's loss
}
