module github.com/docker/leadership
