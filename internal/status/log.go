package status

import (
	"context"
	"log/slog"
	"strings"
)

// Keys of log fields.
const (
	KeyNode   = "node"
	KeyWindow = "window"
	KeyReason = "reason"
	KeyHint   = "hint"
	KeyError  = "error"
)

// Level is how much an event matters to somebody who reads logs: things that go wrong are warnings, blocks and phases are for
// debugging.
func (e Event) Level() slog.Level {
	switch e.Kind {
	case Fault, Skipped, Dropped:
		return slog.LevelWarn
	case Stop:
		if e.Reason != "" {
			return slog.LevelError
		}
	case Verdict:
		if e.Accepted != nil && !*e.Accepted {
			return slog.LevelWarn
		}
	case Block, Phase:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Log writes an event as a line of a structured log.
func Log(ctx context.Context, l *slog.Logger, e Event) {
	if l.Enabled(ctx, e.Level()) {
		l.LogAttrs(ctx, e.Level(), string(e.Kind), e.attrs()...)
	}
}

// attrs are the fields that an event has.
func (e Event) attrs() []slog.Attr {
	var out []slog.Attr
	text := func(key, v string) {
		if v != "" {
			out = append(out, slog.String(key, v))
		}
	}
	number := func(key string, v int64) {
		if v != 0 {
			out = append(out, slog.Int64(key, v))
		}
	}
	text(KeyNode, e.Node)
	if e.Kind != Start && e.Kind != Stop && e.Kind != Summary {
		out = append(out, slog.Int64(KeyWindow, e.Window))
	}
	text("hotkey", e.Hotkey)
	if e.UID != nil {
		out = append(out, slog.Int("uid", *e.UID))
	}
	number("block", e.Block)
	text("phase", e.Phase)
	if e.Group != nil {
		out = append(out, slog.Int64("group", *e.Group))
	}
	number("rollouts", int64(e.Rollouts))
	number("checked", int64(e.Checked))
	number("valid", int64(e.Valid))
	if e.Accepted != nil {
		out = append(out, slog.Bool("accepted", *e.Accepted))
	}
	text("check", e.Check)
	if e.Row != nil {
		out = append(out, slog.Int("row", *e.Row))
	}
	text(KeyReason, e.Reason)
	text(KeyHint, e.Hint)
	if e.Reward != nil {
		out = append(out, slog.Float64("reward", *e.Reward))
	}
	number("bytes", e.Bytes)
	if e.Seconds != 0 {
		out = append(out, slog.Float64("seconds", e.Seconds))
	}
	text("file", e.File)
	text("text", e.Text)
	if len(e.Weights) > 0 {
		out = append(out, slog.Any("weights", e.Weights))
	}
	return out
}

// LogHandler is a slog.Handler for libraries that want a logger: what they log at level or above becomes a Fault, so that it is seen in
// the same stream as all else.
func LogHandler(to Sink, node string, level slog.Level) slog.Handler {
	return logHandler{to: to, node: node, level: level}
}

type logHandler struct {
	to    Sink
	node  string
	level slog.Level
	attrs []string
	group string
}

func (h logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	parts := append([]string{r.Message}, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		parts = append(parts, h.text(a))
		return true
	})
	h.to.Emit(Event{Time: r.Time, Kind: Fault, Node: h.node, Reason: strings.Join(parts, " ")})
	return nil
}

func (h logHandler) text(a slog.Attr) string {
	return h.group + a.Key + "=" + a.Value.Resolve().String()
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := append([]string(nil), h.attrs...)
	for _, a := range attrs {
		more = append(more, h.text(a))
	}
	h.attrs = more
	return h
}

func (h logHandler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}
