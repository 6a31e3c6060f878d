package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// roleEnv makes the test binary a program that Run runs.
const roleEnv = "COMMAND_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "writes to a reset connection":
		Run(func(ctx context.Context, _ []string, _, stderr io.Writer) int {
			return Code("test", afterReset(ctx), stderr)
		})
	case "writes for ever":
		Run(func(ctx context.Context, _ []string, stdout, _ io.Writer) int {
			for ctx.Err() == nil {
				fmt.Fprintln(stdout, "text")
			}
			return 7
		})
	}
}

// afterReset writes to connections whose other side is gone.
func afterReset(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	server, err := listener.Accept()
	if err != nil {
		return err
	}
	_ = server.(*net.TCPConn).SetLinger(0)
	_ = server.Close()
	for i := 0; err == nil || i < 10; i++ {
		_, err = client.Write([]byte("text"))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond): // a signal takes its way
		return nil
	}
}

func TestResetConnectionEndsNothing(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=writes to a reset connection")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnreadOutputEndsInOrder(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=writes for ever")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	_ = out.Close()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}
