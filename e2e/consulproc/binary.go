package consulproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// binaryEnv names the environment variable that holds the path of the Consul program.
const binaryEnv = "CONSUL_BIN"

// Binary returns the absolute path of the Consul program: the one CONSUL_BIN names, or
// else bin/consul in the root of the repository around the working directory.
func Binary() (string, error) {
	if path := os.Getenv(binaryEnv); path != "" {
		path, err := executable(path)
		if err != nil {
			return "", fmt.Errorf("find consul: %s: %w", binaryEnv, err)
		}
		return path, nil
	}
	root, err := repositoryRoot()
	if err != nil {
		return "", fmt.Errorf("find consul: %w: set %s to its path", err, binaryEnv)
	}
	path, err := executable(filepath.Join(root, "bin", "consul"))
	if err != nil {
		return "", fmt.Errorf("find consul: %w: run make bin/consul, or set %s to its path", err, binaryEnv)
	}
	return path, nil
}

// executable returns the absolute form of path if it is a program.
func executable(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s is not a program", path)
	}
	return path, nil
}

// repositoryRoot returns the nearest directory with a go.mod, from the working directory upwards.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no repository around the working directory")
		}
		dir = parent
	}
}
