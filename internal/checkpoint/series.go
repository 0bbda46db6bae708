package checkpoint

// Series decides in which form checkpoints are published one after the other (section 12.3): patches, and a whole one now and then, so that nobody who comes
// later has to apply more than a few. It is plain data, written after each publication.
type Series struct {
	// Last is the label of the newest published checkpoint, -1 for none.
	Last int64 `json:"last"`
	// Anchor is the whole checkpoint that patches go back to, Length how many patches lie between, -1 and 0 before the first.
	Anchor int64 `json:"anchor"`
	Length int   `json:"length"`
	// Whole is the label of a checkpoint that is to be uploaded whole as well, -1 for none.
	Whole int64 `json:"whole"`
}

// NewSeries is one before its first checkpoint.
func NewSeries() Series { return Series{Last: -1, Anchor: -1, Whole: -1} }

// Form is how a checkpoint is to be published.
type Form struct {
	// Known says that it is published already: there is nothing to do.
	Known bool
	// Patch says that it goes as a patch of the one before; otherwise whole.
	Patch bool
	// Whole says that after the patch it is uploaded whole as well.
	Whole bool
}

// Next says how the checkpoint of a window is to be published. stride is the number of blocks between whole ones, interval how many patches may follow each
// other; an interval below 1 publishes whole ones only.
func (s Series) Next(window, stride int64, interval int) Form {
	f := Form{Known: window == s.Last, Patch: interval >= 1 && s.Last >= 0}
	f.Whole = f.Patch && (window%stride == 0 || s.Length >= interval)
	return f
}

// Published takes note of a checkpoint that was published in a form.
func (s *Series) Published(window int64, f Form) {
	s.Last = window
	switch {
	case !f.Patch:
		s.Anchor, s.Length = window, 0
	case f.Whole:
		s.Length, s.Whole = 0, window
	default:
		s.Length++
	}
}

// WholeDone takes note of a whole upload beside a patch, which may end after others that began later.
func (s *Series) WholeDone(window int64, ok bool) {
	if s.Whole == window {
		s.Whole = -1
	}
	if ok && window > s.Anchor {
		s.Anchor, s.Length = window, 0
	}
}
