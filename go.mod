module github.com/secretwatch/secretwatch

go 1.24.0

require github.com/valyala/fastjson v1.6.10

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
)
