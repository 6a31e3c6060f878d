// Package config reads what the operator decided.
package config
