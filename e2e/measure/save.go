package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Save keeps results as JSON in a file, for a later run to go on from. An empty path keeps
// nothing.
func Save(path string, results any) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(results)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	return nil
}

// Load reads the results of earlier runs. Without a file, or a path, there are none.
func Load(path string, results any) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, results)
	}
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	return nil
}
