package trainer

// Loop counts epochs and windows of a training (B2). It is plain data and written with every turn.
type Loop struct {
	// Epoch is the number of epochs made, Completed that of windows trained on.
	Epoch     int `json:"epoch"`
	Completed int `json:"completed"`
	// Loaded is the last window whose rollouts were taken, Current the one in training; -1 for none.
	Loaded  int64 `json:"loaded"`
	Current int64 `json:"current"`
	// Epochs is how many epochs were made in the current window, Final whether the planned number of windows was reached.
	Epochs int  `json:"epochs"`
	Final  bool `json:"final"`
}

// NewLoop is a training that has not begun.
func NewLoop() Loop { return Loop{Loaded: -1, Current: -1} }

// Turn is what is to be done when window W is in progress.
type Turn struct {
	// Seed is the epoch's.
	Seed int64
	// Data is the window whose rollouts are to be taken, -1 where there are none to take.
	Data int64
	// Final says that the planned number of windows is reached now.
	Final bool
}

// Begin begins a turn in window w, of length blocks a window and total planned windows. The reference counts a window again each time that loading
// it failed (F19), with quirks.
func (l *Loop) Begin(w, length int64, total int, quirks bool) Turn {
	t := Turn{Seed: w + int64(l.Epoch), Data: -1}
	d := w - length
	if d == l.Loaded || d < 0 {
		return t
	}
	t.Data = d
	if l.Epochs > 0 && l.Current >= 0 && (quirks || l.Current != d) {
		l.Completed++
		if l.Completed >= total && !l.Final {
			l.Final, t.Final = true, true
		}
	}
	if quirks || l.Current != d {
		l.Epochs = 0
	}
	l.Current = d
	return t
}

// Took says that rollouts of a window were taken.
func (l *Loop) Took(window int64) { l.Loaded = window }

// Trained says that an epoch was made.
func (l *Loop) Trained() {
	l.Epoch++
	l.Epochs++
}
