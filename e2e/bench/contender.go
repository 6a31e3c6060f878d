package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// stopWithin is more than any of them needs to end.
const stopWithin = 20 * time.Second

// errDied tells that a contender has ended by itself, which is a result and no error.
var errDied = errors.New("it has ended")

// contender is a program that carries a tree into the catalog, with the client agent that
// it works through.
type contender struct {
	name string
	tree *tree
	node *consulproc.Process
	// command returns the command line for an agent, or for a meter before it.
	command func(c *contender, consul string) ([]string, error)
	dir     string
	program *rig.Program
	died    string // why it ended; empty while it lives
}

func (s *stage) newContender(name string, size int, command func(*contender, string) ([]string, error)) (*contender, error) {
	c := &contender{name: name, tree: newTree(s.server, name, size), command: command, dir: filepath.Join(s.dir, name)}
	return c, os.MkdirAll(c.dir, 0o700)
}

// start runs the program against its agent, or what stands before that.
func (c *contender) start(consul string) error {
	command, err := c.command(c, consul)
	if err != nil {
		return err
	}
	c.program, err = rig.StartProgram(filepath.Join(c.dir, "log"), []string{"HOME=" + c.dir, "TMPDIR=" + c.dir}, command...)
	return err
}

func (c *contender) stop() error {
	if c.program == nil {
		return nil
	}
	return c.program.Stop(stopWithin)
}

// alive notes when the program has ended by itself.
func (c *contender) alive() bool {
	if c.died == "" && c.program != nil && !c.program.Running() {
		c.died = reason(c.program.Logs(20))
	}
	return c.died == ""
}

// folders are those of a file in a message, which are those of the machine that measures.
var folders = regexp.MustCompile(`(^|[\s"])/[^\s":]*/`)

// reason returns the end of the last line that tells of an error.
func reason(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	told := lines[len(lines)-1]
	for _, line := range lines {
		if strings.Contains(strings.ToLower(line), "err") && !strings.HasSuffix(line, "stderr:") {
			told = line
		}
	}
	told = folders.ReplaceAllString(told, "$1")
	const most = 120
	return told[max(0, len(told)-most):]
}

// timed makes a change and returns how long it takes until it is visible. A change that
// does not come within the patience is lost, and took as long as that.
func (c *contender) timed(ctx context.Context, server *api.Client, want measure.Service, present bool, patience time.Duration, write func() error) (took time.Duration, lost bool, err error) {
	index, err := indexOf(ctx, server, want)
	if err != nil {
		return 0, false, err
	}
	timely, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type sight struct {
		at  time.Time
		err error
	}
	seen := make(chan sight, 1)
	go func() {
		err := await(timely, server, want, index, present)
		seen <- sight{time.Now(), err}
	}()
	begun := time.Now()
	if err := write(); err != nil {
		return 0, false, err
	}
	switch s := <-seen; {
	case s.err == nil:
		return s.at.Sub(begun), false, nil
	case ctx.Err() != nil:
		return 0, false, ctx.Err()
	case timely.Err() != nil && !c.alive():
		return 0, false, errDied
	case timely.Err() != nil:
		return patience, true, nil
	default:
		return 0, false, s.err
	}
}
