package measure

import (
	"encoding/json"
	"fmt"
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
