package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Replace puts a result into the place of an earlier one that compares as equal, and sorts.
func Replace[T any](all []T, fresh T, compare func(a, b T) int) []T {
	all = slices.DeleteFunc(all, func(old T) bool { return compare(old, fresh) == 0 })
	all = append(all, fresh)
	slices.SortFunc(all, compare)
	return all
}
