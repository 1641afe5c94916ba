//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A server is a child process on the first core, the mock or bare.
type server struct {
	cmd         *exec.Cmd
	stdin       io.Closer
	addr, admin string
}

// cores is how the machine is shared: the first core for the server, the others
// for this process.
type cores struct{ server, rest unix.CPUSet }

func shareCores() (c cores, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return c, err
	}
	for cpu := range 1024 {
		switch {
		case !all.IsSet(cpu):
		case c.server.Count() == 0:
			c.server.Set(cpu)
		default:
			c.rest.Set(cpu)
		}
	}
	if c.rest.Count() == 0 {
		return c, errors.New("one core is not enough: the reader would share the server's")
	}
	return c, nil
}

// start runs a server. A child inherits the affinity of the thread that forks it.
func (c cores) start(command ...string) (*server, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &c.server); err != nil {
		return nil, err
	}
	s, err := spawn(command)
	return s, errors.Join(err, pin(&c.rest))
}

// pin keeps every thread of this process on the given cores.
func pin(set *unix.CPUSet) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, set); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

func spawn(command []string) (*server, error) {
	s := &server{cmd: exec.Command(command[0], command[1:]...)}
	s.cmd.Stderr = os.Stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.stdin = stdin
	lines := bufio.NewScanner(out)
	for _, into := range []*string{&s.addr, &s.admin} {
		if !lines.Scan() {
			return nil, errors.New("the mock did not say where it listens")
		}
		_, *into, _ = strings.Cut(lines.Text(), "http://")
	}
	return s, nil
}

// stop ends the server.
func (s *server) stop() error {
	return errors.Join(s.stdin.Close(), s.cmd.Wait())
}

// state is what /admin/state says that matters here.
type state struct {
	InFlight int `json:"in_flight"`
	Lateness struct {
		Tokens int64   `json:"tokens"`
		P50MS  float64 `json:"p50_ms"`
		P99MS  float64 `json:"p99_ms"`
		MaxMS  float64 `json:"max_ms"`
	} `json:"lateness"`
}

func (s *server) state() (st state, err error) {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + s.admin + "/admin/state")
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	return st, json.NewDecoder(resp.Body).Decode(&st)
}

// profile writes the server's CPU profile of the time d to a file.
func (s *server) profile(file string, d time.Duration) error {
	client := http.Client{Timeout: d + 10*time.Second}
	resp, err := client.Get(fmt.Sprintf("http://%s/admin/profile?seconds=%d", s.admin, int(d.Seconds())))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

// begin starts a stage: the lateness counts from now.
func (s *server) begin() error {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post("http://"+s.admin+"/admin/stage", "application/json", strings.NewReader(`{"name":"steady"}`))
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// cost is what the process used so far and holds now.
type cost struct {
	cpu time.Duration
	rss int64
}

func (s *server) cost() (c cost, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return c, err
	}
	// Fields behind the name, which may hold spaces: utime is the 12th, stime
	// the 13th, in ticks of 10 ms, rss the 22nd, in pages (proc(5)).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 22 {
		return c, errors.New("/proc/PID/stat is too short")
	}
	var n [3]int64
	for i, at := range []int{11, 12, 21} {
		if n[i], err = strconv.ParseInt(fields[at], 10, 64); err != nil {
			return c, err
		}
	}
	c.cpu = time.Duration(n[0]+n[1]) * 10 * time.Millisecond
	c.rss = n[2] * int64(os.Getpagesize())
	return c, nil
}
