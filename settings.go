package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/config"
)

const configFlag = "config"

// configFile is where the packages put the configuration. It is read when no other file is
// named.
const configFile = "/etc/k8s-registrar/config.hcl"

// configFlags returns a flag for the file and one for every setting. Their values
// are read by package config, which alone knows what is valid.
func configFlags() []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{
		Name:    configFlag,
		Usage:   "read the configuration from `FILE`, by default from " + configFile + " if that is there",
		Value:   configFile,
		EnvVars: []string{"K8S_REGISTRAR_CONFIG"},
	}}
	defaults := config.Default()
	for _, s := range defaults.Settings() {
		usage := s.Usage + " [$" + s.Env() + "]"
		if s.IsBool() {
			flags = append(flags, &cli.BoolFlag{Name: s.Flag(), Usage: usage})
		} else {
			flags = append(flags, &cli.StringFlag{Name: s.Flag(), Usage: usage, DefaultText: s.String()})
		}
	}
	return flags
}

// fileOf returns the file of the configuration. One that was named has to be there, the usual
// one need not be. "" is none, and whoever names "" wants none.
func fileOf(c *cli.Context) string {
	file := c.String(configFlag)
	if c.IsSet(configFlag) {
		return file
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return file
}

// loadConfig reads the configuration from all its sources.
func loadConfig(c *cli.Context) (config.Config, error) {
	flags := map[string]string{}
	defaults := config.Default()
	for _, s := range defaults.Settings() {
		switch {
		case !c.IsSet(s.Flag()):
		case s.IsBool():
			flags[s.Name] = strconv.FormatBool(c.Bool(s.Flag()))
		default:
			flags[s.Name] = c.String(s.Flag())
		}
	}
	cfg, err := config.Load(config.Sources{File: fileOf(c), Env: os.LookupEnv, Flags: flags})
	if err != nil {
		return cfg, codedError{exitConfig, err}
	}
	return cfg, nil
}
