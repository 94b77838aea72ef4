package main

// glibc.c defines the functions named here.

// #cgo LDFLAGS: -Wl,-wrap=dlsym -Wl,-wrap=fstat -Wl,-wrap=pthread_attr_getstack -Wl,-wrap=pthread_attr_getstacksize
// #cgo LDFLAGS: -Wl,-wrap=pthread_create -Wl,-wrap=pthread_getattr_np -Wl,-wrap=pthread_key_create
// #cgo LDFLAGS: -Wl,-wrap=pthread_setspecific -Wl,-wrap=pthread_sigmask
import "C"
