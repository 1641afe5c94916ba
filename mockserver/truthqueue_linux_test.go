package mockserver_test

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

// slowFile is a truth file that takes nothing until it is read.
func slowFile(t *testing.T) (path string, reader *os.File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "truth")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	return path, reader
}

// readSlow reads n records of the file and says whether they are 1 to n in order.
func readSlow(t *testing.T, f *os.File, n int) {
	t.Helper()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for i := range n {
		var r mockserver.Record
		if !sc.Scan() || json.Unmarshal(sc.Bytes(), &r) != nil || r.N != int64(i+1) {
			t.Fatalf("line %d: %d bytes of record %d: %v", i+1, len(sc.Bytes()), r.N, sc.Err())
		}
	}
}

// The queue takes some 320 KB; a record of these has 40 KB or so, the pipe behind it 64.
const queued, blocked, room = 8, 12, 320 << 10

// stuck has more attempts end than the queue has room for.
func stuck(t *testing.T, s *mockserver.Server) (wait func()) {
	t.Helper()
	var all sync.WaitGroup
	for range queued + blocked {
		all.Go(func() {
			defer func() { _ = recover() }() // a stream that Close cuts has its record too
			post(s, chatPath, chat(1, `,"max_tokens":1200,"stream":true`))
		})
	}
	for st := s.State(); st.Records < queued || st.Attempts < queued+blocked; st = s.State() {
	}
	return all.Wait
}

const longStreams = "engine: {model: none}\nstream: {tokens_per_chunk: 100}\nmodels: [{id: demo-8b, max_model_len: 200000}]\ntruth: "

func TestASlowDiskKeepsNobodyFromTheLedgerAndLosesNothing(t *testing.T) {
	file, reader := slowFile(t)
	s := serve(t, longStreams+file)
	mockserver.SmallQueue(s, room)
	wait := stuck(t, s)
	for range 200 { // hangs where who waits for the disk holds the ledger
		if st := s.State(); st.Records == queued+blocked || st.InFlight == 0 {
			t.Errorf("nothing waits: %+v", st)
		}
		s.Truth(queued - 1)
		admin(s, "GET", "/admin/truth?since=99", "")
	}
	closed := make(chan error)
	go func() {
		readSlow(t, reader, queued+blocked)
		wait()
		closed <- s.Close()
	}()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got := s.State(); got.Records != queued+blocked || got.InFlight != 0 {
		t.Errorf("%+v", got)
	}
}

func TestClosingWaitsForTheDisk(t *testing.T) {
	file, reader := slowFile(t)
	s := serve(t, longStreams+file)
	mockserver.SmallQueue(s, room)
	wait := stuck(t, s)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	readSlow(t, reader, queued+blocked) // those too that wait for room
	wait()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// The end of a refusal has a record, which waits for the disk as all do.
func TestASlowDiskKeepsNobodyFromTheGates(t *testing.T) {
	file, reader := slowFile(t)
	s := serve(t, longStreams+file)
	mockserver.SmallQueue(s, room)
	gate := func() net.Listener { return s.Listen(&pipeNet{make(chan net.Conn), make(chan struct{})}) }
	gate()
	begin(t, s, "down", "[{action: {connect: refuse}}]")
	wait := stuck(t, s)
	up := make(chan bool)
	go func() {
		_, _ = s.BeginStage("up", []mockserver.Fault{})
		close(up)
	}()
	for s.State().Stage != "up" {
	}
	for range 200 {
		if err := gate().Close(); err != nil {
			t.Fatal(err)
		}
	}
	readSlow(t, reader, queued+blocked+1)
	wait()
	<-up
}
