package takeover

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// retiredSuffix makes a name that Consul does not load: it reads *.json and *.hcl of a
// directory.
const retiredSuffix = ".retired"

// errChanged says that the file was written anew while it was looked at.
var errChanged = errors.New("the file has just been written again")

// file is consul-template's file, in place or retired.
type file struct{ path string }

func (f file) retired() string { return f.path + retiredSuffix }

// read returns the old set, its text, and where the file is. If both are there the one in
// place counts.
func (f file) read() (text []byte, inPlace, retired bool, err error) {
	text, err = os.ReadFile(f.path)
	inPlace = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, false, fmt.Errorf("read old services: %w", err)
	}
	aside, err := os.ReadFile(f.retired())
	retired = err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, false, fmt.Errorf("read old services: %w", err)
	}
	if !inPlace {
		text = aside
	}
	if !inPlace && !retired {
		return nil, false, false, fmt.Errorf("read old services: there is neither %s nor %s: name the file that consul-template writes with --file", f.path, f.retired())
	}
	return text, inPlace, retired, nil
}

// retire moves the file aside if it still says what was judged.
func (f file) retire(judged []byte) error {
	err := f.untwin()
	if err == nil {
		err = os.Rename(f.path, f.retired())
	}
	if err != nil {
		return fmt.Errorf("move the file aside: %w", err)
	}
	now, err := os.ReadFile(f.retired())
	if err == nil && bytes.Equal(now, judged) {
		return nil
	}
	return errors.Join(errChanged, err, f.restore())
}

// untwin makes sure that the two names are not those of one file, as restore leaves it when it
// is killed: to move a file to another of its names does nothing, and says that all went well.
func (f file) untwin() error {
	here, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	aside, err := os.Stat(f.retired())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && os.SameFile(here, aside):
		return os.Remove(f.retired())
	}
	return err
}

// restore puts the file back. One that is in place meanwhile is newer, and stays.
func (f file) restore() error {
	err := os.Link(f.retired(), f.path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("put the file back: %w", err)
	}
	if err := os.Remove(f.retired()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put the file back: %w", err)
	}
	return nil
}
