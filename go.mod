module github.com/secretwatch/secretwatch

go 1.24.0

require github.com/valyala/fastjson v1.6.10
