package config

import (
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	maxFileSize = 1 << 20 // bytes
	// The HCL parser calls itself for every bracket it meets; tens of
	// thousands of them overflow the stack, which no recover catches. Every
	// setting written once takes less than 300 words and signs.
	maxTokens = 2000
)

// readFile reads no more than a configuration can need, whatever path is.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	source, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(source) > maxFileSize {
		return nil, fmt.Errorf("read %s: larger than 1 MiB: this is hardly a configuration", path)
	}
	return source, nil
}

// tooManyTokens returns the line of the first token beyond maxTokens. Comments
// are free.
func tooManyTokens(source []byte) (number int, ok bool) {
	tokens, _ := hclsyntax.LexConfig(source, "", hcl.InitialPos) // the parser repeats the diagnostics
	count := 0
	for _, token := range tokens {
		if token.Type == hclsyntax.TokenComment || token.Type == hclsyntax.TokenNewline {
			continue
		}
		if count++; count > maxTokens {
			return token.Range.Start.Line, true
		}
	}
	return 0, false
}
