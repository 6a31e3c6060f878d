package config

import "strings"

// didYouMean ends a sentence about an unknown name with the known one that was
// probably meant: one with a slip or two in it, or else the right word in the
// wrong block. HCL's own suggestions do not look into other blocks.
func didYouMean(name string, known []string) string {
	meant, distance := "", 3
	for _, candidate := range known {
		if d := editDistance(name, candidate); d < distance {
			meant, distance = candidate, d
		}
	}
	for _, candidate := range known {
		if meant == "" && lastPart(candidate) == lastPart(name) {
			meant = candidate
		}
	}
	if meant == "" {
		return ""
	}
	return ": did you mean " + meant + "?"
}

func lastPart(name string) string {
	return name[strings.LastIndex(name, ".")+1:]
}

// editDistance counts the letters to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1) // the distances of a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
