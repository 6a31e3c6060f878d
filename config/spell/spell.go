// Package spell guesses which known word an unknown one was meant to be.
package spell

// Slips is how many slips of the pen make a word another one.
const Slips = 2

// Closest returns the known word that is nearest to another, of several the first, or
// nothing if all have more than [Slips] letters to insert, delete or replace.
func Closest(word string, known []string) string {
	closest, least := "", Slips+1
	for _, candidate := range known {
		if d := distance(word, candidate); d < least {
			closest, least = candidate, d
		}
	}
	return closest
}

// distance counts the letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
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
