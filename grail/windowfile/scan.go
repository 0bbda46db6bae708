package windowfile

import (
	"context"
	"errors"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"

	"github.com/nanteos/nanteos/grail"
)

// scanGroup reads rows lo..hi-1 of one row group.
func (f *File) scanGroup(ctx context.Context, cols Columns, g *rowGroup, lo, hi int64, scan *budget, each func(int64, *grail.Row) error) error {
	scan.used = 0
	var readers []*pages
	var missing grail.NullFields
	for i := range columns {
		if cols&(1<<i) == 0 {
			continue
		}
		l := f.leaves[i]
		if l == nil {
			missing |= columns[i].null
			continue
		}
		c := &g.chunks[l.index]
		at, n, err := f.span(c, i)
		if err != nil {
			return err
		}
		if c.typ != l.typ {
			return fail(ErrCorrupt, columns[i].path, f.start, "the column's type differs from the schema's")
		}
		p := &pages{f: f, scan: scan, leaf: l, pos: at, end: at + n, winAt: at, codec: c.codec, chunkLeft: c.values, pageAt: at}
		p.vals = values{leaf: l, kind: columns[i].kind}
		readers = append(readers, p)
	}
	for _, p := range readers {
		if err := p.skip(ctx, lo-g.first); err != nil {
			return err
		}
	}
	for i := lo; i < hi; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := &grail.Row{Null: missing}
		for _, p := range readers {
			if err := p.read(row); err != nil {
				var e *Error
				if errors.As(err, &e) && e.Row < 0 {
					e.Row = i
				}
				return err
			}
		}
		const fatal = grail.NullCommit | grail.NullTokens | grail.NullTokenLogprobs
		if row.Null.Has(fatal) {
			e := fail(ErrUnreadable, (row.Null & fatal).String(), -1, "the value is null")
			e.Row = i
			return e
		}
		if err := each(i, row); err != nil {
			return err
		}
	}
	return nil
}

// skip steps over rows.
func (p *pages) skip(ctx context.Context, rows int64) error {
	for rows > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.i == p.n && p.pageLeft == 0 {
			n, ok, err := p.next(rows)
			if err != nil {
				return err
			}
			if rows -= n; rows == 0 {
				return nil // a page that was opened begins with the first row that is wanted
			}
			if !ok {
				return p.fault(ErrCorrupt, "the column ends before its rows do")
			}
		}
		if _, _, err := p.entry(); err != nil {
			return err
		}
		if p.leaf.maxRep > 0 {
			for {
				rep, ok, err := p.peek()
				if err != nil {
					return err
				}
				if !ok || rep == 0 {
					break
				}
				if _, _, err := p.entry(); err != nil {
					return err
				}
			}
		}
		rows--
	}
	return nil
}

// fill makes sure that the block has an entry; ok is false at the end of the chunk.
func (p *pages) fill() (ok bool, err error) {
	for p.i == p.n {
		if p.pageLeft == 0 {
			if _, ok, err := p.next(0); err != nil || !ok {
				return false, err
			}
		}
		if err := p.block(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// peek tells the repetition level of the next entry.
func (p *pages) peek() (rep uint32, ok bool, err error) {
	if ok, err := p.fill(); err != nil || !ok {
		return 0, false, err
	}
	if p.leaf.maxRep == 0 {
		return 0, true, nil
	}
	return p.reps[p.i], true, nil
}

// entry takes the next entry: its definition level, and the place of its value in the block, or -1 for a null.
func (p *pages) entry() (def uint32, at int, err error) {
	ok, err := p.fill()
	if err != nil {
		return 0, -1, err
	}
	if !ok {
		return 0, -1, p.fault(ErrCorrupt, "the column ends before its rows do")
	}
	def, at = p.defs[p.i], -1
	if p.flatDef || def == uint32(p.leaf.maxDef) {
		at = p.v
		p.v++
		def = uint32(p.leaf.maxDef)
	}
	p.i++
	return def, at, nil
}

// read takes the next row's value of this column into row.
func (p *pages) read(row *grail.Row) error {
	if columns[p.leaf.col].list {
		return p.readList(row)
	}
	def, at, err := p.entry()
	if err != nil {
		return err
	}
	if at < 0 {
		return p.null(row, def)
	}
	return p.set(row, at)
}

// null marks what is null at definition level def: a struct around the column, or the value itself.
func (p *pages) null(row *grail.Row, def uint32) error {
	c := &columns[p.leaf.col]
	if 1<<p.leaf.col == RolloutGroup {
		return p.fault(ErrNullGroup, "the value is null")
	}
	for _, s := range p.leaf.structs {
		if def < uint32(s.def) {
			row.Null |= grail.NullFields(s.null)
		}
	}
	row.Null |= c.null
	return nil
}

// readList takes the entries of one list.
func (p *pages) readList(row *grail.Row) error {
	tokens := 1<<p.leaf.col == Tokens
	rep, ok, err := p.peek()
	if err != nil {
		return err
	}
	if ok && rep != 0 {
		return p.fault(ErrCorrupt, "a list goes on where a row begins")
	}
	def, at, err := p.entry()
	if err != nil {
		return err
	}
	var ints []int32
	var reals []float64
	if tokens {
		ints = make([]int32, 0, 64)
	} else {
		reals = make([]float64, 0, 64)
	}
	for n := 0; ; n++ {
		switch {
		case n == 0 && def < uint32(p.leaf.nodeDef):
			if err := p.null(row, def); err != nil {
				return err
			}
		case n == 0 && def < uint32(p.leaf.slotDef): // empty list
		case n >= p.f.lim.ListLength:
			return p.fault(ErrTooLarge, "%s", tooMany("elements and more in a list", int64(n), int64(p.f.lim.ListLength)))
		case tokens:
			var v int64
			if at >= 0 {
				v = p.ints[at]
			} else {
				row.Null |= columns[p.leaf.col].nullE
			}
			if v < math.MinInt32 || v > math.MaxInt32 {
				return p.wrap(errRange)
			}
			ints = append(ints, int32(v))
		default:
			v := math.NaN()
			if at >= 0 {
				v = p.reals[at]
			} else {
				row.Null |= columns[p.leaf.col].nullE
			}
			reals = append(reals, v)
		}
		rep, ok, err := p.peek()
		if err != nil {
			return err
		}
		if !ok || rep == 0 {
			break
		}
		if def < uint32(p.leaf.slotDef) {
			return p.fault(ErrCorrupt, "a list without elements goes on")
		}
		if def, at, err = p.entry(); err != nil {
			return err
		}
		if def < uint32(p.leaf.slotDef) {
			return p.fault(ErrCorrupt, "a list is null in its middle")
		}
	}
	if tokens {
		row.Commit.Tokens = ints
	} else {
		row.Commit.Rollout.TokenLogprobs = reals
	}
	return nil
}

// set stores value at of the present block in its field.
func (p *pages) set(row *grail.Row, at int) error {
	c := &row.Commit
	var n int64
	var text string
	switch columns[p.leaf.col].kind {
	case kindInt:
		n = p.ints[at]
		if columns[p.leaf.col].bits == 32 && (n < math.MinInt32 || n > math.MaxInt32) {
			return p.wrap(errRange)
		}
	case kindText:
		var err error
		if text, err = p.text(at); err != nil {
			return err
		}
		if len(text) > p.f.lim.TextBytes {
			return p.fault(ErrTooLarge, "%s", tooMany("bytes in a text", int64(len(text)), int64(p.f.lim.TextBytes)))
		}
	}
	switch Columns(1) << p.leaf.col {
	case WindowStart:
		row.WindowStart = n
	case Block:
		row.Block = n
	case Nonce:
		row.Nonce = n
	case BlockHash:
		row.BlockHash = text
	case Randomness:
		row.Randomness = text
	case UseDrand:
		row.UseDrand = p.bools[at]
	case RolloutGroup:
		row.RolloutGroup = n
	case RolloutIndex:
		row.RolloutIndex = int32(n)
	case TotalInGroup:
		row.TotalInGroup = int32(n)
	case CheckpointWindow:
		row.CheckpointWindow = n
	case Commitments:
		return p.commitments(row, text)
	case ProofVersion:
		c.ProofVersion = text
	case ModelName:
		c.Model.Name = text
	case LayerIndex:
		c.Model.LayerIndex = int32(n)
	case CommitSignature:
		c.Signature = text
	case Beacon:
		return p.beacon(row, text)
	case TotalReward:
		c.Rollout.TotalReward = p.reals[at]
	case Advantage:
		c.Rollout.Advantage = p.reals[at]
	case Success:
		c.Rollout.Success = p.bools[at]
	case PromptLength:
		c.Rollout.PromptLength = int32(n)
	case CompletionLength:
		c.Rollout.CompletionLength = int32(n)
	case Timestamp:
		row.Timestamp = p.reals[at]
	case Challenge:
		row.Challenge = text
	case Hotkey:
		row.Hotkey = text
	case Signature:
		row.Signature = text
	}
	return nil
}

// text returns text at of the present block. Plain texts are copied out of the page only here, so that rows that are skipped cost
// nothing.
func (p *pages) text(at int) (string, error) {
	if p.vals.enc != format.Plain {
		return p.texts[at], nil
	}
	b := p.vals.b[p.spans[at][0]:p.spans[at][1]]
	if len(b) > p.f.lim.TextBytes {
		return "", p.fault(ErrTooLarge, "%s", tooMany("bytes in a text", int64(len(b)), int64(p.f.lim.TextBytes)))
	}
	if !utf8.Valid(b) {
		return "", p.wrap(errText)
	}
	return string(b), nil
}

// commitments parses the JSON text of commit.commitments; the same text as in the row before is not parsed again.
func (p *pages) commitments(row *grail.Row, text string) error {
	if !p.parsed || text != p.lastText {
		if err := p.scan.parse(p, len(text)); err != nil {
			return err
		}
		c, err := grail.ParseCommitments([]byte(text))
		if err != nil {
			return p.fault(ErrUnreadable, "%v", err)
		}
		if c.Len() > p.f.lim.ListLength {
			return p.fault(ErrTooLarge, "%s", tooMany("commitments", int64(c.Len()), int64(p.f.lim.ListLength)))
		}
		p.parsed, p.lastText, p.lastCommitments = true, text, c
	}
	row.Commit.Commitments = p.lastCommitments
	return nil
}

// beacon parses the JSON text of commit.beacon.
func (p *pages) beacon(row *grail.Row, text string) error {
	if !p.parsed || text != p.lastText {
		if err := p.scan.parse(p, len(text)); err != nil {
			return err
		}
		b, err := grail.ParseBeacon([]byte(text))
		if err != nil {
			return p.fault(ErrUnreadable, "%v", err)
		}
		p.parsed, p.lastText, p.lastBeacon = true, text, b
	}
	row.Commit.Beacon = p.lastBeacon
	return nil
}
