package rpc

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var heads = Feed{Subscribe: "chain_subscribeNewHeads", Unsubscribe: "chain_unsubscribeNewHeads", Resume: true}

func TestNotificationsBeforeTheAnswerAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"method":"x","params":{"subscription":"other","result":0}}`)
			s.send(`{"method":"x","params":{"subscription":"A","result":1}}`)
			s.send(`{"method":"x","params":{"subscription":"A","result":2}}`)
			s.send(`{"id":%d,"result":"A"}`, id)
			s.send(`{"method":"x","params":{"subscription":"A","result":3}}`)
		}}
		s, err := start(t, n, nil).Subscribe(t.Context(), heads)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1", "2", "3"} {
			if got := <-s.C; string(got.Result) != want {
				t.Fatalf("got %s, want %s", got.Result, want)
			}
		}
	})
}

func TestEarlyNotificationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo}
		c := start(t, n, nil)
		_, _ = c.Call(t.Context(), "m")
		for range 5000 {
			n.last().send(`{"method":"x","params":{"subscription":"nobody","result":0}}`)
		}
		if _, err := c.Call(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSlowReaderLosesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"id":%d,"result":7}`, id)
			for i := range 100 {
				s.send(`{"method":"x","params":{"subscription":7,"result":%d}}`, i)
			}
		}}
		feed := heads
		feed.Buffer = 10
		c := start(t, n, nil)
		s, err := c.Subscribe(t.Context(), feed)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := <-s.C; string(got.Result) != "90" || s.Dropped() != 90 || c.Stats().Dropped != 90 {
			t.Fatalf("first is %s, %d dropped", got.Result, s.Dropped())
		}
	})
}

func TestSubscriptionsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		n := &fakeNode{}
		n.script = func(s *fakeSocket, id uint64, method string, _ []json.RawMessage) {
			made++
			switch made {
			case 2: // the first renewal dies with its socket, the second gets no answer
				s.drop(errors.New("again"))
			case 3:
			default:
				s.send(`{"id":%d,"result":"s%d"}`, id, made)
				s.send(`{"method":"x","params":{"subscription":"s%d","result":%d}}`, made, made)
			}
		}
		c := start(t, n, nil)
		keep, err := c.Subscribe(t.Context(), heads)
		if err != nil {
			t.Fatal(err)
		}
		<-keep.C
		n.last().drop(errors.New("reset"))
		if got := <-keep.C; !got.Resumed {
			t.Fatalf("got %s, want the mark of a new socket", got.Result)
		}
		if got := <-keep.C; string(got.Result) != "4" {
			t.Fatalf("got %s", got.Result)
		}
		if keep.Err() != nil {
			t.Fatal(keep.Err())
		}
		keep.Close()
		if _, open := <-keep.C; open {
			t.Fatal("still open")
		}
		named(t, keep.Err(), heads.Subscribe, ErrClosed)
		keep.Close()
	})
}

func TestWatchEndsWithItsSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo}
		s, err := start(t, n, nil).Subscribe(t.Context(), Feed{Subscribe: "author_submitAndWatchExtrinsic"})
		if err != nil {
			t.Fatal(err)
		}
		n.last().drop(errors.New("reset"))
		if _, open := <-s.C; open {
			t.Fatal("still open")
		}
		named(t, s.Err(), "author_submitAndWatchExtrinsic", ErrDropped)
	})
}

func TestSubscriptionRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{}
		c := start(t, n, nil)
		answers := []string{`{"id":%d,"error":{"code":-32601,"message":"Method not found"}}`, `{"id":%d,"result":null}`, `{"id":%d,"result":{}}`}
		for i, a := range answers {
			n.script = func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) { s.send(a, id) }
			if _, err := c.Subscribe(t.Context(), heads); err == nil {
				t.Errorf("answer %d accepted", i)
			}
		}
	})
}

func TestSubscriptionRefusedOnRenewalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo}
		s, err := start(t, n, nil).Subscribe(t.Context(), heads)
		if err != nil {
			t.Fatal(err)
		}
		n.script = func(s *fakeSocket, id uint64, _ string, _ []json.RawMessage) {
			s.send(`{"id":%d,"error":{"code":-32601,"message":"Method not found"}}`, id)
		}
		n.last().drop(errors.New("reset"))
		if _, open := <-s.C; open {
			t.Fatal("still open")
		}
		var e *Error
		if !errors.As(s.Err(), &e) {
			t.Fatal(s.Err())
		}
	})
}

func TestResetDialsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNode{script: echo}
		c := start(t, n, nil)
		_, _ = c.Call(t.Context(), "m")
		c.Reset(errors.New("heads stand still"))
		time.Sleep(time.Second)
		if _, err := c.Call(t.Context(), "m"); err != nil || n.dials != 2 {
			t.Fatalf("%v after %d dials", err, n.dials)
		}
	})
}
